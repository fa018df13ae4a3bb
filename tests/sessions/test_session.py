"""A conversation with a puppet, as a subscriber sees it."""

from __future__ import annotations

from collections.abc import Sequence

import trio

from jelmored.config.settings import FailoverSettings, MidTurn
from jelmored.domain.commands import Interrupt
from jelmored.domain.events import Draft, EventType, ToolUse, TurnReason
from jelmored.domain.failures import Failure
from jelmored.domain.ids import RequestId, ToolUseId
from jelmored.domain.permissions import PermissionRequest, ToolKind
from jelmored.domain.status import Status
from jelmored.errors import ErrorKind, SessionError
from jelmored.journal.base import Batch
from jelmored.journal.memory import MemoryJournal
from jelmored.providers.base import Asked, RunFacts, RunTimeouts, TurnBegan, TurnOver
from tests.eventually import eventually
from tests.sessions.stage import ME, stage

CRASH = SessionError(ErrorKind.AGENT_CRASHED, "killed by signal 9")


def bash(command: str = "touch x", request: str = "r1") -> PermissionRequest:
    return PermissionRequest(
        request_id=RequestId(request),
        tool_name="Bash",
        kind=ToolKind.EXECUTE,
        title=command,
        input={"command": command},
        command=command,
    )


def used_bash() -> Draft:
    tool = ToolUse(tool_use_id=ToolUseId("t1"), name="Bash", kind=ToolKind.EXECUTE, input={"command": "touch x"})
    return Draft(EventType.TOOL_USE, "touch x", tool)


async def test_a_turn_in_its_order(autojump_clock: trio.testing.MockClock) -> None:
    async with stage() as s:
        session_id = await s.create("hello")
        run = await s.provider.opened()
        assert (await run.heard()).text == "hello"
        await run.say("hi there")
        await run.finish()
        await s.watcher.wait_status("idle")
        assert s.watcher.types == [
            "user",
            "turn_started",
            "status_change",
            "status_change",
            "assistant",
            "usage",
            "turn_ended",
            "status_change",
        ]
        assert [event["seq"] for event in s.watcher.events] == list(range(1, 9))
        assert [event["turn"] for event in s.watcher.events] == [1, 1, 1, 1, 1, 1, 1, None]
        seen = s.directory.get(session_id)
        assert (seen.status, seen.turn, seen.usage.cost_usd, seen.title) == (Status.IDLE, 1, 0.01, "hello")
        assert seen.attached


async def test_an_interrupt_without_answer_is_a_crash(autojump_clock: trio.testing.MockClock) -> None:
    async with stage() as s:
        session_id = await s.create("one")
        run = await s.provider.opened()
        await run.heard()
        run.deaf = True
        began = trio.current_time()
        await s.directory.interrupt(Interrupt(session_id=session_id), ME)
        ended = await s.watcher.wait_for("turn_ended")
        assert ended["metadata"]["reason"] == "interrupted"
        assert 5 <= trio.current_time() - began < 6.5
        assert not s.directory.get(session_id).attached


async def test_an_agent_that_does_not_end_is_stopped(autojump_clock: trio.testing.MockClock) -> None:
    async with stage() as s:
        session_id = await s.create("one")
        run = await s.provider.opened()
        await run.heard()
        await run.finish()
        await s.watcher.wait_for("turn_ended")
        run.clings = True
        began = trio.current_time()
        assert (await s.directory.close(session_id, ME)).status is Status.TERMINATED
        assert not run.alive
        assert 20 <= trio.current_time() - began < 22


async def test_a_crash_before_any_side_effect_is_done_over(autojump_clock: trio.testing.MockClock) -> None:
    async with stage() as s:
        session_id = await s.create("one")
        run = await s.provider.opened()
        await run.heard()
        run.crash(CRASH)
        again = await s.provider.opened()
        assert again.config.native_id == "native-1"
        assert (await again.heard()).text == "one"
        await again.finish()
        ended = await s.watcher.wait_for("turn_ended")
        assert (ended["metadata"]["reason"], s.watcher.types.count("turn_started")) == ("completed", 1)
        assert s.directory.get(session_id).status is Status.IDLE


