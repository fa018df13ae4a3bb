"""Limits of money and time, with puppets under the real session, provider supervisor and journal."""

from __future__ import annotations

from typing import Any

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from jelmored.domain.budget import Budget
from jelmored.domain.commands import ConfigureSession, ResolveApproval
from jelmored.domain.events import TurnReason, UsageNote
from jelmored.domain.ids import RequestId, SessionId
from jelmored.domain.permissions import PermissionRequest, ToolKind
from jelmored.domain.sessions import Limits
from jelmored.domain.usage import UsageKey
from jelmored.errors import ErrorKind, Refused, SessionError
from jelmored.journal.memory import MemoryJournal
from jelmored.providers.base import Asked, RunFacts, TurnOver
from jelmored.sessions.turn.allowance import TurnClock
from tests.sessions.stage import ME, Stage, stage


def usage(cost: float, *, notional: bool | None = None, estimated: bool | None = None) -> UsageNote:
    return UsageNote(
        model="puppet",
        input_tokens=10,
        output_tokens=5,
        cache_read_tokens=0,
        cache_write_tokens=0,
        cost_usd=cost,
        notional=notional,
        estimated=estimated,
    )


def spent(cost: float, **more: Any) -> RunFacts:
    return RunFacts(spent=usage(cost, estimated=True, **more))


def over(cost: float, **more: Any) -> TurnOver:
    return TurnOver(reason=TurnReason.COMPLETED, usage=usage(cost, **more))


async def configure(on: Stage, session_id: SessionId, limits: Limits) -> None:
    await on.directory.configure(ConfigureSession(session_id=session_id, limits=limits), ME)


async def test_a_turn_that_costs_too_much_is_cut_at_once_and_says_how_to_raise_it(autojump_clock: object) -> None:
    async with stage() as on:
        session_id = await on.create("go", limits=Limits(max_cost_usd=0.01))
        puppet = await on.provider.opened()
        await puppet.heard()
        await puppet.tell(spent(0.004))
        await trio.testing.wait_all_tasks_blocked()
        assert puppet.interrupts == 0
        await puppet.tell(spent(0.012))
        ended = (await on.watcher.wait_for("turn_ended"))["metadata"]
        assert puppet.interrupts == 1
        assert (ended["reason"], ended["error"]["kind"], ended.get("cause")) == ("budget", "budget-exceeded", None)
        assert ended["error"]["remedy"] == f"raise it: jelmore set {session_id} --max-cost 0.03"
        used = (await on.watcher.wait_for("usage"))["metadata"]
        assert (used["costUsd"], used["estimated"]) == (0.012, True)

        with pytest.raises(Refused) as no:
            await on.prompt(session_id, "more")
        assert (no.value.kind, no.value.remedy) == (ErrorKind.BUDGET_EXCEEDED, ended["error"]["remedy"])

        await configure(on, session_id, Limits(max_cost_usd=0.03))
        await on.prompt(session_id, "more")
        await puppet.heard()
        await puppet.tell(over(0.002))
        await on.watcher.wait_for("turn_ended", 2)
        assert on.directory.get(session_id).usage.cost_usd == pytest.approx(0.014)


async def test_a_prompt_that_waits_keeps_its_place_until_there_is_money(autojump_clock: object) -> None:
    async with stage(budget=Budget(per_session_usd=1)) as on:
        session_id = await on.create("go")
        puppet = await on.provider.opened()
        await puppet.heard()
        await on.prompt(session_id, "next")
        await puppet.tell(over(1.5))
        note = await on.watcher.wait_for("system")
        assert note["metadata"]["subtype"] == "waiting_for_budget"
        assert len(on.directory.queue(session_id)) == 1
        await configure(on, session_id, Limits(max_cost_usd=3))
        assert (await puppet.heard()).text == "next"


async def test_a_lower_limit_cuts_the_turn_that_runs(autojump_clock: object) -> None:
    async with stage() as on:
        session_id = await on.create("go")
        puppet = await on.provider.opened()
        await puppet.heard()
        await puppet.tell(spent(0.5))
        await configure(on, session_id, Limits(max_cost_usd=0.4))
        assert (await on.watcher.wait_for("turn_ended"))["metadata"]["reason"] == "budget"


