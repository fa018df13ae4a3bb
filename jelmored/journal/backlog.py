"""What has been appended and is not durable yet: bounded, first come first served."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs
import trio

from jelmored.domain.ids import ProviderName
from jelmored.errors import JournalError
from jelmored.journal.base import Batch

MAX_WRITES = 1024
MAX_BYTES = 16 * 1024 * 1024


@attrs.define(eq=False)
class Write:
    """One append on its way, from the task that waits for it to the thread that writes it, and back."""

    batches: Sequence[Batch]
    size: int
    since: float = attrs.field(factory=trio.current_time)
    """Trio's time at which it came."""
    providers: Mapping[ProviderName, bytes] = attrs.field(factory=dict)
    """What is to be kept of some of them."""
    error: JournalError | None = None
    done: trio.Event = attrs.field(factory=trio.Event)

    def fail(self, error: JournalError) -> None:
        """What happened first is what its task is told, in an exception of its own."""
        if self.error is None:
            self.error = error.again()


def weight(batch: Batch) -> int:
    """About as many bytes as a batch takes in memory and on disk."""
    return (
        sum(len(entry.body) + 64 for entry in batch.events)
        + sum(len(prompt.body) for prompt in batch.queue or ())
        + sum(len(key.answer) for key in batch.keys)
        + sum(len(attachment.data) for attachment in batch.attachments)
        + len(batch.facts or b"")
        + len(batch.open_items or b"")
    )


class Backlog:
    """Room for writes. One that is larger than all of it is let in when it is alone."""

    def __init__(self, max_writes: int = MAX_WRITES, max_bytes: int = MAX_BYTES) -> None:
        self._max_writes = max_writes
        self._max_bytes = max_bytes
        self._writes: dict[Write, None] = {}
        self._bytes = 0
        self._turn = trio.StrictFIFOLock()
        self._freed = trio.Event()

    async def wait_room(self, size: int) -> None:
        """Wait until `size` bytes fit, behind those who wait already. Add them before the next checkpoint."""
        if self._fits(size) and not self._turn.locked():
            return
        async with self._turn:
            while not self._fits(size):
                self._freed = trio.Event()
                await self._freed.wait()

    def add(self, write: Write) -> None:
        self._writes[write] = None
        self._bytes += write.size

    def settle(self, writes: Sequence[Write]) -> None:
        """They are durable or have failed: those who wait for them, or for room, go on."""
        for write in writes:
            if write not in self._writes:
                continue
            del self._writes[write]
            self._bytes -= write.size
            write.done.set()
        self._freed.set()

    def fail(self, error: JournalError) -> None:
        """Nothing of what waits will be written."""
        writes = list(self._writes)
        for write in writes:
            write.fail(error)
        self.settle(writes)

    def oldest(self) -> float | None:
        """Trio's time at which the oldest write came."""
        return next(iter(self._writes)).since if self._writes else None

    def _fits(self, size: int) -> bool:
        if not self._writes:
            return True
        return len(self._writes) < self._max_writes and self._bytes + size <= self._max_bytes
