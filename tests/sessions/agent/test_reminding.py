"""What an agent whose record lacks some of the log is told of it: all of that, and nothing that it knows."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from typing import Any

import trio
from hypothesis import given
from hypothesis import strategies as st

from jelmored.domain.commands import FindSessions
from jelmored.domain.events import (
    DeltaKind,
    Draft,
    EventType,
    Said,
    ToolResult,
    ToolUse,
    TurnCause,
    TurnEnded,
    TurnReason,
)
from jelmored.domain.handoff import Gap, Handoff, Reminder, Scene
from jelmored.domain.ids import ItemId, ToolUseId
from jelmored.domain.permissions import ToolKind
from jelmored.errors import ErrorKind, SessionError
from jelmored.journal.base import Batch
from jelmored.providers.base import Delta, RunFacts
from jelmored.sessions.agent.handover import Handover, read_handoff
from jelmored.sessions.agent.reminding import completed
from jelmored.testing.puppet import PuppetProvider, PuppetSession
from tests.sessions.agent.test_handover import Log, log
from tests.sessions.agent.test_recovery import Plugged
from tests.sessions.book import SESSION
from tests.sessions.stage import Stage, stage

Clock = trio.testing.MockClock


class Told(Log):
    """A log whose events have the agent's own ids."""

    def answer(self, text: str) -> None:
        said = Said(item_id=ItemId(f"i{self.seq}"), native_id=f"n-{text}")
        self.add(self.turn, Draft(EventType.ASSISTANT, text, said))

    def partial(self, text: str) -> None:
        self.add(self.turn, Draft(EventType.ASSISTANT, text, Said(item_id=ItemId(f"i{self.seq}"), partial=True)))

    def use(self, tool: str) -> None:
        use = ToolUse(
            tool_use_id=ToolUseId(tool), name="Bash", kind=ToolKind.EXECUTE, input={}, native_id=f"n-use-{tool}"
        )
        self.add(self.turn, Draft(EventType.TOOL_USE, f"ran {tool}", use))

    def result(self, tool: str) -> None:
        done = ToolResult(tool_use_id=ToolUseId(tool), is_error=False, native_id=f"n-result-{tool}")
        self.add(self.turn, Draft(EventType.TOOL_RESULT, f"output of {tool}", done))

    def end(self, cause: TurnCause | None = None) -> None:
        reason = TurnReason.COMPLETED if cause is None else TurnReason.INTERRUPTED
        self.add(self.turn, Draft(EventType.TURN_ENDED, reason, TurnEnded(reason=reason, cause=cause, duration_ms=1)))

    async def reminder(self, known: Collection[str] | None, **scene: Any) -> Handoff | None:
        """Where its agent knows these ids."""

        async def remembers(ids: Sequence[str]) -> Collection[str] | None:
            return None if known is None else [one for one in ids if one in known]

        await self.journal.append([Batch(session_id=SESSION, events=tuple(self._entries))])
        self._entries.clear()
        told = Handover(
            session_id=SESSION, after=self.seq, until=self.seq, window=None, scene=Scene(directory="/", **scene)
        )
        return await read_handoff(self.journal, await completed(self.journal, told, remembers))


@asynccontextmanager
async def told() -> AsyncIterator[Told]:
    async with log() as one:
        yield Told(one.journal)


def _two_turns(one: Told) -> None:
    for name in ("one", "two"):
        one.exchange(name, f"answer {name}")
        one.end()


async def test_one_that_knows_the_last_word_is_told_nothing() -> None:
    async with told() as one:
        _two_turns(one)
        assert await one.reminder({"n-answer two"}) is None


async def test_from_behind_the_last_thing_that_it_knows() -> None:
    async with told() as one:
        _two_turns(one)
        answer = await one.reminder({"prm_one", "n-answer one", "prm_two"})
        assert isinstance(answer, Reminder)
        assert answer.gap is Gap.LACKED
        assert "USER: two" not in answer.text
        assert "ASSISTANT: answer two" in answer.text
        assert "one" not in answer.text.partition("--- the conversation ---")[2].replace("--- end", "")
        both = await one.reminder({"prm_one", "n-answer one"})
        assert both is not None
        assert "USER: two" in both.text
        assert "ASSISTANT: answer two" in both.text


