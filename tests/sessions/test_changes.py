"""What clients change of a session while it works."""

from __future__ import annotations

import pytest
import trio

from jelmored.domain.commands import ConfigureSession, ResolveApproval
from jelmored.domain.permissions import PermissionMode, Verdict
from jelmored.domain.sessions import BackgroundTask, Limits
from jelmored.errors import ErrorKind, ModelNotSupportedError, Refused
from jelmored.providers.base import Asked, RunFacts, SessionChange
from tests.eventually import eventually

from .stage import ME, stage
from .test_session import CRASH, bash
from .test_work import at_work


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
