"""What is left after the daemon, or a session's task, fell in the middle of a turn."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import trio

from jelmored.config.settings import ResumeInterrupted
from jelmored.domain.commands import FindSessions, Interrupt, ResolveApproval
from jelmored.domain.events import DeltaKind, Draft, EventType, Said
from jelmored.domain.ids import ItemId
from jelmored.domain.permissions import ApprovalStatus
from jelmored.domain.status import Status
from jelmored.errors import ErrorKind, Refused
from jelmored.journal.base import Batch
from jelmored.journal.memory import MemoryJournal
from jelmored.providers.base import Asked, Delta, RunEvent
from jelmored.sessions.roster import LINGER, REST
from tests.sessions.stage import ME, Stage, stage
from tests.sessions.test_session import bash


class Plugged(MemoryJournal):
    """A journal that takes nothing any more when the power is gone: what a daemon's orderly stop adds is left out."""

    power = True

    async def append(self, batches: Sequence[Batch]) -> None:
        if not self.power:
            await trio.sleep_forever()
        await super().append(batches)


async def _bodies(s: Stage, session_id: str) -> list[bytes]:
    page = await s.journal.read(session_id, limit=500)  # type: ignore[arg-type]
    return [entry.body for entry in page.entries]


async def test_after_a_restart_all_is_there_and_the_cut_turn_is_closed(
    autojump_clock: trio.testing.MockClock,
) -> None:
    journal = Plugged()
    with trio.CancelScope() as daemon:
        async with stage(journal=journal) as s:
            session_id = await s.create("remember 42")
            run = await s.provider.opened()
            await run.heard()
            await run.say("noted")
            await run.tell(Delta(item_id=ItemId("cut"), kind=DeltaKind.TEXT, text="and then"))
            await trio.sleep(2)
            await run.tell(Delta(item_id=ItemId("cut"), kind=DeltaKind.TEXT, text=" we"), Asked(bash()))
            await s.watcher.wait_for("approval_requested")
            await s.prompt(session_id, "queued")
            before = await _bodies(s, session_id)
            journal.power = False
            daemon.cancel()
    journal.power = True
    async with stage(journal=journal) as s:
        seen = s.directory.get(session_id)
        assert (seen.status, seen.turn, seen.attached, seen.queued_prompts) == (Status.IDLE, 1, False, 1)
        after = await _bodies(s, session_id)
        assert after[: len(before)] == before
        types = [entry.event_type for entry in (await journal.read(session_id)).entries][len(before) :]
        assert types == ["assistant", "approval_resolved", "status_change", "turn_ended", "status_change"]
        assert b'"partial":true' in after[len(before)]
        assert b'"cause":"daemon_restart"' in after[-2]
        await s.prompt(session_id, "what was it?")
        again = await s.provider.opened()
        assert again.config.native_id == "native-1"
        assert (await again.heard()).text.endswith("queued")


async def _cut_a_turn(journal: Plugged, *events: RunEvent) -> None:
    """One life of the daemon: the agent tells this, and the power is gone in the middle of its turn."""
    with trio.CancelScope() as daemon:
        async with stage(journal=journal) as s:
            known, _ = s.directory.find(FindSessions())
            await s.prompt(known[0].session_id if known else await s.create(), "go")
            run = await s.provider.opened()
            await run.heard()
            await trio.sleep(2)
            await run.tell(*events)
            await trio.sleep(2)
            journal.power = False
            daemon.cancel()
    journal.power = True


async def test_a_cut_text_is_closed_once_over_two_restarts(autojump_clock: trio.testing.MockClock) -> None:
    journal = Plugged()
    await _cut_a_turn(journal, Delta(item_id=ItemId("cut"), kind=DeltaKind.TEXT, text="and then"))
    await _cut_a_turn(journal)
    async with stage(journal=journal) as s:
        ((seen,), _) = s.directory.find(FindSessions())
        assert sum(b'"partial":true' in body for body in await _bodies(s, seen.session_id)) == 1
        assert seen.turn == 2


