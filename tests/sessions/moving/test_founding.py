"""New sessions: whole or not at all, whatever their client does."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import trio

from jelmored.domain.commands import CreateSession, FindSessions
from jelmored.errors import ErrorKind, JournalError, Refused
from jelmored.journal.base import Batch
from jelmored.journal.memory import MemoryJournal
from tests.sessions.stage import ME, stage


class Slow(MemoryJournal):
    """Durable after a second."""

    async def append(self, batches: Sequence[Batch]) -> None:
        await trio.sleep(1)
        await super().append(batches)


class Full(MemoryJournal):
    full = False

    async def append(self, batches: Sequence[Batch]) -> None:
        if self.full:
            raise JournalError(ErrorKind.JOURNAL_FULL, "no space left")
        await super().append(batches)


async def test_a_client_that_leaves_leaves_no_half_session(autojump_clock: trio.testing.MockClock) -> None:
    async with stage(journal=Slow()) as s:
        with trio.move_on_after(0.5):
            await s.create(request_key="k")
        views, _ = s.directory.find(FindSessions())
        (created,) = [view.session_id for view in views]
        assert await s.create(request_key="k") == created


async def test_a_first_prompt_is_admitted_once(autojump_clock: trio.testing.MockClock) -> None:
    async with stage(journal=Slow()) as s, trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(lambda: s.create("hello", request_key="k"))
        await s.watcher.wait_for("turn_started")
        assert s.watcher.types.count("user") == 1


@pytest.mark.parametrize("cwd", ["relative", "/nowhere/at/all", "/etc/passwd", "/tmp\0"])
async def test_a_directory_that_is_none_is_named(autojump_clock: trio.testing.MockClock, cwd: str) -> None:
    async with stage() as s:
        with pytest.raises(Refused) as refused:
            await s.directory.create(CreateSession(cwd=cwd), ME)
        assert (refused.value.kind, refused.value.field) == (ErrorKind.INVALID_PARAMS, "cwd")


async def test_who_asks_while_the_disk_is_full_is_told_so(autojump_clock: trio.testing.MockClock) -> None:
    journal = Full()
    async with stage(journal=journal) as s:
        session_id = await s.create()
        journal.full = True
        with pytest.raises(JournalError) as refused:
            await s.prompt(session_id, "hello")
        assert refused.value.kind is ErrorKind.JOURNAL_FULL
        journal.full = False
        await s.provider.opened()  # of the prompt that was not kept; it ended with its session's fall
        await trio.sleep(120)
        await s.prompt(session_id, "again")
        assert (await (await s.provider.opened()).heard()).text == "again"