async def test_half_a_turn_with_a_tool_that_was_cut_beside_one_that_was_done() -> None:
    async with told() as one:
        one.begin(one.ask("go"))
        one.use("first")
        one.use("second")
        one.result("second")
        one.partial("and now I")
        one.end(TurnCause.DAEMON_RESTART)
        answer = await one.reminder({"prm_go", "n-use-second", "n-result-second"})
        assert answer is not None
        assert "TOOL ran first\n[its outcome is not known: it was cut]" in answer.text
        assert "ASSISTANT: and now I" in answer.text
        assert "[that turn did not complete: interrupted]" in answer.text
        assert "second" not in answer.text
        assert "USER: go" not in answer.text


async def test_the_bare_end_of_a_turn_is_nothing_to_tell() -> None:
    async with told() as one:
        one.begin(one.ask("go"))
        one.end(TurnCause.DAEMON_RESTART)
        assert await one.reminder({"prm_go"}) is None


async def test_where_nobody_can_tell_a_turn_that_was_cut_is_told_again() -> None:
    async with told() as one:
        _two_turns(one)
        assert await one.reminder(None) is None
        assert await one.reminder({"something else"}) is None
        one.begin(one.ask("three"))
        one.partial("I beg")
        one.end(TurnCause.CRASH)
        answer = await one.reminder(None)
        assert isinstance(answer, Reminder)
        assert answer.gap is Gap.DOUBTED
        assert "USER: three\n\nASSISTANT: I beg" in answer.text
        assert "two" not in answer.text


async def test_the_turn_in_hand_is_none_of_it() -> None:
    async with told() as one:
        _two_turns(one)
        one.begin(one.ask("three"))
        one.partial("void")
        answer = await one.reminder({"n-answer one"}, prompt_turn=3)
        assert answer is not None
        assert "answer two" in answer.text
        assert "three" not in answer.text
        assert "void" not in answer.text


async def test_nor_is_its_prompt_known_whatever_the_agent_says() -> None:
    async with told() as one:
        one.exchange("one", "answer one")
        one.begin(one.ask("two"))
        one.partial("I beg")
        one.end(TurnCause.DAEMON_RESTART)
        one.begin(one.ask("three"))
        answer = await one.reminder({"prm_one", "n-answer one", "prm_two", "prm_three"}, prompt_turn=3)
        assert answer is not None
        assert "ASSISTANT: I beg" in answer.text
        assert "three" not in answer.text


@given(st.integers(1, 60), st.data())
def test_each_thing_is_known_or_told_exactly_once(turns: int, data: st.DataObject) -> None:
    """However much of the end of its record an agent has lost."""
    ids = [one for number in range(turns) for one in (f"prm_t{number:02}", f"n-a{number:02}")]
    known = set(ids[: data.draw(st.integers(1, len(ids)))])

    async def trial() -> None:
        async with told() as one:
            for number in range(turns):
                one.exchange(f"t{number:02}", f"a{number:02}")
                one.end()
            answer = await one.reminder(known)
            text = answer.text if answer else ""
            for name in ids:
                words = f"USER: {name[4:]}" if name.startswith("prm_") else f"ASSISTANT: {name[2:]}"
                assert text.count(words) == (name not in known), words

    trio.run(trial)


# In a session


async def _killed(journal: Plugged, *words: Draft) -> str:
    """A life of a daemon that dies in turn 1, or behind it if the agent has said something; the id of its prompt."""
    with trio.CancelScope() as daemon:
        async with stage(journal=journal) as s:
            await s.create("remember 42")
            run = await s.provider.opened()
            prompt = await run.heard()
            if words:
                await run.tell(*words)
                await run.finish()
                await s.watcher.wait_for("turn_ended")
            else:
                await run.tell(Delta(item_id=ItemId("i"), kind=DeltaKind.TEXT, text="noted,"))
                await trio.sleep(2)
                await run.tell(Delta(item_id=ItemId("i"), kind=DeltaKind.TEXT, text=" and"))
            await trio.sleep(2)
            journal.power = False
            daemon.cancel()
    journal.power = True
    return prompt.prompt_id


NOTED = Draft(EventType.ASSISTANT, "noted", Said(item_id=ItemId("i"), native_id="n1"))


async def _next(s: Stage, text: str = "go on") -> PuppetSession:
    ((seen,), _) = s.directory.find(FindSessions())
    await s.prompt(seen.session_id, text)
    return await s.provider.opened()


def _reminded(s: Stage) -> list[dict[str, Any]]:
    return [e["metadata"] for e in s.watcher.events if e["metadata"].get("subtype") == "reminded"]


