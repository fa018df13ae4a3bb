"""The examination: which areas are looked at, in the order in which they are told."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from . import household, machine
from .agents import agents
from .findings import Area, Finding
from .leftovers import leftovers
from .scene import Scene
from .services import units

Look = Callable[[Scene], Iterator[Finding]]

LOOKS: Sequence[Look] = (
    machine.versions,
    household.configuration,
    household.daemon,
    household.directories,
    household.workspaces,
    household.socket,
    household.tokens,
    household.journal,
    machine.disk,
    machine.limits,
    agents,
    units,
    leftovers,
)


def examine(scene: Scene) -> list[Finding]:
    """All findings. An area that can't be looked at is a finding itself: the others are still told."""
    return [finding for look in LOOKS for finding in _looked(look, scene)]


def _looked(look: Look, scene: Scene) -> Iterator[Finding]:
    try:
        yield from look(scene)
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        yield Area(look.__name__).note(f"can't be looked at: {error.strerror}{where}")