async def test_a_days_money_is_that_of_all_sessions(autojump_clock: object) -> None:
    journal = MemoryJournal()
    async with stage(journal=journal, budget=Budget(per_day_usd=1)) as on:
        first = await on.create("one")
        one = await on.provider.opened()
        await one.heard()
        second = await on.create("two")
        two = await on.provider.opened()
        await two.heard()
        await one.tell(spent(0.7))
        await two.tell(spent(0.4))
        ended = await on.watcher.wait_for("turn_ended")
        assert (ended["sessionId"], ended["metadata"]["reason"]) == (second, "budget")
        assert "per_day_usd" in ended["metadata"]["error"]["remedy"]
        with pytest.raises(Refused, match="all sessions have cost"):
            await on.create("three")
        assert sum(on.directory.counts().values()) == 2
        await one.tell(TurnOver(reason=TurnReason.INTERRUPTED))
        await on.watcher.wait_for("turn_ended", 2)
    async with stage(journal=journal, budget=Budget(per_day_usd=1)) as on:
        with pytest.raises(Refused, match="all sessions have cost"):
            await on.prompt(first, "again")


@pytest.mark.parametrize(("count", "reason"), [(False, "completed"), (True, "budget")])
async def test_what_a_subscription_pays_counts_only_when_asked(
    autojump_clock: object, *, count: bool, reason: str
) -> None:
    async with stage(budget=Budget(per_session_usd=1, count_notional=count)) as on:
        await on.create("go")
        puppet = await on.provider.opened()
        await puppet.heard()
        await puppet.tell(spent(5, notional=True))
        await trio.testing.wait_all_tasks_blocked()
        if puppet.in_turn:
            await puppet.tell(over(5, notional=True))
        assert (await on.watcher.wait_for("turn_ended"))["metadata"]["reason"] == reason


async def test_what_an_agent_told_before_it_died_is_what_it_took(autojump_clock: object) -> None:
    async with stage() as on:
        session_id = await on.create("go")
        puppet = await on.provider.opened()
        await puppet.heard()
        await puppet.tell(spent(0.3))
        await trio.testing.wait_all_tasks_blocked()
        puppet.crash(SessionError(ErrorKind.AUTH_REQUIRED, "logged out"))
        used = (await on.watcher.wait_for("usage"))["metadata"]
        assert (used["costUsd"], used["estimated"]) == (0.3, True)
        await on.watcher.wait_for("turn_ended")
        assert on.watcher.types.count("usage") == 1
        [row] = await on.journal.usage(UsageKey.SESSION)
        assert (row.key, row.cost_usd, row.turns) == (session_id, 0.3, 1)


async def test_a_turn_has_its_time_and_what_it_waits_for_a_person_is_left_out(autojump_clock: trio.abc.Clock) -> None:
    async with stage() as on:
        await on.create("go", limits=Limits(turn_seconds=60))
        puppet = await on.provider.opened()
        await puppet.heard()
        start = trio.current_time()
        await trio.sleep(50)
        request = PermissionRequest(
            request_id=RequestId("r1"), title="May I?", tool_name="Bash", kind=ToolKind.EXECUTE, input={}
        )
        await puppet.tell(Asked(request))
        asked = await on.watcher.wait_for("approval_requested")
        await trio.sleep(3600)
        assert puppet.interrupts == 0
        option = asked["metadata"]["options"][0]["optionId"]
        approval_id = asked["metadata"]["approvalId"]
        await on.directory.resolve(ResolveApproval(approval_id=approval_id, option_id=option), ME)
        ended = await on.watcher.wait_for("turn_ended")
        assert trio.current_time() - start == pytest.approx(3660, abs=1)
        assert ended["metadata"]["reason"] == "budget"
        assert "--turn-seconds 120" in ended["metadata"]["error"]["remedy"]


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 100)), max_size=20))
def test_a_clock_counts_what_it_does_not_wait(times: list[tuple[bool, int]]) -> None:
    clock, now, expected = TurnClock(1, 0.0), 0.0, 0
    for waiting, seconds in times:
        clock.look(now, waiting=waiting)
        now += seconds
        expected += 0 if waiting else seconds
    assert clock.seconds(now) == expected
