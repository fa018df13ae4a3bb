"""What becomes of what clients ask of a session, as a subscriber sees it."""

from __future__ import annotations

import pytest
import trio

from jelmored.domain.commands import Interrupt, ResolveApproval
from jelmored.domain.permissions import PermissionMode, Verdict
from jelmored.errors import ErrorKind, Refused
from jelmored.providers.base import Asked

from .stage import ME, stage
from .test_session import bash, used_bash


async def test_interrupt_drops_the_queue_and_minds_the_turn(autojump_clock: trio.testing.MockClock) -> None:
    async with stage() as s:
        session_id = await s.create("one")
        run = await s.provider.opened()
        await run.heard()
        await s.prompt(session_id, "two")
        assert not await s.directory.interrupt(Interrupt(session_id=session_id, expected_turn=7), ME)
        assert run.interrupts == 0
        assert await s.directory.interrupt(Interrupt(session_id=session_id, expected_turn=1), ME)
        await s.watcher.wait_status("idle")
        assert s.directory.queue(session_id) == ()
        assert not await s.directory.interrupt(Interrupt(session_id=session_id), ME)


async def test_a_rejection_that_ends_the_turn_is_an_interrupt(autojump_clock: trio.testing.MockClock) -> None:
    async with stage() as s:
        await s.create("one")
        run = await s.provider.opened()
        await run.heard()
        await run.tell(Asked(bash()))
        await s.watcher.wait_for("approval_requested")
        (approval,) = s.directory.approvals()
        began = trio.current_time()
        reject = ResolveApproval(approval_id=approval.approval_id, option_id="reject", interrupt=True)
        await s.directory.resolve(reject, ME)
        ended = await s.watcher.wait_for("turn_ended")
        assert (ended["metadata"]["reason"], ended["metadata"]["cause"]) == ("interrupted", "user")
        assert trio.current_time() - began < 6.5, "an agent that goes on all the same is stopped"


async def test_an_approval_is_given_once(autojump_clock: trio.testing.MockClock) -> None:
    async with stage() as s:
        session_id = await s.create("one")
        run = await s.provider.opened()
        await run.heard()
        await run.tell(used_bash(), Asked(bash()))
        await s.watcher.wait_status("waiting_input")
        (approval,) = s.directory.approvals(session_id)
        decision = ResolveApproval(approval_id=approval.approval_id, option_id="allow")
        await s.directory.resolve(decision, ME)
        assert (await run.heard_answer()).verdict is Verdict.ALLOW
        with pytest.raises(Refused) as late:
            await s.directory.resolve(decision, ME)
        assert late.value.kind is ErrorKind.ALREADY_RESOLVED
        assert late.value.data["approval"]["resolvedBy"]["client"] == "test"
        await run.finish()
        await s.watcher.wait_for("turn_ended")
        types = s.watcher.types
        assert types.index("tool_use") < types.index("approval_requested") < types.index("approval_resolved")


async def test_a_rejection_carries_a_message(autojump_clock: trio.testing.MockClock) -> None:
    async with stage() as s:
        await s.create("one")
        run = await s.provider.opened()
        await run.heard()
        await run.tell(Asked(bash()))
        requested = await s.watcher.wait_for("approval_requested")
        approval_id = requested["metadata"]["approvalId"]
        await s.directory.resolve(ResolveApproval(approval_id=approval_id, option_id="reject", message="not now"), ME)
        answer = await run.heard_answer()
        assert (answer.verdict, answer.message) == (Verdict.DENY, "not now")


async def test_always_makes_a_rule_of_this_session(autojump_clock: trio.testing.MockClock) -> None:
    async with stage() as s:
        await s.create("one")
        run = await s.provider.opened()
        await run.heard()
        await run.tell(Asked(bash()))
        requested = await s.watcher.wait_for("approval_requested")
        approval_id = requested["metadata"]["approvalId"]
        await s.directory.resolve(ResolveApproval(approval_id=approval_id, option_id="allow-always"), ME)
        await run.heard_answer()
        await run.tell(Asked(bash(request="r2")))
        assert (await run.heard_answer()).verdict is Verdict.ALLOW
        await run.tell(Asked(bash("rm -rf x", request="r3")))
        await s.watcher.wait_for("approval_requested", 2)


@pytest.mark.parametrize(("mode", "verdict"), [("deny", Verdict.DENY), ("allow-all", Verdict.ALLOW)])
async def test_the_mode_answers(autojump_clock: trio.testing.MockClock, mode: str, verdict: Verdict) -> None:
    async with stage(mode=PermissionMode(mode)) as s:
        await s.create("one")
        run = await s.provider.opened()
        await run.heard()
        await run.tell(Asked(bash()))
        assert (await run.heard_answer()).verdict is verdict
        assert "approval_requested" not in s.watcher.types
