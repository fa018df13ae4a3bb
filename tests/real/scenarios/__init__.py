"""Every capture of the real CLI, driven again with the CLI that is installed, and compared."""
