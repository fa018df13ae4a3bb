"""Sessions while the disk takes nothing: agents are held back, people are refused at once, ends come through."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
import trio

from jelmored.domain.commands import (
    AdoptSession,
    ConfigureSession,
    DecideForeign,
    Interrupt,
    MoveSession,
    ResumeSession,
)
from jelmored.domain.ids import SessionId
from jelmored.domain.status import Status
from jelmored.errors import ErrorKind, JournalPaused
from jelmored.providers.base import RunTimeouts
from tests.sessions.moody import Moody
from tests.sessions.stage import ME, PUPPET, Stage, stage


async def test_an_agent_in_a_turn_is_held_back_and_not_taken_for_silent(
    autojump_clock: trio.testing.MockClock,
) -> None:
    journal = Moody()
    async with stage(journal=journal, timeouts=RunTimeouts(model=30)) as s, trio.open_nursery() as nursery:
        session_id = await s.create("hello")
        run = await s.provider.opened()
        await run.heard()
        await s.watcher.wait_status("active")
        journal.full(reserve=100)
        nursery.start_soon(run.say, "hi there")
        await trio.sleep(3600)
        assert "assistant" not in s.watcher.types
        assert run.interrupts == 0
        assert s.directory.get(session_id).status is Status.ACTIVE
        journal.heal()
        await s.watcher.wait_for("assistant")
        await run.finish()
        await s.watcher.wait_status("idle")


async def test_what_is_to_end_is_heard_out(autojump_clock: trio.testing.MockClock) -> None:
    journal = Moody()
    async with stage(journal=journal) as s, trio.open_nursery() as nursery:
        session_id = await s.create("hello")
        run = await s.provider.opened()
        await run.heard()
        await s.watcher.wait_status("active")
        journal.full(reserve=100)
        nursery.start_soon(run.say, "hi there")
        await trio.sleep(60)
        assert await s.directory.interrupt(Interrupt(session_id=session_id), ME)
        ended = await s.watcher.wait_for("turn_ended")
        assert ended["metadata"]["reason"] == "interrupted"
        assert s.watcher.types.count("assistant") == 1, "what it had said before is there"
        assert (await s.directory.close(session_id, ME)).status is Status.TERMINATED
        await s.directory.delete(session_id, ME)


async def test_a_stop_does_not_wait_for_the_disk(autojump_clock: trio.testing.MockClock) -> None:
    journal = Moody()
    async with stage(journal=journal) as s, trio.open_nursery() as nursery:
        await s.create("hello")
        run = await s.provider.opened()
        await run.heard()
        await s.watcher.wait_status("active")
        journal.full()
        nursery.start_soon(run.say, "hi there")
        await trio.sleep(60)
        nursery.cancel_scope.cancel()
        begun = trio.current_time()
    assert trio.current_time() - begun < 20


Ask = Callable[[Stage, SessionId], Awaitable[object]]
WRITES: dict[str, Ask] = {
    "create": lambda s, session_id: s.create(),
    "prompt": lambda s, session_id: s.prompt(session_id, "more"),
    "configure": lambda s, session_id: s.directory.configure(ConfigureSession(session_id=session_id, title="x"), ME),
    "move": lambda s, session_id: s.directory.move(MoveSession(session_id=session_id), ME),
    "resume": lambda s, session_id: s.directory.resume(ResumeSession(session_id=session_id), ME),
    "adopt": lambda s, _: s.directory.adopt(AdoptSession(provider=PUPPET, native_id="n"), ME),
    "decide": lambda s, session_id: s.directory.decide_foreign(
        DecideForeign(session_id=session_id, decision="accept"), ME
    ),
}


@pytest.mark.parametrize("ask", WRITES.values(), ids=WRITES.keys())
async def test_what_would_begin_something_is_refused_at_once(ask: Ask, autojump_clock: trio.testing.MockClock) -> None:
    journal = Moody()
    async with stage(journal=journal) as s:
        session_id = await s.create()
        seq = s.directory.get(session_id).seq
        journal.full(reserve=100)
        begun = trio.current_time()
        with pytest.raises(JournalPaused) as caught:
            await ask(s, session_id)
        assert trio.current_time() == begun
        assert (caught.value.kind, caught.value.remedy) == (ErrorKind.JOURNAL_FULL, "free some room")
        journal.heal()
        assert sum(s.directory.counts().values()) == 1
        assert s.directory.get(session_id).seq == seq


async def test_a_start_closes_what_was_cut_when_there_is_room(autojump_clock: trio.testing.MockClock) -> None:
    journal = Moody()
    async with stage(journal=journal) as s:
        session_id = await s.create("hello")
        await (await s.provider.opened()).heard()
        await s.watcher.wait_status("active")
        journal.full()
    begun = trio.current_time()
    async with stage(journal=journal) as s:
        assert trio.current_time() - begun < 30, "the start does not wait for room"
        assert "turn_ended" not in s.watcher.types
        journal.heal()
        ended = await s.watcher.wait_for("turn_ended")
        assert ended["metadata"]["cause"] == "daemon_restart"
        assert s.directory.get(session_id).status is Status.IDLE
