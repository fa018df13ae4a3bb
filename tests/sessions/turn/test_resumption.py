"""Turns that the end of the daemon has cut: which of them are gone on with, how, how often, and what waits behind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import trio

from jelmored.config.settings import FailoverSettings, MidTurn, ResumeInterrupted
from jelmored.domain.commands import FindSessions, Interrupt
from jelmored.domain.events import Draft, Event, EventType, ToolUse, TurnReason
from jelmored.domain.failures import Failure
from jelmored.domain.ids import SessionId, ToolUseId
from jelmored.domain.permissions import ToolKind
from jelmored.domain.status import Status
from jelmored.errors import ErrorKind, SessionError
from jelmored.journal.base import Batch
from jelmored.journal.memory import MemoryJournal
from jelmored.providers.base import Asked, Taken, TurnBegan, TurnOver
from jelmored.sessions.turn.resumption import TIMES
from jelmored.wire import codec
from tests.sessions.stage import ME, Stage, stage
from tests.sessions.test_session import bash

Clock = trio.testing.MockClock
PLANNED, ALWAYS, NEVER = ResumeInterrupted
CUT = "was cut off"


class Plugged(MemoryJournal):
    """A journal that takes nothing any more when the power is gone."""

    power = True

    async def append(self, batches: Sequence[Batch]) -> None:
        if not self.power:
            await trio.sleep_forever()
        await super().append(batches)


class Lives:
    """One journal, and the lives of a daemon over it."""

    def __init__(self, resume: ResumeInterrupted, **more: Any) -> None:
        self.journal = Plugged()
        self._more = {"journal": self.journal, "resume": resume, **more}

    async def live(self, act: Any, *, killed: bool = False, **more: Any) -> None:
        """One life, in which this is done; at its end the daemon is stopped, or killed."""
        with trio.CancelScope() as daemon:
            async with stage(**{**self._more, **more}) as s:
                await act(s)
                await trio.sleep(0.1)
                if killed:
                    self.journal.power = False
                    daemon.cancel()
        self.journal.power = True

    async def events(self, s: Stage, session_id: SessionId) -> list[dict[str, Any]]:
        """Of the whole log."""
        page = await self.journal.read(session_id, limit=500)
        return [codec.to_json(codec.decode(entry.body, Event)) for entry in page.entries]


async def begun(s: Stage, *queued: str) -> SessionId:
    """A session in turn 1, with prompts behind it."""
    session_id = await s.create("one")
    await (await s.provider.opened()).heard()
    for text in queued:
        await s.prompt(session_id, text)
    return session_id


async def the_session(s: Stage) -> SessionId:
    ((seen,), _) = s.directory.find(FindSessions())
    return seen.session_id


async def idle(s: Stage) -> None:
    await trio.sleep(30)
    seen = s.directory.get(await the_session(s))
    assert seen.status is Status.IDLE


@pytest.mark.parametrize(
    ("resume", "killed", "goes_on"),
    [
        (PLANNED, False, True),
        (PLANNED, True, False),
        (ALWAYS, False, True),
        (ALWAYS, True, True),
        (NEVER, False, False),
        (NEVER, True, False),
    ],
)
async def test_which_turn_is_gone_on_with(
    autojump_clock: Clock, resume: ResumeInterrupted, killed: bool, goes_on: bool
) -> None:
    lives = Lives(resume)

    async def first(s: Stage) -> None:
        await begun(s, "two", "three")

    async def second(s: Stage) -> None:
        session_id = await the_session(s)
        if not goes_on:
            await idle(s)
            assert [one.text for one in s.directory.queue(session_id)] == ["two", "three"]
            await s.prompt(session_id, "four")
            heard = await (await s.provider.opened()).heard()
            assert heard.text.endswith("two"), "what waits is not lost, and in order"
            return
        run = await s.provider.opened()
        assert run.config.native_id == "native-1"
        told = (await run.heard()).text
        assert CUT in told
        assert told.endswith("one")
        for text in ("two", "three"):
            await run.finish()
            assert (await run.heard()).text == text
        assert s.directory.queue(session_id) == ()
        events = await lives.events(s, session_id)
        starts = [event["metadata"]["promptId"] for event in events if event["eventType"] == "turn_started"]
        assert starts[0] == starts[1]
        ended = next(event for event in events if event["eventType"] == "turn_ended")
        assert (ended["metadata"]["reason"], ended["metadata"]["cause"]) == ("interrupted", "daemon_restart")

    await lives.live(first, killed=killed)
    await lives.live(second)


async def test_a_prompt_that_no_agent_had_is_given_as_it_is(autojump_clock: Clock) -> None:
    lives = Lives(PLANNED, max_runs=1)

    async def first(s: Stage) -> None:
        await begun(s)
        await s.create("waits for a place")
        await trio.sleep(1)

    async def second(s: Stage) -> None:
        told = set()
        for _ in range(2):
            run = await s.provider.opened()
            told.add((await run.heard()).text.rpartition("\n")[2])
            await run.finish()
        assert told == {"one", "waits for a place"}

    await lives.live(first)
    await lives.live(second, max_runs=2)


async def test_the_agent_is_told_what_was_done(autojump_clock: Clock) -> None:
    lives = Lives(ALWAYS)
    use = ToolUse(tool_use_id=ToolUseId("t1"), name="Bash", kind=ToolKind.EXECUTE, input={})

    async def first(s: Stage) -> None:
        await s.create("one")
        run = await s.provider.opened()
        await run.heard()
        await run.say("I make it")
        await run.tell(Draft(EventType.TOOL_USE, "Bash: touch made", use))

    async def again(s: Stage) -> None:
        told = (await (await s.provider.opened()).heard()).text
        assert "Already done, or at least begun, in it:\n- Bash: touch made" in told
        assert "ASSISTANT: I make it" in told
        assert "[its outcome is not known: it was cut]" in told

    await lives.live(first, killed=True)
    await lives.live(again, killed=True)
    await lives.live(again)  # also of what was done two turns ago


async def test_what_was_done_is_told_also_if_the_stop_comes_before_the_next_agent(autojump_clock: Clock) -> None:
    lives = Lives(PLANNED)
    use = ToolUse(tool_use_id=ToolUseId("t1"), name="Bash", kind=ToolKind.EXECUTE, input={})

    async def first(s: Stage) -> None:
        await s.create("one")
        run = await s.provider.opened()
        await run.heard()
        await run.tell(Draft(EventType.TOOL_USE, "Bash: touch made", use))
        run.crash(SessionError(ErrorKind.AGENT_CRASHED, "killed by signal 9"))

    async def again(s: Stage) -> None:
        told = (await (await s.provider.opened()).heard()).text
        assert CUT in told
        assert "Bash: touch made" in told

    await lives.live(first)  # within the pause before another agent is tried
    await lives.live(again)


@pytest.mark.parametrize("killed", [False, True])
async def test_a_prompt_that_kills_the_daemon_is_given_up(autojump_clock: Clock, killed: bool) -> None:
    lives = Lives(ALWAYS)

    async def first(s: Stage) -> None:
        await begun(s, "behind it")

    async def again(s: Stage) -> None:
        assert CUT in (await (await s.provider.opened()).heard()).text

    async def last(s: Stage) -> None:
        await idle(s)
        session_id = await the_session(s)
        events = await lives.events(s, session_id)
        (note,) = [event for event in events if event["metadata"].get("subtype") == "not_continued"]
        assert "4 times" in note["content"]
        assert note["turn"] == TIMES + 1
        assert [one.text for one in s.directory.queue(session_id)] == ["behind it"]

    await lives.live(first, killed=killed)
    for _ in range(TIMES):
        await lives.live(again, killed=killed)
    await lives.live(last)


@pytest.mark.parametrize("killed", [False, True])
async def test_what_a_client_has_interrupted_is_not_gone_on_with(autojump_clock: Clock, killed: bool) -> None:
    lives = Lives(ALWAYS)

    async def first(s: Stage) -> None:
        session_id = await s.create("one")
        run = await s.provider.opened()
        await run.heard()
        run.deaf = run.clings = True
        await s.prompt(session_id, "two")
        await s.directory.interrupt(Interrupt(session_id=session_id, drop_queue=False), ME)

    async def second(s: Stage) -> None:
        session_id = await the_session(s)
        if killed:
            await s.prompt(session_id, "three")
        assert (await (await s.provider.opened()).heard()).text == "two"
        ended = next(one for one in await lives.events(s, session_id) if one["eventType"] == "turn_ended")
        assert ended["metadata"]["cause"] == "user"

    await lives.live(first, killed=killed)
    await lives.live(second)


@pytest.mark.parametrize("killed", [False, True])
async def test_a_turn_that_waits_for_a_person_is_not_lost(autojump_clock: Clock, killed: bool) -> None:
    lives = Lives(ALWAYS)

    async def first(s: Stage) -> None:
        await s.create("one")
        run = await s.provider.opened()
        await run.heard()
        await run.tell(Asked(bash()))
        await s.watcher.wait_for("approval_requested")

    async def second(s: Stage) -> None:
        assert s.directory.approvals() == ()
        assert CUT in (await (await s.provider.opened()).heard()).text
        events = await lives.events(s, await the_session(s))
        (resolved,) = [one for one in events if one["eventType"] == "approval_resolved"]
        assert resolved["metadata"]["status"] == "cancelled"

    await lives.live(first, killed=killed)
    await lives.live(second)


@pytest.mark.parametrize("killed", [False, True])
async def test_what_was_to_steer_comes_behind_it_once(autojump_clock: Clock, killed: bool) -> None:
    lives = Lives(ALWAYS)

    async def first(s: Stage) -> None:
        session_id = await s.create("one")
        run = await s.provider.opened()
        await run.heard()
        await s.prompt(session_id, "later")
        read = await s.prompt_when_busy(session_id, "read", "steer")
        await s.prompt_when_busy(session_id, "unread", "steer")
        await run.tell(Taken(read.prompt_id))
        await s.watcher.wait_for("system")

    async def second(s: Stage) -> None:
        run = await s.provider.opened()
        told = (await run.heard()).text
        assert "USER, meanwhile: read" in told
        assert told.endswith("one")
        for text in ("unread", "later"):
            await run.finish()
            assert (await run.heard()).text == text

    await lives.live(first, killed=killed)
    await lives.live(second)


async def test_a_turn_of_the_agents_own_is_closed_and_no_more(autojump_clock: Clock) -> None:
    lives = Lives(ALWAYS)

    async def first(s: Stage) -> None:
        await s.create("one")
        run = await s.provider.opened()
        await run.heard()
        await run.finish()
        await run.tell(TurnBegan())
        await s.watcher.wait_for("turn_started", 2)

    await lives.live(first)
    await lives.live(idle)


@pytest.mark.parametrize("mid_turn", [MidTurn.STOP, MidTurn.ASK])
@pytest.mark.parametrize("acts", [False, True])
async def test_what_may_have_changed_something_goes_on_only_where_that_is_wanted(
    autojump_clock: Clock, mid_turn: MidTurn, acts: bool
) -> None:
    lives = Lives(PLANNED, failover=FailoverSettings(mid_turn=mid_turn))
    use = ToolUse(tool_use_id=ToolUseId("t1"), name="Bash", kind=ToolKind.EXECUTE, input={})

    async def first(s: Stage) -> None:
        await s.create("one")
        run = await s.provider.opened()
        await run.heard()
        if acts:
            await run.tell(Draft(EventType.TOOL_USE, "Bash: touch made", use))

    async def second(s: Stage) -> None:
        if not acts:
            assert CUT in (await (await s.provider.opened()).heard()).text
            return
        await idle(s)
        events = await lives.events(s, await the_session(s))
        assert [one["metadata"]["subtype"] for one in events if one["eventType"] == "system"] == ["not_continued"]

    await lives.live(first)
    await lives.live(second)


@pytest.mark.parametrize("killed", [False, True])
async def test_a_queue_that_a_failure_holds_is_held_over_a_restart(autojump_clock: Clock, killed: bool) -> None:
    lives = Lives(ALWAYS, failover=FailoverSettings(enabled=False))

    async def first(s: Stage) -> None:
        await s.create("one")
        run = await s.provider.opened()
        await run.heard()
        await s.prompt(await the_session(s), "two")
        failure = Failure(kind=ErrorKind.UNAVAILABLE, message="503")
        await run.tell(TurnOver(reason=TurnReason.FAILED, failure=failure))
        await s.watcher.wait_for("turn_ended")

    async def second(s: Stage) -> None:
        await idle(s)
        session_id = await the_session(s)
        assert [one.text for one in s.directory.queue(session_id)] == ["two"]
        await s.prompt(session_id, "three")
        assert (await (await s.provider.opened()).heard()).text == "two"

    await lives.live(first, killed=killed)
    await lives.live(second)


async def test_who_has_changed_the_mind_starts_with_never(autojump_clock: Clock) -> None:
    lives = Lives(PLANNED)

    async def first(s: Stage) -> None:
        await begun(s)

    async def second(s: Stage) -> None:
        await idle(s)
        assert len(s.directory.queue(await the_session(s))) == 1

    await lives.live(first)
    await lives.live(second, resume=NEVER)


async def test_what_waited_while_it_drained_goes_on_after_the_restart(autojump_clock: Clock) -> None:
    lives = Lives(NEVER)

    async def first(s: Stage) -> None:
        s.directory.draining.begin()
        await s.create("one")

    async def second(s: Stage) -> None:
        assert (await (await s.provider.opened()).heard()).text == "one"

    await lives.live(first, killed=True)
    await lives.live(second)


async def test_a_turn_that_stays_cut_does_not_come_again_in_a_later_life(autojump_clock: Clock) -> None:
    lives = Lives(NEVER)

    async def works(s: Stage) -> None:
        await begun(s)

    async def nothing(s: Stage) -> None:
        kept = await lives.journal.session(await the_session(s))
        assert kept is not None
        assert kept.queue == ()

    await lives.live(works, killed=True)
    await lives.live(nothing, killed=True)