async def test_after_a_side_effect_the_same_agent_goes_on_with_the_turn(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with stage() as s:
        await s.create("one")
        run = await s.provider.opened()
        await run.heard()
        await run.tell(used_bash())
        await s.watcher.wait_for("tool_use")
        run.crash(CRASH)
        again = await s.provider.opened()
        words = (await again.heard()).text
        assert again.config.native_id == "native-1"
        assert "was cut off: killed by signal 9" in words
        assert words.endswith("\none")
        assert "You take over" not in words
        await again.finish()
        ended = await s.watcher.wait_for("turn_ended")
        assert (ended["metadata"]["reason"], s.watcher.types.count("turn_started")) == ("completed", 1)


async def test_a_crash_after_a_side_effect_ends_the_turn_if_so_configured(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with stage(failover=FailoverSettings(mid_turn=MidTurn.STOP)) as s:
        session_id = await s.create("one")
        run = await s.provider.opened()
        await run.heard()
        await run.tell(used_bash())
        await s.watcher.wait_for("tool_use")
        run.crash(CRASH)
        ended = await s.watcher.wait_for("turn_ended")
        assert (ended["metadata"]["reason"], ended["metadata"]["cause"]) == ("failed", "crash")
        await s.prompt(session_id, "two")
        assert (await (await s.provider.opened()).heard()).text.endswith("two")


async def test_a_crash_in_a_turn_that_nobody_prompted_ends_it(autojump_clock: trio.testing.MockClock) -> None:
    async with stage() as s:
        session_id = await s.create("one")
        run = await s.provider.opened()
        await run.heard()
        await run.finish()
        await run.tell(TurnBegan())
        await s.watcher.wait_for("turn_started", 2)
        run.crash(CRASH)
        ended = await s.watcher.wait_for("turn_ended", 2)
        assert (ended["metadata"]["reason"], ended["metadata"]["cause"]) == ("failed", "crash")
        assert s.directory.get(session_id).status is Status.IDLE


async def test_an_agent_that_leaves_in_a_turn_without_a_word_has_crashed(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with stage() as s:
        await s.create("one")
        for _ in range(3):
            run = await s.provider.opened()
            await run.heard()
            run.leave()
        ended = await s.watcher.wait_for("turn_ended")
        assert (ended["metadata"]["reason"], ended["metadata"]["error"]["kind"]) == ("failed", "agent-crashed")


async def test_an_agent_whose_own_session_is_lost_starts_anew_once(autojump_clock: trio.testing.MockClock) -> None:
    async with stage() as s:
        session_id = await s.create("one")
        run = await s.provider.opened()
        await run.heard()
        await run.finish()
        await s.watcher.wait_for("turn_ended")
        run.leave()
        s.provider.facts = SessionError(ErrorKind.AGENT_CRASHED, "its record is gone", evidence={"native_lost": True})
        await s.prompt(session_id, "two")
        ended = await s.watcher.wait_for("turn_ended", 2)
        assert ended["metadata"]["reason"] == "failed"
        resumed = [(await s.provider.opened()).config.native_id for _ in range(4)]
        assert resumed == ["native-1", None, None, None]


async def test_an_agent_that_keeps_crashing_is_given_up(autojump_clock: trio.testing.MockClock) -> None:
    async with stage() as s:
        s.provider.facts = CRASH
        session_id = await s.create("one")
        ended = await s.watcher.wait_for("turn_ended")
        assert ended["metadata"]["error"]["kind"] == "agent-crashed"
        await s.watcher.wait_status("failed")
        assert s.watcher.types.count("turn_ended") == 1
        assert s.directory.get(session_id).status is Status.FAILED


async def test_a_start_that_cannot_be_leaves_the_session_failed_and_usable(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with stage() as s:
        s.provider.facts = SessionError(ErrorKind.AUTH_REQUIRED, "not logged in", remedy="run `claude /login`")
        session_id = await s.create("one")
        error = await s.watcher.wait_for("error")
        assert error["metadata"] == {"kind": "auth-required", "retryable": False, "remedy": "run `claude /login`"}
        await s.watcher.wait_status("failed")
        await s.provider.opened()
        s.provider.facts = RunFacts(native_id="native-2", used=True)
        await s.prompt(session_id, "two")
        assert (await (await s.provider.opened()).heard()).text.endswith("two")


async def test_a_failed_turn_holds_the_queue_and_leaves_the_session_idle(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with stage() as s:
        session_id = await s.create("one")
        run = await s.provider.opened()
        await run.heard()
        await s.prompt(session_id, "two")
        await run.finish(TurnReason.FAILED, Failure(kind=ErrorKind.RATE_LIMITED, message="slow down"))
        await s.watcher.wait_status("idle")
        assert len(s.directory.queue(session_id)) == 1
        third = await s.prompt(session_id, "three")
        assert third.disposition == "queued"
        assert (await run.heard()).text == "two"


async def test_a_silent_agent_is_stalled(autojump_clock: trio.testing.MockClock) -> None:
    async with stage(timeouts=RunTimeouts(model=20)) as s:
        session_id = await s.create("one")
        run = await s.provider.opened()
        await run.heard()
        began = trio.current_time()
        ended = await s.watcher.wait_for("turn_ended")
        assert ended["metadata"]["error"]["kind"] == "turn-stalled"
        assert 20 <= trio.current_time() - began <= 25
        assert run.interrupts == 1
        await s.prompt(session_id, "two")
        assert (await run.heard()).text == "two"


async def test_the_clock_stops_while_a_person_is_asked(autojump_clock: trio.testing.MockClock) -> None:
    async with stage(timeouts=RunTimeouts(model=20)) as s:
        await s.create("one")
        run = await s.provider.opened()
        await run.heard()
        await run.tell(Asked(bash()))
        await trio.sleep(500)
        assert "turn_ended" not in s.watcher.types
        assert run.interrupts == 0


async def test_idle_agents_go_to_sleep_and_are_taken_up_by_the_next_prompt(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with stage(hibernate_after=100) as s:
        session_id = await s.create("one")
        run = await s.provider.opened()
        await run.heard()
        await run.finish()
        await s.watcher.wait_for("turn_ended")
        await trio.sleep(200)
        assert run.closed
        assert not s.directory.get(session_id).attached
        await s.prompt(session_id, "two")
        again = await s.provider.opened()
        assert again.config.native_id == "native-1"
        assert (await again.heard()).text == "two"


async def test_a_turn_that_begins_as_its_agent_goes_to_sleep_does_not_hold_the_queue(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with stage(hibernate_after=100) as s:
        session_id = await s.create("one")
        run = await s.provider.opened()
        await run.heard()
        await run.finish()
        await s.watcher.wait_for("turn_ended")
        run.clings = True
        await eventually(lambda: run.closed, 200)
        await run.tell(TurnBegan())
        await s.watcher.wait_for("turn_started", 2)
        await s.prompt(session_id, "two")
        await run.tell(TurnOver(reason=TurnReason.INTERRUPTED))
        ended = await s.watcher.wait_for("turn_ended", 2)
        assert ended["metadata"]["cause"] == "agent"
        await s.watcher.wait_for("turn_started", 3)


async def test_when_full_the_longest_idle_gives_its_place(autojump_clock: trio.testing.MockClock) -> None:
    async with stage(max_runs=1) as s:
        first = await s.create("one")
        run = await s.provider.opened()
        await run.heard()
        second = await s.create("two")
        await s.watcher.wait_for("system")
        await run.finish()
        other = await s.provider.opened()
        assert (await other.heard()).text == "two"
        assert run.closed
        assert not s.directory.get(first).attached
        assert s.directory.get(second).attached


class Slow(MemoryJournal):
    """A second for each append, once it is asked to be slow."""

    slow = False

    async def append(self, batches: Sequence[Batch]) -> None:
        if self.slow:
            await trio.sleep(1)
        await super().append(batches)


async def test_what_is_in_hand_when_the_daemon_stops_is_answered_as_soon_as_it_is_durable(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    journal, receipts = Slow(), []

    async def ask() -> None:
        receipts.append(await s.prompt(session_id, "hello"))

    async with stage(journal=journal) as s:
        session_id = await s.create()
        journal.slow = True
        nursery.start_soon(ask)
        await trio.sleep(0.5)
        assert not receipts
    await trio.testing.wait_all_tasks_blocked()
    assert [receipt.disposition for receipt in receipts] == ["started"]
