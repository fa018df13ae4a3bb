"""What steers a turn, what an agent begins by itself, what is changed while it works. Plain turns: test_session.py."""

from __future__ import annotations

import attrs
import pytest
import trio

from jelmored.domain.commands import (
    CompactSession,
    ConfigureSession,
    Interrupt,
    PromptReceipt,
    ResolveApproval,
)
from jelmored.domain.events import TurnReason
from jelmored.domain.ids import SessionId
from jelmored.domain.models import QuotaWindow
from jelmored.domain.permissions import PermissionMode, Verdict
from jelmored.domain.sessions import BackgroundTask, ContextUse, Limits
from jelmored.errors import ErrorKind, ModelNotSupportedError, Refused
from jelmored.providers.base import Asked, RunFacts, SessionChange, Taken, TakenBack, TurnBegan, TurnOver
from jelmored.testing.puppet import PuppetSession
from tests.eventually import eventually

from .stage import ME, Stage, stage
from .test_session import CRASH, bash, used_bash

COMPLETED = TurnOver(reason=TurnReason.COMPLETED)


async def at_work(s: Stage) -> tuple[SessionId, PuppetSession]:
    session_id = await s.create("one")
    run = await s.provider.opened()
    await run.heard()
    return session_id, run


async def steer(s: Stage, session_id: SessionId, text: str) -> PromptReceipt:
    receipt: PromptReceipt = await s.prompt_when_busy(session_id, text, "steer")
    return receipt


def notes(s: Stage, subtype: str) -> list[str]:
    """The prompts that such events are about."""
    found = (event for event in s.watcher.events if event["eventType"] == "system")
    return [event["metadata"]["promptId"] for event in found if event["metadata"]["subtype"] == subtype]


async def test_a_prompt_steers_the_turn_that_runs(autojump_clock: trio.testing.MockClock) -> None:
    async with stage() as s:
        session_id, run = await at_work(s)
        receipt = await steer(s, session_id, "rather so")
        assert (receipt.disposition, receipt.turn) == ("steered", 1)
        assert (await run.heard_steer()).text == "rather so"
        await run.tell(Taken(receipt.prompt_id))
        await run.finish()
        await s.watcher.wait_for("turn_ended")
        user = [event for event in s.watcher.events if event["eventType"] == "user"][-1]
        assert (user["turn"], user["metadata"]["disposition"]) == (1, "steered")
        assert notes(s, "steered") == [receipt.prompt_id]
        assert s.watcher.types.count("turn_started") == 1


async def test_without_a_turn_it_begins_one(autojump_clock: trio.testing.MockClock) -> None:
    async with stage() as s:
        session_id = await s.create()
        receipt = await steer(s, session_id, "go")
        assert (receipt.disposition, receipt.turn) == ("started", 1)


async def test_a_command_of_the_agent_waits_for_its_turn(autojump_clock: trio.testing.MockClock) -> None:
    async with stage() as s:
        session_id, _ = await at_work(s)
        assert (await steer(s, session_id, "/clear")).disposition == "queued"


