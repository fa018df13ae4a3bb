"""A journal whose disk takes nothing for a while."""

from __future__ import annotations

from collections.abc import Sequence

import trio

from jelmored.errors import ErrorKind, JournalPaused
from jelmored.journal.base import Batch
from jelmored.journal.memory import MemoryJournal


class Moody(MemoryJournal):
    """In trouble from `full` to `heal`. `reserve`: appends that it takes all the same."""

    def __init__(self) -> None:
        super().__init__()
        self.reserve = 0
        self._healed = trio.Event()

    def full(self, reserve: int = 0) -> None:
        self.reserve, self._healed = reserve, trio.Event()
        self.trouble = JournalPaused(ErrorKind.JOURNAL_FULL, "no space left", remedy="free some room")

    def heal(self) -> None:
        self.trouble = None
        self._healed.set()

    async def healed(self) -> None:
        while self.trouble is not None:
            await self._healed.wait()

    async def append(self, batches: Sequence[Batch]) -> None:
        if self.trouble is not None:
            await trio.lowlevel.checkpoint()
            if not self.reserve:
                raise self.trouble.again()
            self.reserve -= 1
        await super().append(batches)
