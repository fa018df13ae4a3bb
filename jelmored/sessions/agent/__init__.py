"""Which agent a session is with, what that one has to be told, and where the session goes when it fails."""
