"""What a provider's agents keep themselves of their sessions: looked at, carried away, put down, read out. Whatever a
plug-in does then is an answer, in time: without the record there is the handoff.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Sequence
from typing import TypeVar

import structlog
import trio

from jelmored.errors import ProviderError, Refused
from jelmored.providers.base import BaseProvider, PastSession, PastTurn, SessionConfig

T = TypeVar("T")

log = structlog.get_logger(__name__)

LOOK = 20.0  # seconds to look what an agent will remember of a session; its server may only be starting
RECORD = 30.0  # seconds to read or write what an agent keeps of a session


class Records:
    """Those of one provider."""

    def __init__(self, provider: BaseProvider) -> None:
        self._provider = provider

    async def pack(self, config: SessionConfig) -> bytes | None:
        """See `BaseProvider.pack`; None also where it can't be read, or not in time."""
        return await self._within(RECORD, lambda: self._provider.pack(config))

    async def unpack(self, config: SessionConfig, record: bytes) -> bool:
        """See `BaseProvider.unpack`; false also where it can't be written, or not in time."""
        return await self._within(RECORD, lambda: self._provider.unpack(config, record)) or False

    async def remembers(self, config: SessionConfig, ids: Sequence[str]) -> Collection[str] | None:
        """See `BaseProvider.remembers`; None also where it can't be read, or not in time."""
        return await self._within(LOOK, lambda: self._provider.remembers(config, ids))

    async def past_sessions(self, cwd: str | None) -> Sequence[PastSession]:
        """See `BaseProvider.past_sessions`.

        Raises:
            Refused: they can't be read.
        """
        try:
            return await self._provider.past_sessions(cwd)
        except ProviderError as error:
            raise Refused(error.kind, error.message, remedy=error.remedy) from error

    def recall(self, past: PastSession, after: str | None = None) -> AsyncGenerator[PastTurn, None]:
        """See `BaseProvider.recall`; it raises `ProviderError`."""
        return self._provider.recall(past, after)

    async def _within(self, seconds: float, ask: Callable[[], Awaitable[T]]) -> T | None:
        with trio.move_on_after(seconds):
            try:
                return await ask()
            except Exception:
                log.exception("an agent's record could not be had", provider=self._provider.name)
        return None