async def test_after_a_restart_nothing_waits_on_an_agent_that_asked_outside_of_a_turn(
    autojump_clock: trio.testing.MockClock,
) -> None:
    journal = Plugged()
    with trio.CancelScope() as daemon:
        async with stage(journal=journal) as s:
            await s.create("one")
            run = await s.provider.opened()
            await run.heard()
            await run.finish()
            await run.tell(Asked(bash()))
            await s.watcher.wait_for("approval_requested")
            journal.power = False
            daemon.cancel()
    journal.power = True
    async with stage(journal=journal) as s:
        assert s.directory.approvals() == ()
        assert s.watcher.types == ["approval_resolved"]


async def test_a_fault_of_ours_restarts_one_session_from_its_log(autojump_clock: trio.testing.MockClock) -> None:
    async with stage() as s:
        first = await s.create("one")
        run = await s.provider.opened()
        await run.heard()
        second = await s.create("two")
        other = await s.provider.opened()
        await other.heard()
        await run.tell(Draft(EventType.ASSISTANT, "x", object()))  # type: ignore[arg-type]
        ended = await s.watcher.wait_for("turn_ended")
        assert (ended["sessionId"], ended["metadata"]["cause"]) == (first, "crash")
        assert run.closed
        await other.say("untouched")
        await other.finish()
        assert (await s.watcher.wait_for("turn_ended", 2))["sessionId"] == second
        await s.prompt(first, "again")
        assert (await (await s.provider.opened()).heard()).text.endswith("again")
        mine = [event["seq"] for event in s.watcher.events if event["sessionId"] == first]
        assert mine == list(range(1, len(mine) + 1))


async def test_a_session_that_falls_again_and_again_is_given_up_alone(autojump_clock: trio.testing.MockClock) -> None:
    async with stage() as s:
        first = await s.create("one")
        run = await s.provider.opened()
        second = await s.create("two")
        other = await s.provider.opened()
        for pause in (5, 5, 5 + REST):
            await run.heard()
            await run.tell(Draft(EventType.ASSISTANT, "x", object()))  # type: ignore[arg-type]
            await trio.sleep(pause)
            assert s.directory.get(first).status is Status.IDLE
            await s.prompt(first, "again")
            run = await s.provider.opened()
        await other.finish()
        assert (await s.watcher.wait_for("turn_ended", 4))["sessionId"] == second
        assert (await run.heard()).text.endswith("again")


