"""What the system lets us have: more open files than the usual 1,024, which many clients and agents would use up; and
no image of our memory after a crash, for secrets are in it."""

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


def forbid_cores() -> None:
    """Neither of us nor of what we start: agents have keys in their memory too. Whoever debugs one raises it there."""
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, hard))
