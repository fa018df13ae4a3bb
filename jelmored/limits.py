"""What the system lets us have: more open files than the usual 1,024, which many clients and agents would use up."""

from __future__ import annotations

import resource

OPEN_FILES = 4096
"""Enough for all clients that are let in (768) and 400 agents. Not more: agents inherit it, and some programs go
through all descriptors that they could have."""


def raise_open_files() -> None:
    """As far as we may by ourselves. Less is no reason not to start."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
