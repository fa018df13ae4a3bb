"""For people who write providers, and for our own tests: a provider that does what a test tells it."""
