"""Whether a journal can be used: not yet, and who comes waits; yes; or no more, and why."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import trio

from jelmored.errors import ErrorKind, JournalError


def stopped() -> JournalError:
    return JournalError(ErrorKind.JOURNAL_FAILED, "the journal has stopped")


class Door:
    """Opened when the engine is up, closed when it ends; it may be opened again."""

    def __init__(self) -> None:
        self._settled = trio.Event()
        self._closed: JournalError | None = None

    @property
    def is_open(self) -> bool:
        return self._settled.is_set() and self._closed is None

    async def enter(self) -> None:
        """Wait until it is open; no checkpoint if it has been opened.

        Raises:
            JournalError: it has been closed.
        """
        if not self._settled.is_set():
            await self._settled.wait()
        self.check()

    def check(self) -> None:
        """Raises the reason if it has been closed; each caller gets an exception of its own."""
        if self._closed is not None:
            raise self._closed.again()

    def open(self) -> None:
        self._closed = None
        self._settled.set()

    def close(self, reason: JournalError | None = None) -> None:
        self._closed = reason or stopped()
        self._settled.set()

    @contextmanager
    def closed_after(self) -> Iterator[None]:
        """Close it when the block ends, for the reason that it ends."""
        reason: JournalError | None = None
        try:
            yield
        except JournalError as error:
            reason = error
            raise
        finally:
            self.close(reason)
