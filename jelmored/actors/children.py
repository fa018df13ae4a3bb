"""The words of supervision: what is to be kept running, and what befalls it."""

from __future__ import annotations

import enum

import attrs

from jelmored.errors import JelmoreError

from .running import Service


class RestartLimitReached(JelmoreError):
    """A child failed so often that its supervisor gave up. Its last failure is the cause."""


class ChildReturned(JelmoreError):
    """A permanent child returned; it has no reason to."""


class Restart(enum.StrEnum):
    """When a child that has ended is run again: always, only after a failure, never."""

    PERMANENT = "permanent"
    TRANSIENT = "transient"
    TEMPORARY = "temporary"


@attrs.frozen
class Child:
    """What to run, and when to run it again. The name is unique in its supervisor.

    Args:
        essential: once it was up and has reached a limit, its supervisor fails. Of those that are added to a running
            supervisor, one that is not essential is given up alone.
    """

    name: str
    run: Service
    restart: Restart = Restart.PERMANENT
    essential: bool = True


@attrs.frozen
class ChildFailed:
    supervisor: str
    child: str
    error: Exception


@attrs.frozen
class ChildRestarts:
    """It will be run again after `delay` seconds, for the `restarts`-th time."""

    supervisor: str
    child: str
    delay: float
    restarts: int


@attrs.frozen
class GaveUp:
    """The child reached a limit. `error`: its last failure."""

    supervisor: str
    child: str
    error: Exception


SupervisorEvent = ChildFailed | ChildRestarts | GaveUp
