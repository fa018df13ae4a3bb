"""A conversation goes on at another provider, with its context, and no two agents ever work for it at once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import attrs
import pytest
import trio

from jelmored.config.settings import FailoverSettings, MidTurn, Return
from jelmored.domain.commands import ConfigureSession, Interrupt, MoveSession, ResolveApproval
from jelmored.domain.events import DeltaKind, TurnReason
from jelmored.domain.failures import Failure
from jelmored.domain.ids import ItemId, ProviderName, SessionId
from jelmored.domain.prompts import WhenUnavailable
from jelmored.errors import ErrorKind, Refused, SessionError
from jelmored.journal.base import Page
from jelmored.journal.memory import MemoryJournal
from jelmored.providers.base import Asked, Delta, Probe, RunEvent, RunFacts, TurnBegan
from jelmored.testing.puppet import PuppetProvider, PuppetSession
from tests.eventually import eventually
from tests.sessions.stage import ME, Stage, stage
from tests.sessions.test_session import CRASH, bash, used_bash

OVERLOADED = Failure(kind=ErrorKind.OVERLOADED, message="529 overloaded")
BROKEN = Failure(kind=ErrorKind.UNAVAILABLE, message="500")
SECOND, THIRD = ProviderName("second"), ProviderName("third")


@attrs.frozen
class Pair:
    """Two providers, or three."""

    stage: Stage
    second: PuppetProvider
    third: PuppetProvider

    @property
    def failovers(self) -> list[tuple[str, str, str]]:
        events = [e["metadata"] for e in self.stage.watcher.events if e["eventType"] == "failover"]
        return [(event["from"], event["to"], event["cause"]) for event in events]

    async def first_turn(self, prompt: str = "the secret is plum") -> tuple[SessionId, PuppetSession]:
        """One that goes well at the first provider."""
        session_id = await self.stage.create(prompt)
        run = await self.stage.provider.opened()
        await run.heard()
        await run.say("noted")
        await run.finish()
        await self.stage.watcher.wait_for("turn_ended")
        return session_id, run


@asynccontextmanager
async def pair(**more: Any) -> AsyncIterator[Pair]:
    second, third = PuppetProvider("second"), PuppetProvider("third")
    (model,) = third.probed.models
    third.probed = attrs.evolve(third.probed, models=(model, attrs.evolve(model, name="puppet-9")))
    second.facts = RunFacts(native_id="native-2", used=True, model="puppet-2")
    async with stage(others=(second, third), **more) as s:
        yield Pair(s, second, third)


async def fail(run: PuppetSession, failure: Failure = OVERLOADED) -> None:
    await run.finish(TurnReason.FAILED, failure)


async def test_the_next_provider_gets_the_prompt_behind_the_conversation(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with pair() as p:
        session_id, run = await p.first_turn()
        await p.stage.prompt(session_id, "what is the secret?")
        await run.heard()
        await fail(run)
        other = await p.second.opened()
        words = (await other.heard()).text
        assert "USER: the secret is plum" in words
        assert "ASSISTANT: noted" in words
        assert words.endswith("\nwhat is the secret?")
        assert not run.alive, "the old run is over before the new one is told anything"
        await other.say("plum")
        await other.finish()
        ended = await p.stage.watcher.wait_for("turn_ended", 2)
        assert (ended["metadata"]["reason"], ended["provider"]) == ("completed", "second")
        assert p.failovers == [("puppet", "second", "overloaded")]
        assert p.stage.directory.get(session_id).provider == SECOND
        types = p.stage.watcher.types
        assert types.count("turn_started") == 2
        assert types.count("error") == 1
        assert types.index("error") < types.index("failover")


async def test_the_first_prompt_of_all_needs_no_handoff(autojump_clock: trio.testing.MockClock) -> None:
    async with pair() as p:
        await p.stage.create("hello")
        run = await p.stage.provider.opened()
        await run.heard()
        await fail(run)
        assert (await (await p.second.opened()).heard()).text == "hello"
        failover = await p.stage.watcher.wait_for("failover")
        assert failover["metadata"]["carried"] == {"turns": 0, "characters": 0, "truncated": False}


async def test_a_start_that_fails_for_good_moves_on_too(autojump_clock: trio.testing.MockClock) -> None:
    async with pair() as p:
        p.stage.provider.facts = SessionError(ErrorKind.AUTH_REQUIRED, "not logged in")
        await p.stage.create("hello")
        assert (await (await p.second.opened()).heard()).text == "hello"


async def test_what_streamed_is_void_where_the_answer_is_done_over(autojump_clock: trio.testing.MockClock) -> None:
    async with pair() as p:
        await p.stage.create("hello")
        run = await p.stage.provider.opened()
        await run.heard()
        await run.tell(Delta(item_id=ItemId("i"), kind=DeltaKind.TEXT, text="half an ans"))
        await fail(run)
        await (await p.second.opened()).heard()
        methods = [message["method"] for message in p.stage.watcher.messages]
        assert "session/itemVoided" in methods
        assert "assistant" not in p.stage.watcher.types


async def test_a_turn_that_changed_something_is_gone_on_with(autojump_clock: trio.testing.MockClock) -> None:
    async with pair() as p:
        await p.stage.create("change it")
        run = await p.stage.provider.opened()
        await run.heard()
        await run.tell(used_bash())
        await run.tell(Delta(item_id=ItemId("i"), kind=DeltaKind.TEXT, text="half an ans"))
        await fail(run)
        words = (await (await p.second.opened()).heard()).text
        assert "was cut off: puppet failed (overloaded)" in words
        assert "its outcome is not known" in words
        assert "half an ans" in words
        assert words.endswith("\nchange it")


async def test_none_that_refused_in_this_turn_is_tried_again(autojump_clock: trio.testing.MockClock) -> None:
    async with pair() as p:
        await p.stage.create("hello")
        for provider in (p.stage.provider, p.second, p.third):
            run = await provider.opened()
            await run.heard()
            await fail(run)
        ended = await p.stage.watcher.wait_for("turn_ended")
        assert ended["metadata"]["reason"] == "failed"
        assert p.failovers == [("puppet", "second", "overloaded"), ("second", "third", "overloaded")]


@pytest.mark.parametrize("kind", [ErrorKind.INVALID_REQUEST, ErrorKind.REFUSED, ErrorKind.MODEL_NOT_SUPPORTED])
async def test_the_prompts_own_fault_moves_nothing(autojump_clock: trio.testing.MockClock, kind: ErrorKind) -> None:
    async with pair() as p:
        await p.stage.create("hello")
        run = await p.stage.provider.opened()
        await run.heard()
        await fail(run, Failure(kind=kind, message="no"))
        await p.stage.watcher.wait_for("turn_ended")
        assert p.failovers == []


async def test_a_pinned_session_stays(autojump_clock: trio.testing.MockClock) -> None:
    async with pair() as p:
        session_id = await p.stage.create("hello", pin=True)
        run = await p.stage.provider.opened()
        await run.heard()
        await fail(run)
        ended = await p.stage.watcher.wait_for("turn_ended")
        assert ended["metadata"]["error"]["kind"] == "overloaded"
        assert p.stage.directory.get(session_id).provider == "puppet"


async def test_switched_off_it_does_nothing(autojump_clock: trio.testing.MockClock) -> None:
    async with pair(failover=FailoverSettings(enabled=False)) as p:
        await p.stage.create("hello")
        run = await p.stage.provider.opened()
        await run.heard()
        await fail(run)
        await p.stage.watcher.wait_for("turn_ended")
        assert p.failovers == []


async def test_it_stays_there_and_comes_back_told_only_what_it_missed(autojump_clock: trio.testing.MockClock) -> None:
    async with pair(failover=FailoverSettings(return_=Return.NEXT_TURN)) as p:
        session_id, run = await p.first_turn()
        await p.stage.prompt(session_id, "two")
        await run.heard()
        await fail(run, BROKEN)
        other = await p.second.opened()
        await other.heard()
        await other.say("second answer")
        await other.finish()
        await p.stage.watcher.wait_for("turn_ended", 2)
        await p.stage.prompt(session_id, "three")
        back = await p.stage.provider.opened()
        words = (await back.heard()).text
        assert back.config.native_id == "native-1"
        assert "what you missed" in words
        assert "second answer" in words
        assert "plum" not in words
        await p.stage.watcher.wait_for("failover", 2)
        assert p.failovers[-1] == ("second", "puppet", "returned")


async def test_without_the_wish_to_return_it_stays(autojump_clock: trio.testing.MockClock) -> None:
    async with pair() as p:
        session_id, run = await p.first_turn()
        await p.stage.prompt(session_id, "two")
        await run.heard()
        await fail(run)
        other = await p.second.opened()
        await other.heard()
        await other.finish()
        await p.stage.watcher.wait_for("turn_ended", 2)
        await p.stage.prompt(session_id, "three")
        assert (await other.heard()).text == "three"


async def test_an_interrupt_on_the_way_ends_the_turn(autojump_clock: trio.testing.MockClock) -> None:
    async with pair() as p:
        session_id, run = await p.first_turn()
        run.clings = True
        await p.stage.prompt(session_id, "two")
        await run.heard()
        await fail(run)
        await p.stage.watcher.wait_for("error")
        await p.stage.directory.interrupt(Interrupt(session_id=session_id), ME)
        ended = await p.stage.watcher.wait_for("turn_ended", 2)
        assert (ended["metadata"]["reason"], p.failovers) == ("interrupted", [])


async def test_an_agent_that_clings_is_stopped_before_another_begins(autojump_clock: trio.testing.MockClock) -> None:
    async with pair() as p:
        session_id, run = await p.first_turn()
        run.clings = True
        await p.stage.prompt(session_id, "two")
        await run.heard()
        began = trio.current_time()
        await fail(run)
        await p.stage.watcher.wait_for("failover")
        await (await p.second.opened()).heard()
        assert not run.alive
        assert trio.current_time() - began < 8


@pytest.mark.parametrize(("word", "goes_on"), [("Go on", True), ("Stop", False)])
async def test_a_person_decides_where_the_configuration_wants_it(
    autojump_clock: trio.testing.MockClock, word: str, goes_on: bool
) -> None:
    async with pair(failover=FailoverSettings(mid_turn=MidTurn.ASK)) as p:
        await p.stage.create("change it")
        run = await p.stage.provider.opened()
        await run.heard()
        await run.tell(used_bash())
        await fail(run)
        await p.stage.watcher.wait_for("approval_requested")
        (asked,) = p.stage.directory.approvals()
        await p.stage.directory.resolve(
            ResolveApproval(approval_id=asked.approval_id, answers={"failover": (word,)}), ME
        )
        if goes_on:
            assert "was cut off" in (await (await p.second.opened()).heard()).text
        else:
            ended = await p.stage.watcher.wait_for("turn_ended")
            assert (ended["metadata"]["reason"], p.failovers) == ("failed", [])


async def test_an_open_approval_of_the_old_agent_is_closed(autojump_clock: trio.testing.MockClock) -> None:
    async with pair() as p:
        await p.stage.create("hello")
        run = await p.stage.provider.opened()
        await run.heard()
        await run.tell(Asked(bash()))
        await p.stage.watcher.wait_for("approval_requested")
        run.crash(SessionError(ErrorKind.UNAVAILABLE, "gone"))
        await (await p.second.opened()).heard()
        assert p.stage.directory.approvals() == ()


async def test_an_agent_that_crashes_again_and_again_is_left(autojump_clock: trio.testing.MockClock) -> None:
    async with pair() as p:
        await p.stage.create("hello")
        for _ in range(3):
            run = await p.stage.provider.opened()
            await run.heard()
            run.crash(CRASH)
        assert (await (await p.second.opened()).heard()).text == "hello"


async def test_what_steered_steers_the_next_agent(autojump_clock: trio.testing.MockClock) -> None:
    async with pair() as p:
        session_id = await p.stage.create("hello")
        run = await p.stage.provider.opened()
        await run.heard()
        await p.stage.prompt_when_busy(session_id, "rather so", "steer")
        await run.heard_steer()
        await fail(run)
        other = await p.second.opened()
        await other.heard()
        assert (await other.heard_steer()).text == "rather so"


async def test_three_sessions_move_at_once(autojump_clock: trio.testing.MockClock) -> None:
    async with pair() as p:
        runs = []
        for number in range(3):
            await p.stage.create(f"prompt {number}")
            run = await p.stage.provider.opened()
            await run.heard()
            runs.append(run)
        async with trio.open_nursery() as nursery:
            for run in runs:
                nursery.start_soon(fail, run)
        heard = [(await (await p.second.opened()).heard()).text for _ in runs]
        assert sorted(heard) == ["prompt 0", "prompt 1", "prompt 2"]


async def test_a_prompt_that_may_wait_does_and_is_not_lost(autojump_clock: trio.testing.MockClock) -> None:
    async with stage() as s:
        session_id = await s.create()
        receipt = await s.prompt(session_id, "patient", when_unavailable=WhenUnavailable.WAIT)
        run = await s.provider.opened()
        await run.heard()
        await fail(run, BROKEN)
        await s.watcher.wait_for("turn_ended")
        assert [prompt.prompt_id for prompt in s.directory.queue(session_id)] == [receipt.prompt_id]
        started = await s.watcher.wait_for("turn_started", 2)
        assert started["metadata"]["promptId"] == receipt.prompt_id


async def test_a_turn_that_nobody_prompted_ends_where_it_fails(autojump_clock: trio.testing.MockClock) -> None:
    async with pair() as p:
        session_id, run = await p.first_turn()
        await run.tell(TurnBegan())
        await p.stage.watcher.wait_for("turn_started", 2)
        await fail(run)
        ended = await p.stage.watcher.wait_for("turn_ended", 2)
        assert (ended["metadata"]["reason"], p.failovers) == ("failed", [])
        await p.stage.prompt(session_id, "and the secret?")
        assert "plum" in (await (await p.second.opened()).heard()).text


# Moving by hand


async def test_a_client_moves_a_session_and_may_look_first(autojump_clock: trio.testing.MockClock) -> None:
    async with pair() as p:
        session_id, _ = await p.first_turn()
        handoff = await p.stage.directory.preview(MoveSession(session_id=session_id, provider=THIRD))
        assert "USER: the secret is plum" in handoff.text
        assert p.stage.directory.get(session_id).provider == "puppet"
        view = await p.stage.directory.move(MoveSession(session_id=session_id, provider=THIRD), ME)
        assert (view.provider, p.failovers) == (THIRD, [("puppet", "third", "moved")])
        await p.stage.prompt(session_id, "and the secret?")
        assert "plum" in (await (await p.third.opened()).heard()).text


async def test_not_in_a_turn_and_not_to_nowhere(autojump_clock: trio.testing.MockClock) -> None:
    async with pair() as p:
        session_id = await p.stage.create("hello")
        run = await p.stage.provider.opened()
        await run.heard()
        assert await refusal(p.stage, session_id, SECOND) is ErrorKind.BUSY
        await run.finish()
        await p.stage.watcher.wait_for("turn_ended")
        assert await refusal(p.stage, session_id, ProviderName("none")) is ErrorKind.NO_PROVIDER


async def test_why_a_session_can_t_be_moved_is_first_of_all_its_status(autojump_clock: trio.testing.MockClock) -> None:
    async with stage() as s:  # there is nowhere to go
        session_id = await s.create("hello")
        run = await s.provider.opened()
        await run.heard()
        assert await refusal(s, session_id) is ErrorKind.BUSY
        await run.finish()
        await s.watcher.wait_for("turn_ended")
        assert await refusal(s, session_id) is ErrorKind.NO_PROVIDER
        await s.directory.suspend(session_id, ME)
        assert await refusal(s, session_id) is ErrorKind.WRONG_STATUS
        await s.directory.close(session_id, ME)
        assert await refusal(s, session_id) is ErrorKind.WRONG_STATUS


async def refusal(s: Stage, session_id: SessionId, provider: ProviderName | None = None) -> ErrorKind:
    with pytest.raises(Refused) as refused:
        await s.directory.move(MoveSession(session_id=session_id, provider=provider), ME)
    return refused.value.kind


async def test_a_model_that_was_asked_for_must_be_there_too(autojump_clock: trio.testing.MockClock) -> None:
    async with pair() as p:
        session_id, run = await p.first_turn()
        await p.stage.directory.configure(ConfigureSession(session_id=session_id, model="puppet-1"), ME)
        p.second.probed = attrs.evolve(p.second.probed, models=())
        await p.stage.prompt(session_id, "two")
        await run.heard()
        await fail(run)
        await eventually(lambda: bool(p.failovers), 5)
        assert p.stage.directory.get(session_id).provider in (SECOND, THIRD)


# What generated lives have found


class SlowReader(MemoryJournal):
    """It takes a while to read a log for a handoff."""

    async def read(self, *args: Any, **more: Any) -> Page:
        await trio.sleep(1)
        return await super().read(*args, **more)


async def test_an_interrupt_while_the_handoff_is_made_leaves_the_session_where_it_was(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with pair(journal=SlowReader()) as p:
        session_id, run = await p.first_turn()
        await p.stage.prompt(session_id, "two")
        await run.heard()
        await fail(run)
        await eventually(lambda: not run.alive, 5)
        await p.stage.directory.interrupt(Interrupt(session_id=session_id), ME)
        ended = await p.stage.watcher.wait_for("turn_ended", 2)
        assert (ended["metadata"]["reason"], ended["provider"], p.failovers) == ("interrupted", "puppet", [])
        assert p.stage.directory.get(session_id).provider == "puppet"


async def test_what_waits_after_it_was_cut_is_gone_on_with_and_not_begun_anew(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with stage() as s:
        session_id = await s.create()
        await s.prompt(session_id, "change it", when_unavailable=WhenUnavailable.WAIT)
        run = await s.provider.opened()
        await run.heard()
        await run.tell(used_bash())
        await fail(run, BROKEN)
        await s.watcher.wait_for("turn_started", 2)
        words = (await run.heard()).text
        assert "was cut off: 500" in words
        assert words.endswith("\nchange it")


@pytest.mark.parametrize("policy", [MidTurn.STOP, MidTurn.ASK])
@pytest.mark.parametrize("kind", [ErrorKind.UNAVAILABLE, ErrorKind.NETWORK])
async def test_what_may_have_changed_something_does_not_wait_where_it_may_not_go_on(
    autojump_clock: trio.testing.MockClock, policy: MidTurn, kind: ErrorKind
) -> None:
    async with stage(failover=FailoverSettings(mid_turn=policy)) as s:
        session_id = await s.create()
        await s.prompt(session_id, "change it", when_unavailable=WhenUnavailable.WAIT)
        run = await s.provider.opened()
        await run.heard()
        await run.tell(used_bash())
        await fail(run, Failure(kind=kind, message="no"))
        await s.watcher.wait_for("turn_ended")
        await trio.sleep(300)
        assert s.watcher.types.count("turn_started") == 1
        assert s.directory.queue(session_id) == ()


async def test_a_conversation_that_is_too_long_does_not_wait_to_get_shorter(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with stage() as s:
        session_id = await s.create()
        await s.prompt(session_id, "much", when_unavailable=WhenUnavailable.WAIT)
        run = await s.provider.opened()
        await run.heard()
        await fail(run, Failure(kind=ErrorKind.CONTEXT_TOO_LONG, message="too long"))
        await s.watcher.wait_for("turn_ended")
        await trio.sleep(300)
        assert (len(run.prompts), s.directory.queue(session_id)) == (1, ())


async def test_crashes_at_one_provider_are_no_reason_to_leave_the_next(autojump_clock: trio.testing.MockClock) -> None:
    async with pair() as p:
        await p.stage.create("hello")
        for provider, crashes in ((p.stage.provider, 3), (p.second, 2)):
            for _ in range(crashes):
                run = await provider.opened()
                await run.heard()
                run.crash(CRASH)
        assert (await (await p.second.opened()).heard()).text == "hello"


async def test_what_an_agent_asks_outside_of_a_turn_is_closed_when_the_session_moves(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with pair() as p:
        session_id, run = await p.first_turn()
        await run.tell(Asked(bash()))
        await p.stage.watcher.wait_for("approval_requested")
        await p.stage.directory.move(MoveSession(session_id=session_id, provider=THIRD), ME)
        assert p.stage.directory.approvals() == ()


async def test_what_the_agent_was_never_given_is_told_when_it_is_back(autojump_clock: trio.testing.MockClock) -> None:
    async with pair() as p:
        session_id, run = await p.first_turn()
        await run.close()
        await eventually(lambda: not p.stage.directory.get(session_id).attached, 5)
        p.stage.provider.facts = SessionError(ErrorKind.AGENT_CRASHED, "killed")
        await p.stage.prompt(session_id, "in vain")
        await p.stage.watcher.wait_for("status_change", 5)
        await p.stage.directory.interrupt(Interrupt(session_id=session_id), ME)
        await p.stage.watcher.wait_for("turn_ended", 2)
        p.stage.provider.facts = RunFacts(native_id="native-1", used=True)
        await p.stage.directory.move(MoveSession(session_id=session_id, provider=THIRD), ME)
        told = await p.stage.directory.preview(MoveSession(session_id=session_id, provider=ProviderName("puppet")))
        assert "USER: in vain" in told.text


class Stuck(PuppetSession):
    """One that can't be stopped for a minute."""

    async def run(
        self,
        events: trio.MemorySendChannel[Sequence[RunEvent]],
        *,
        task_status: trio.TaskStatus[RunFacts] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        try:
            await super().run(events, task_status=task_status)
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(60)


async def test_who_moves_a_session_hears_that_its_agent_does_not_end(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jelmored.testing.puppet.PuppetSession", Stuck)
    async with pair() as p:
        session_id, _ = await p.first_turn()
        with pytest.raises(Refused, match="did not end within 15 s"):
            await p.stage.directory.move(MoveSession(session_id=session_id, provider=THIRD), ME)
        assert (p.stage.directory.get(session_id).provider, p.failovers) == ("puppet", [])


async def test_a_client_may_name_a_provider_that_is_not_well(autojump_clock: trio.testing.MockClock) -> None:
    async with pair() as p:
        p.third.probed = Probe(failure=Failure(kind=ErrorKind.AUTH_REQUIRED, message="not logged in", remedy="log in"))
        session_id, _ = await p.first_turn()
        view = await p.stage.directory.move(MoveSession(session_id=session_id, provider=THIRD), ME)
        assert view.provider == THIRD


async def test_where_nobody_is_named_only_one_that_can_take_it_is(autojump_clock: trio.testing.MockClock) -> None:
    async with stage() as s:
        session_id = await s.create()
        with pytest.raises(Refused, match="can't go there") as refused:
            await s.directory.move(MoveSession(session_id=session_id), ME)
        assert refused.value.kind is ErrorKind.NO_PROVIDER


async def test_a_model_that_is_chosen_after_a_move_is_run(autojump_clock: trio.testing.MockClock) -> None:
    async with pair() as p:
        session_id, _ = await p.first_turn()
        await p.stage.directory.configure(ConfigureSession(session_id=session_id, model="puppet-1"), ME)
        await p.stage.directory.move(MoveSession(session_id=session_id, provider=THIRD), ME)
        assert p.stage.directory.get(session_id).provider == THIRD
        await p.stage.directory.configure(ConfigureSession(session_id=session_id, model="puppet-9"), ME)
        await p.stage.prompt(session_id, "go")
        assert (await p.third.opened()).config.model == "puppet-9"


async def test_a_prompt_that_waits_again_after_another_try_is_not_forgotten(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with stage() as s:
        session_id = await s.create()
        await s.prompt(session_id, "patient", when_unavailable=WhenUnavailable.WAIT)
        s.provider.facts = SessionError(ErrorKind.UNAVAILABLE, "it does not start")
        run = await s.provider.opened()
        await run.heard()
        await fail(run, BROKEN)
        await s.watcher.wait_for("turn_ended")
        run.crash(CRASH)
        await trio.sleep(5)
        await s.prompt(session_id, "me too")
        await s.watcher.wait_for("turn_ended", 2)
        s.provider.facts = RunFacts(native_id="native-1", used=True)
        await s.watcher.wait_for("turn_started", 3)
