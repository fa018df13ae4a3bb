"""OpenCode as a provider: one `opencode serve` for all runs, its HTTP API, a stream of events for each directory."""
