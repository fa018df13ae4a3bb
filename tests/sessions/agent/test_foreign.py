"""Somebody else goes on with the agent's own session: nothing is lost, and nothing goes on before it is decided."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
import trio

from jelmored.domain.commands import DecideForeign, MoveSession
from jelmored.domain.events import Draft, EventType, Said
from jelmored.domain.ids import ItemId, ProviderName, SessionId
from jelmored.domain.models import Health
from jelmored.errors import ErrorKind, Refused
from jelmored.journal.memory import MemoryJournal
from jelmored.providers.base import PastSession, PastTurn, RunFacts, foreign_writer
from jelmored.testing.puppet import PuppetProvider
from tests.sessions.agent.test_recovery import Plugged
from tests.sessions.stage import ME, PUPPET, Stage, stage

Clock = trio.testing.MockClock
LONG_AGO = datetime(2026, 1, 2, tzinfo=UTC)
FOREIGN = foreign_writer("somebody has gone on with it", {"nativeId": "native-1"})
KNOWN = RunFacts(native_id="native-1", used=True, model="puppet-1")


async def slept(s: Stage, mark: str | None = "m1") -> SessionId:
    """A session that was said "one" to, and whose agent has ended and told what its record looks like."""
    session_id = await s.create("one")
    run = await s.provider.opened()
    run.mark = mark
    await run.heard()
    await run.say("noted")
    await run.finish()
    await s.watcher.wait_for("turn_ended")
    await s.directory._providers.restart(PUPPET)
    return session_id


async def refused(s: Stage, session_id: SessionId) -> None:
    """Somebody else has written; the next prompt's turn fails."""
    s.provider.facts = FOREIGN
    await s.prompt(session_id, "two")
    await s.provider.opened()
    await s.watcher.wait_for("turn_ended", 2)
    s.provider.facts = KNOWN


async def decide(s: Stage, session_id: SessionId, decision: Any) -> None:
    await s.directory.decide_foreign(DecideForeign(session_id=session_id, decision=decision), ME)


def turn(prompt: str, mark: str) -> PastTurn:
    said = Draft(EventType.ASSISTANT, f"yes, {prompt}", Said(item_id=ItemId(f"i-{mark}"), native_id=mark))
    return PastTurn(prompt=prompt, drafts=(said,), began_at=LONG_AGO, ended_at=LONG_AGO, mark=mark)


def keeps(s: Stage, *turns: PastTurn) -> None:
    s.provider.past = {PastSession(native_id="native-1", cwd="/", title="", updated_at=LONG_AGO): turns}


async def test_the_mark_of_the_last_run_is_what_the_next_one_begins_with(autojump_clock: Clock) -> None:
    async with stage() as s:
        session_id = await slept(s)
        await s.prompt(session_id, "two")
        again = await s.provider.opened()
        assert (again.config.native_id, again.config.mark) == ("native-1", "m1")


async def test_the_mark_of_a_run_that_is_left_for_another_provider_counts_on_the_way_back(
    autojump_clock: Clock,
) -> None:
    other = PuppetProvider("other")
    async with stage(others=[other]) as s:
        session_id = await s.create("one")
        run = await s.provider.opened()
        run.mark = "m1"
        await run.heard()
        await run.finish()
        await s.watcher.wait_for("turn_ended")
        for provider in ("other", "puppet"):
            await s.directory.move(MoveSession(session_id=session_id, provider=ProviderName(provider)), ME)
        await s.prompt(session_id, "two")
        assert (await s.provider.opened()).config.mark == "m1"


async def test_of_an_agent_that_crashed_no_mark_is_known(autojump_clock: Clock) -> None:
    async with stage() as s:
        session_id = await slept(s)
        await s.prompt(session_id, "two")
        run = await s.provider.opened()
        await run.heard()
        run.crash(RuntimeError("killed"))
        again = await s.provider.opened()
        assert (again.config.native_id, again.config.mark) == ("native-1", None)


async def test_after_the_daemons_own_death_in_a_turn_no_mark_is_known(autojump_clock: Clock) -> None:
    journal = Plugged()
    with trio.CancelScope() as daemon:
        async with stage(journal=journal) as s:
            session_id = await slept(s)
            await s.prompt(session_id, "two")
            await s.provider.opened()
            await trio.sleep(2)
            journal.power = False
            daemon.cancel()
    journal.power = True
    async with stage(journal=journal) as s:
        await s.prompt(session_id, "three")
        assert (await s.provider.opened()).config.mark is None


