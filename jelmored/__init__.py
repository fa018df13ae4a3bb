"""jelmored: one daemon that owns all of a developer's coding-agent sessions."""

__version__ = "0.1.0"
