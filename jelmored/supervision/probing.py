"""Free looks at a provider: is it there, does its server answer? Whatever a plug-in does then is an answer."""

from __future__ import annotations

import structlog
import trio

from jelmored.domain.failures import Failure
from jelmored.errors import ErrorKind
from jelmored.providers.base import BaseProvider, Probe

log = structlog.get_logger(__name__)

DEADLINE = 15.0  # seconds; a provider promises 10


class Prober:
    """Looks at one provider, one look at a time."""

    def __init__(self, provider: BaseProvider) -> None:
        self._provider = provider
        self._looking = trio.Lock()

    async def settled(self) -> None:
        """Wait for the look that is on its way."""
        async with self._looking:
            pass

    async def probe(self) -> Probe:
        """Never raises; what goes wrong is in the answer."""
        async with self._looking:
            with trio.move_on_after(DEADLINE):
                try:
                    return await self._provider.probe()
                except Exception as fault:  # a plug-in that can't even be looked at is unwell, its runs go on
                    log.exception("a probe fell", provider=self._provider.name)
                    return Probe(failure=_unavailable(f"the probe failed: {fault!r}"))
            return Probe(failure=_unavailable(f"no answer within {DEADLINE:.0f} s"))

    async def reachable(self) -> bool | None:
        """See `BaseProvider.reachable`; one that does not know in time does not know."""
        with trio.move_on_after(DEADLINE):
            try:
                return await self._provider.reachable()
            except Exception:
                log.exception("a look at a server fell", provider=self._provider.name)
        return None


def _unavailable(message: str) -> Failure:
    return Failure(kind=ErrorKind.UNAVAILABLE, message=message)