async def test_who_asks_a_session_that_has_fallen_when_the_daemon_stops_has_an_answer(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    async def close() -> None:
        with trio.fail_after(1), pytest.raises(Refused, match="stopping"):
            await s.directory.close(session_id, ME)

    async with stage() as s:
        session_id = await s.create("one")
        run = await s.provider.opened()
        await run.heard()
        await run.tell(Draft(EventType.ASSISTANT, "x", object()))  # type: ignore[arg-type]
        await trio.sleep(0.01)
        nursery.start_soon(close)
        await trio.sleep(0.01)


async def test_a_text_that_a_fault_of_ours_cut_is_closed_as_clients_saw_it(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with stage() as s:
        await s.create("one")
        run = await s.provider.opened()
        await run.heard()
        await run.tell(Delta(item_id=ItemId("cut"), kind=DeltaKind.TEXT, text="never check"))
        await run.tell(Delta(item_id=ItemId("cut"), kind=DeltaKind.TEXT, text="pointed"))
        await run.tell(Draft(EventType.ASSISTANT, "x", object()))  # type: ignore[arg-type]
        said = await s.watcher.wait_for("assistant")
        assert (said["content"], said["metadata"]) == ("never checkpointed", {"itemId": "cut", "partial": True})


async def test_a_session_without_anything_in_hand_needs_no_task(autojump_clock: trio.testing.MockClock) -> None:
    async with stage() as s:
        session_id = await s.create()
        assert not s.directory.get(session_id).attached
        await s.prompt(session_id, "one")
        run = await s.provider.opened()
        await run.heard()
        await run.finish()
        await s.watcher.wait_for("turn_ended")
        await run.close()
        await trio.sleep(60)
        assert s.directory.awake == 0
        await s.prompt(session_id, "two")
        assert s.directory.awake == 1


async def test_who_asks_in_the_moment_when_a_session_goes_to_rest_is_heard(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with stage() as s:
        session_id = await s.create()
        for _ in range(5):
            await s.directory.interrupt(Interrupt(session_id=session_id), ME)
            await trio.sleep(-trio.current_time() % LINGER)
        await s.prompt(session_id, "one")
        assert (await (await s.provider.opened()).heard()).text == "one"


async def test_late_answers_after_the_end_learn_that_it_was_cancelled(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with stage() as s:
        session_id = await s.create("one")
        run = await s.provider.opened()
        await run.heard()
        await run.tell(Asked(bash()))
        approval = (await s.watcher.wait_for("approval_requested"))["metadata"]
        await s.directory.close(session_id, ME)
        with pytest.raises(Refused) as late:
            await s.directory.resolve(ResolveApproval(approval_id=approval["approvalId"], option_id="allow"), ME)
        assert late.value.kind is ErrorKind.ALREADY_RESOLVED
        assert late.value.data["approval"]["status"] == ApprovalStatus.CANCELLED


async def test_an_item_that_closed_after_its_checkpoint_is_not_closed_again(
    autojump_clock: trio.testing.MockClock,
) -> None:
    journal = Plugged()
    with trio.CancelScope() as daemon:
        async with stage(journal=journal) as s:
            session_id = await s.create("one")
            run = await s.provider.opened()
            await run.heard()
            await trio.sleep(2)
            await run.tell(Delta(item_id=ItemId("first"), kind=DeltaKind.TEXT, text="first"))
            await run.tell(Draft(EventType.ASSISTANT, "first", Said(item_id=ItemId("first"))))
            await run.tell(Delta(item_id=ItemId("second"), kind=DeltaKind.TEXT, text="second"))
            await s.watcher.wait_for("assistant")
            await trio.testing.wait_all_tasks_blocked()
            journal.power = False
            daemon.cancel()
    journal.power = True
    async with stage(journal=journal) as s:
        told = [body for body in await _bodies(s, session_id) if b'"eventType":"assistant"' in body]
        assert len([body for body in told if b'"itemId":"first"' in body]) == 1


async def test_a_stop_in_a_turn_is_no_clients_interrupt_and_keeps_the_queue(
    autojump_clock: trio.testing.MockClock,
) -> None:
    journal = MemoryJournal()
    async with stage(journal=journal, resume=ResumeInterrupted.NEVER) as s:
        session_id = await s.create("one")
        await (await s.provider.opened()).heard()
        await s.prompt(session_id, "two")
    async with stage(journal=journal, resume=ResumeInterrupted.NEVER) as s:
        seen = s.directory.get(session_id)
        assert (seen.status, seen.queued_prompts) == (Status.IDLE, 1)
        assert b'"cause":"daemon_restart"' in (await _bodies(s, session_id))[-2]


async def test_a_session_that_fell_goes_on_when_its_old_agent_is_gone(autojump_clock: trio.testing.MockClock) -> None:
    async with stage() as s:
        session_id = await s.create("one")
        old = await s.provider.opened()
        await old.heard()
        old.clings = True
        await old.tell(Draft(EventType.ASSISTANT, "x", object()))  # type: ignore[arg-type]
        await trio.sleep(1)
        with trio.fail_after(60):
            await s.prompt(session_id, "two")
        run = await s.provider.opened()
        assert not old.alive
        assert (await run.heard()).text.endswith("two")
