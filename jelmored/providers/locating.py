"""Where the paths of a request really lead, for a policy decides by that. The disk is asked beside the loop, and not
for long: a dead mount stops neither the daemon nor the agent's other words."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence

import attrs
import trio

from jelmored.domain.permissions import Location, PermissionRequest
from jelmored.providers.base import Asked, RunEvent

PATIENCE = 2.0  # s for the requests of one list; what is not located then is not waited for
THREADS = 2  # of one run: a look that hangs keeps its own, and those of other runs are none of its business


class Locator:
    """Follows the links in the paths of what an agent asks."""

    def __init__(self) -> None:
        self._limiter = trio.CapacityLimiter(THREADS)

    async def located(self, events: Sequence[RunEvent]) -> list[RunEvent]:
        """These events, in this order; each `Asked` has real paths, or is not located."""
        paths = {place.path for event in events if isinstance(event, Asked) for place in event.request.locations}
        real = await self._look(paths) if paths else {}
        return [Asked(_led(event.request, real)) if isinstance(event, Asked) else event for event in events]

    async def follow(self, request: PermissionRequest) -> PermissionRequest:
        """This request, with real paths."""
        paths = {place.path for place in request.locations}
        return _led(request, await self._look(paths) if paths else {})

    async def real(self, path: str) -> str:
        """Where this path leads; the path itself where that is not known."""
        return (await self._look([path])).get(path, path)

    async def _look(self, paths: Iterable[str]) -> Mapping[str, str]:
        found: dict[str, str] = {}
        with trio.move_on_after(PATIENCE):
            await trio.to_thread.run_sync(_follow, paths, found, abandon_on_cancel=True, limiter=self._limiter)
        return found.copy()  # a look that hangs may still come back and write


def _follow(paths: Iterable[str], found: dict[str, str]) -> None:
    for path in paths:
        try:
            found[path] = os.path.realpath(path)
        except ValueError:  # a text that is no path: a NUL in it, or half a character
            continue


def _led(request: PermissionRequest, real: Mapping[str, str]) -> PermissionRequest:
    """Two paths that lead to the same place are one."""
    places: dict[str, Location] = {}
    for place in request.locations:
        path = real.get(place.path, place.path)
        places.setdefault(path, attrs.evolve(place, path=path))
    located = all(place.path in real for place in request.locations)
    return attrs.evolve(request, locations=tuple(places.values()), located=located)