async def test_the_turn_fails_the_prompt_waits_and_nobody_is_to_blame(autojump_clock: Clock) -> None:
    other = PuppetProvider("other")
    async with stage(others=[other]) as s:
        session_id = await slept(s)
        await refused(s, session_id)
        ended = await s.watcher.wait_for("turn_ended", 2)
        assert ended["metadata"]["error"]["kind"] == "foreign-writer"
        assert "--accept-foreign" in ended["metadata"]["error"]["remedy"]
        assert [prompt.text for prompt in s.directory.queue(session_id)] == ["two"]
        assert s.directory._providers.view(PUPPET).health is Health.HEALTHY
        assert s.directory.get(session_id).provider == PUPPET
        assert "failover" not in s.watcher.types


async def test_what_comes_meanwhile_waits_behind_it(autojump_clock: Clock) -> None:
    async with stage() as s:
        session_id = await slept(s)
        await refused(s, session_id)
        receipt = await s.prompt(session_id, "three")
        await trio.sleep(100)
        assert receipt.disposition == "queued"
        assert [prompt.text for prompt in s.directory.queue(session_id)] == ["two", "three"]
        assert s.watcher.types.count("turn_started") == 2


async def test_it_is_still_to_be_decided_after_a_restart(autojump_clock: Clock) -> None:
    journal = MemoryJournal()
    async with stage(journal=journal) as s:
        session_id = await slept(s)
        await refused(s, session_id)
    async with stage(journal=journal) as s:
        await trio.sleep(100)
        assert [prompt.text for prompt in s.directory.queue(session_id)] == ["two"]
        await decide(s, session_id, "accept")
        run = await s.provider.opened()
        assert (await run.heard()).text == "two"


async def test_accepted_it_goes_on_and_the_log_has_what_was_said(autojump_clock: Clock) -> None:
    async with stage() as s:
        session_id = await slept(s)
        await refused(s, session_id)
        keeps(s, turn("one", "m1"), turn("theirs", "m2"), turn("theirs too", "m3"))
        await decide(s, session_id, "accept")
        run = await s.provider.opened()
        assert (run.config.native_id, run.config.mark) == ("native-1", "m3")
        assert (await run.heard()).text == "two", "it knows all that was said"
        await run.finish()
        await s.watcher.wait_for("turn_ended", 5)
        said = [event["content"] for event in s.watcher.events if event["eventType"] in ("user", "assistant")]
        assert said == ["one", "noted", "two", "theirs", "yes, theirs", "theirs too", "yes, theirs too"]
        turns = [event["turn"] for event in s.watcher.events if event["eventType"] == "turn_started"]
        assert turns == [1, 2, 3, 4, 5]
        note = next(e for e in s.watcher.events if e["metadata"].get("subtype") == "foreign_accepted")
        assert (note["metadata"]["turns"], note["metadata"]["skipped"]) == (2, 0)


async def test_accepted_where_nothing_of_it_can_be_read_it_goes_on_all_the_same(autojump_clock: Clock) -> None:
    async with stage() as s:
        session_id = await slept(s)
        await refused(s, session_id)
        await decide(s, session_id, "accept")
        run = await s.provider.opened()
        assert (run.config.native_id, run.config.mark) == ("native-1", None)
        assert (await run.heard()).text == "two"


async def test_discarded_it_begins_anew_and_is_told_what_the_log_has(autojump_clock: Clock) -> None:
    async with stage() as s:
        session_id = await slept(s)
        await refused(s, session_id)
        keeps(s, turn("one", "m1"), turn("theirs", "m2"))
        await decide(s, session_id, "discard")
        run = await s.provider.opened()
        assert (run.config.native_id, run.config.mark) == (None, None)
        words = (await run.heard()).text
        assert "noted" in words
        assert words.endswith("two")
        assert "theirs" not in words
        assert any(e["metadata"].get("subtype") == "foreign_discarded" for e in s.watcher.events)


async def test_it_may_go_elsewhere_instead(autojump_clock: Clock) -> None:
    other = PuppetProvider("other")
    async with stage(others=[other]) as s:
        session_id = await slept(s)
        await refused(s, session_id)
        await s.directory.move(MoveSession(session_id=session_id, provider=ProviderName("other")), ME)
        run = await other.opened()
        assert (await run.heard()).text.endswith("two")


@pytest.mark.parametrize("decision", ["accept", "discard"])
async def test_where_nothing_is_foreign_there_is_nothing_to_decide(autojump_clock: Clock, decision: str) -> None:
    async with stage() as s:
        session_id = await slept(s)
        with pytest.raises(Refused) as no:
            await decide(s, session_id, decision)
        assert (no.value.kind, session_id in (no.value.remedy or "")) == (ErrorKind.WRONG_STATUS, True)
        await refused(s, session_id)
        await decide(s, session_id, decision)
        with pytest.raises(Refused):
            await decide(s, session_id, decision)
