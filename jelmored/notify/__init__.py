"""Telling a person of sessions that nobody is attached to. Start at transitions.py: what is told, and what is not."""
