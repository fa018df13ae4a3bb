"""Claude Code as a provider: one `claude` process per run, JSON lines both ways on its pipes."""