async def test_after_the_daemons_death_the_agent_is_reminded_and_the_client_is_told(autojump_clock: Clock) -> None:
    journal = Plugged()
    prompt_id = await _killed(journal, NOTED)
    async with stage(journal=journal) as s:
        s.provider.memory = {prompt_id}
        run = await _next(s)
        told = (await run.heard()).text
        assert "ASSISTANT: noted" in told
        assert "remember 42" not in told
        assert told.endswith("go on")
        await s.watcher.wait_for("system")
        (note,) = _reminded(s)
        assert (note["turns"], note["certain"]) == (1, True)
        await run.finish()
        await s.watcher.wait_for("turn_ended")
        ((seen,), _) = s.directory.find(FindSessions())
        await s.prompt(seen.session_id, "and then?")
        assert (await run.heard()).text == "and then?", "it is told once"


async def test_one_that_knows_all_is_told_nothing(autojump_clock: Clock) -> None:
    journal = Plugged()
    await _killed(journal, NOTED)
    async with stage(journal=journal) as s:
        s.provider.memory = {"n1"}
        assert (await (await _next(s)).heard()).text == "go on"
        assert _reminded(s) == []


async def test_a_cut_turn_is_told_as_far_as_it_came(autojump_clock: Clock) -> None:
    journal = Plugged()
    prompt_id = await _killed(journal)
    async with stage(journal=journal) as s:
        s.provider.memory = {prompt_id}
        told = (await (await _next(s)).heard()).text
        assert "ASSISTANT: noted, and" in told
        assert "USER: remember 42" not in told


async def test_one_that_was_never_given_a_prompt_is_told_all(autojump_clock: Clock) -> None:
    journal = Plugged()
    provider = PuppetProvider()
    with trio.CancelScope() as daemon:
        async with stage(journal=journal, provider=provider) as s:
            provider.facts = RunFacts(native_id="native-1")
            await s.create("remember 42")
            await (await s.provider.opened()).heard()
            journal.power = False
            daemon.cancel()
    journal.power = True
    async with stage(journal=journal) as s:
        run = await _next(s)
        assert run.config.native_id is None
        assert "USER: remember 42" in (await run.heard()).text
        await s.watcher.wait_for("system")
        assert len(_reminded(s)) == 1


async def test_a_command_is_given_as_it_is_and_the_reminder_comes_behind_it(autojump_clock: Clock) -> None:
    journal = Plugged()
    prompt_id = await _killed(journal, NOTED)
    async with stage(journal=journal) as s:
        s.provider.memory = {prompt_id}
        run = await _next(s, "/compact")
        assert (await run.heard()).text == "/compact"
        await run.finish()
        await s.watcher.wait_for("turn_ended")
        ((seen,), _) = s.directory.find(FindSessions())
        await s.prompt(seen.session_id, "go on")
        assert "ASSISTANT: noted" in (await run.heard()).text


async def test_after_an_end_in_order_nobody_looks(autojump_clock: Clock) -> None:
    async with stage(hibernate_after=1) as s:
        session_id = await s.create("one")
        run = await s.provider.opened()
        run.mark = "m1"
        await run.heard()
        await run.tell(NOTED)
        await run.finish()
        await s.watcher.wait_for("turn_ended")
        await trio.sleep(600)
        assert not s.directory.get(session_id).attached
        s.provider.memory = set()
        await s.prompt(session_id, "two")
        assert (await (await s.provider.opened()).heard()).text == "two"


async def test_a_prompt_that_no_agent_was_given_is_told_to_the_next_one(autojump_clock: Clock) -> None:
    """Its run could not be started, or a client wanted its end before: nothing was killed."""
    journal = Plugged()
    async with stage(journal=journal) as s:
        session_id = await s.create("remember 42")
        run = await s.provider.opened()
        first = (await run.heard()).prompt_id
        run.mark = "m1"
        await run.tell(NOTED)
        await run.finish()
        await s.watcher.wait_for("turn_ended")
    async with stage(journal=journal) as s:
        s.provider.memory = {first, "n1"}
        well, s.provider.facts = s.provider.facts, SessionError(ErrorKind.AUTH_REQUIRED, "not logged in")
        await s.prompt(session_id, "and 43")
        await s.provider.opened()
        await s.watcher.wait_for("turn_ended")
        s.provider.facts = well
        told = (await (await _next(s, "which numbers?")).heard()).text
        assert "USER: and 43" in told
        assert "remember 42" not in told
        await trio.sleep(1)
        assert [one["certain"] for one in _reminded(s)] == [True]