async def test_an_agent_that_still_starts_is_steered_once_it_has_its_prompt(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with stage() as s:
        session_id = await s.create("one")
        receipt = await steer(s, session_id, "two")
        assert receipt.disposition == "steered"
        run = await s.provider.opened()
        assert (await run.heard()).text == "one"
        assert (await run.heard_steer()).text == "two"


async def test_what_came_too_late_to_steer_is_a_turn_of_its_own(autojump_clock: trio.testing.MockClock) -> None:
    async with stage() as s:
        session_id, run = await at_work(s)
        late, later = await steer(s, session_id, "late"), await steer(s, session_id, "later")
        queued = await s.prompt(session_id, "last")
        await run.tell(COMPLETED, TurnBegan((late.prompt_id, later.prompt_id)))
        started = await s.watcher.wait_for("turn_started", 2)
        assert (started["turn"], started["metadata"]) == (2, {"origin": "prompt", "promptId": late.prompt_id})
        assert notes(s, "steered") == [later.prompt_id]
        await run.tell(attrs.evolve(COMPLETED, origin="agent"))
        assert (await run.heard()).text == "last", "what waits comes behind it"
        started = await s.watcher.wait_for("turn_started", 3)
        assert started["metadata"]["promptId"] == queued.prompt_id


async def test_between_the_turns_a_new_prompt_waits(autojump_clock: trio.testing.MockClock) -> None:
    async with stage() as s:
        session_id, run = await at_work(s)
        late = await steer(s, session_id, "late")
        await run.tell(COMPLETED)
        await s.watcher.wait_for("turn_ended")
        receipt = await s.prompt(session_id, "next")
        assert receipt.disposition == "queued"
        await run.tell(TurnBegan((late.prompt_id,)))
        await run.finish()
        assert (await run.heard()).text == "next"


@pytest.mark.parametrize(("drop", "then"), [(True, []), (False, ["late"])])
async def test_an_interrupt_takes_back_what_has_not_steered_yet(
    autojump_clock: trio.testing.MockClock, drop: bool, then: list[str]
) -> None:
    async with stage() as s:
        session_id, run = await at_work(s)
        late = await steer(s, session_id, "late")
        await run.heard_steer()
        await s.directory.interrupt(Interrupt(session_id=session_id, drop_queue=drop), ME)
        await run.tell(TakenBack(late.prompt_id))
        await s.watcher.wait_for("turn_ended")
        await eventually(lambda: notes(s, "prompt_dropped") == ([late.prompt_id] if drop else []), 5)
        await eventually(lambda: [prompt.text for prompt in run.prompts] == ["one", *then], 5)


async def test_an_agent_that_dies_between_two_turns_leaves_its_prompts(autojump_clock: trio.testing.MockClock) -> None:
    async with stage() as s:
        session_id, run = await at_work(s)
        await steer(s, session_id, "late")
        await run.tell(COMPLETED)
        await s.watcher.wait_for("turn_ended")
        run.crash(CRASH)
        again = await s.provider.opened()
        assert (await again.heard()).text == "late"


async def test_after_a_crash_the_turn_has_all_its_prompts_again(autojump_clock: trio.testing.MockClock) -> None:
    async with stage() as s:
        session_id, run = await at_work(s)
        taken = await steer(s, session_id, "two")
        await steer(s, session_id, "three")
        await run.tell(Taken(taken.prompt_id))
        run.crash(CRASH)
        again = await s.provider.opened()
        assert (await again.heard()).text == "one"
        assert [(await again.heard_steer()).text, (await again.heard_steer()).text] == ["two", "three"]


async def test_what_steers_again_after_a_crash_is_no_less_kept(autojump_clock: trio.testing.MockClock) -> None:
    async with stage() as s:
        session_id, run = await at_work(s)
        read = await steer(s, session_id, "two")
        await run.tell(Taken(read.prompt_id))
        run.crash(CRASH)
        again = await s.provider.opened()
        await again.heard_steer()
        await again.tell(COMPLETED, TurnBegan((read.prompt_id,)))
        started = await s.watcher.wait_for("turn_started", 2)
        assert started["metadata"] == {"origin": "prompt", "promptId": read.prompt_id}


async def test_an_answer_that_ends_the_turn_stops_all_of_it(autojump_clock: trio.testing.MockClock) -> None:
    async with stage() as s:
        _, run = await at_work(s)
        await run.tell(Asked(bash()))
        await s.watcher.wait_for("approval_requested")
        (asked,) = s.directory.approvals()
        no = ResolveApproval(approval_id=asked.approval_id, option_id="reject", interrupt=True)
        await s.directory.resolve(no, ME)
        ended = await s.watcher.wait_for("turn_ended")
        assert (ended["metadata"]["reason"], ended["metadata"]["cause"]) == ("interrupted", "user")
        assert (len(run.answers), run.interrupts) == (1, 1)


async def test_after_a_crash_with_effects_what_had_not_steered_is_steered_again(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with stage() as s:
        session_id, run = await at_work(s)
        await run.tell(used_bash())
        await steer(s, session_id, "late")
        run.crash(CRASH)
        again = await s.provider.opened()
        assert (await again.heard()).text.endswith("\none")
        assert (await again.heard_steer()).text == "late"


async def test_a_title_a_name_a_pin(autojump_clock: trio.testing.MockClock) -> None:
    async with stage() as s:
        session_id, taken = await s.create(), await s.create(name="taken")
        view = await s.directory.configure(
            ConfigureSession(session_id=session_id, title="T", name="n", pin=True, limits=Limits(max_turns=3)), ME
        )
        assert (view.title, view.name, view.pin, view.limits) == ("T", "n", True, Limits(max_turns=3))
        with pytest.raises(Refused) as refused:
            await s.directory.configure(ConfigureSession(session_id=session_id, name="taken"), ME)
        assert (refused.value.kind, refused.value.field) == (ErrorKind.INVALID_PARAMS, "name")
        same = await s.directory.configure(ConfigureSession(session_id=taken, name="taken"), ME)
        assert same.name == "taken"


async def test_another_model_is_told_to_the_agent_and_is_its_next_ones(autojump_clock: trio.testing.MockClock) -> None:
    async with stage() as s:
        session_id, run = await at_work(s)
        view = await s.directory.configure(ConfigureSession(session_id=session_id, model="puppet-1"), ME)
        assert view.model == "puppet-1"
        await eventually(lambda: run.changes == [SessionChange(model="puppet-1")], 5)
        run.crash(CRASH)
        assert (await s.provider.opened()).config.model == "puppet-1"
        with pytest.raises(ModelNotSupportedError, match="no model 'nonsense'"):
            await s.directory.configure(ConfigureSession(session_id=session_id, model="nonsense"), ME)


async def test_another_mode_settles_what_is_asked(autojump_clock: trio.testing.MockClock) -> None:
    async with stage() as s:
        session_id, run = await at_work(s)
        await run.tell(Asked(bash()))
        await s.watcher.wait_for("approval_requested")
        mode = PermissionMode.ALLOW_ALL
        view = await s.directory.configure(ConfigureSession(session_id=session_id, permission_mode=mode), ME)
        assert view.permission_mode is mode
        assert (await run.heard_answer()).verdict is Verdict.ALLOW
        assert run.changes == [SessionChange(permission_mode=mode)]


async def test_an_always_settles_what_else_it_covers(autojump_clock: trio.testing.MockClock) -> None:
    async with stage() as s:
        _, run = await at_work(s)
        await run.tell(Asked(bash("make", "r1")), Asked(bash("make", "r2")), Asked(bash("rm x", "r3")))
        await s.watcher.wait_for("approval_requested", 3)
        first, *_ = s.directory.approvals()
        await s.directory.resolve(ResolveApproval(approval_id=first.approval_id, option_id="allow-always"), ME)
        await eventually(lambda: set(run.answers) == {"r1", "r2"}, 5)
        assert [approval.command for approval in s.directory.approvals()] == ["rm x"]


async def test_other_limits_renew_the_agent_after_its_turn(autojump_clock: trio.testing.MockClock) -> None:
    async with stage() as s:
        session_id, run = await at_work(s)
        await s.directory.configure(ConfigureSession(session_id=session_id, limits=Limits(max_turns=2)), ME)
        assert not run.closed
        await run.finish()
        await s.watcher.wait_for("turn_ended")
        await eventually(lambda: run.closed and not s.directory.get(session_id).attached, 5)
        await s.prompt(session_id, "two")
        assert (await s.provider.opened()).config.max_turns == 2


async def test_a_closed_session_is_configured_no_more(autojump_clock: trio.testing.MockClock) -> None:
    async with stage() as s:
        session_id = await s.create()
        await s.directory.close(session_id, ME)
        with pytest.raises(Refused) as refused:
            await s.directory.configure(ConfigureSession(session_id=session_id, title="late"), ME)
        assert refused.value.kind is ErrorKind.WRONG_STATUS


async def test_compacting_is_a_turn_of_its_own(autojump_clock: trio.testing.MockClock) -> None:
    async with stage() as s:
        session_id, run = await at_work(s)
        asked = CompactSession(session_id=session_id, request_key="k")
        prompt_id = await s.directory.compact(asked, ME)
        await run.finish()
        prompt = await run.heard()
        assert (prompt.prompt_id, prompt.text, prompt.compacts) == (prompt_id, "/compact", True)
        assert await s.directory.compact(asked, ME) == prompt_id


async def test_background_tasks_are_listed_and_stopped(autojump_clock: trio.testing.MockClock) -> None:
    async with stage() as s:
        session_id, run = await at_work(s)
        task = BackgroundTask(task_id="t1", title="sleep 9")
        await run.tell(RunFacts(background_tasks=(task,)))
        await eventually(lambda: s.directory.tasks(session_id) == (task,), 5)
        assert s.directory.get(session_id).background_tasks == 1
        assert await s.directory.end_task(session_id, "t1", ME)
        assert not await s.directory.end_task(session_id, "t2", ME)
        await eventually(lambda: run.stopped_tasks == ["t1"], 5)


async def test_quota_and_context_are_shown(autojump_clock: trio.testing.MockClock) -> None:
    async with stage() as s:
        session_id, run = await at_work(s)
        window = QuotaWindow(window="five_hour", used_percent=80)
        await run.tell(RunFacts(quota=window, context=ContextUse(tokens=5, window=100)))
        await eventually(lambda: s.directory.get(session_id).context == ContextUse(tokens=5, window=100), 5)
        assert s.directory._providers.views()[0].quota == (window,)
