"""A conversation that an agent has had without us goes on here: its history is the log, its agent remembers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import orjson
import pytest
import trio

from jelmored.domain.commands import AdoptSession, FindPastSessions
from jelmored.domain.events import Draft, EventType, Said
from jelmored.domain.ids import ItemId, SessionId
from jelmored.domain.permissions import PermissionMode
from jelmored.domain.sessions import NativeSession
from jelmored.errors import ErrorKind, Refused, SessionError
from jelmored.journal.base import Batch
from jelmored.journal.memory import MemoryJournal
from jelmored.providers.base import PastSession, PastTurn
from jelmored.testing.puppet import PuppetProvider
from tests.sessions.stage import ME, PUPPET, Stage, stage

Clock = trio.testing.MockClock
BEGAN = datetime(2026, 1, 2, tzinfo=UTC)


def past(native_id: str, day: int = 0) -> PastSession:
    return PastSession(native_id=native_id, cwd="/", title=f"about {native_id}", updated_at=BEGAN + timedelta(days=day))


def turn(number: int, drafts: int = 1) -> PastTurn:
    said = (
        Draft(EventType.ASSISTANT, f"answer {number}.{place}", Said(item_id=ItemId(f"i{number}.{place}")))
        for place in range(drafts)
    )
    moment = BEGAN + timedelta(minutes=number)
    return PastTurn(
        prompt=f"prompt {number}", drafts=tuple(said), began_at=moment, ended_at=moment, mark=f"mark {number}"
    )


def puppets(**turns: int) -> PuppetProvider:
    """One that has had these conversations, of so many turns; the first is the latest."""
    provider = PuppetProvider()
    provider.past = {
        past(native_id, -day): [turn(number) for number in range(1, count + 1)]
        for day, (native_id, count) in enumerate(turns.items())
    }
    return provider


@pytest.fixture(autouse=True)
def _no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """While one works, an autojump clock runs away."""

    async def at_once(sync: Any, *args: Any) -> Any:
        return sync(*args)

    monkeypatch.setattr(trio.to_thread, "run_sync", at_once)


async def adopt(s: Stage, native_id: str, **more: Any) -> SessionId:
    return (await s.directory.adopt(AdoptSession(provider=PUPPET, native_id=native_id, **more), ME)).session_id


async def log_of(s: Stage, session_id: SessionId) -> list[dict[str, Any]]:
    page = await s.journal.read(session_id, limit=5000)
    return [orjson.loads(entry.body) for entry in page.entries]


async def test_its_history_is_the_log(autojump_clock: Clock) -> None:
    async with stage(provider=puppets(n1=3)) as s:
        session_id = await adopt(s, "n1")
        events = await log_of(s, session_id)
        assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
        users = [event for event in events if event["eventType"] == "user"]
        assert [(event["content"], event["turn"]) for event in users] == [(f"prompt {n}", n) for n in (1, 2, 3)]
        assert users[0]["timestamp"] == "2026-01-02T00:01:00.000Z"
        assert events[-1]["metadata"]["subtype"] == "adopted"
        seen = s.directory.get(session_id)
        assert (seen.title, seen.turn, seen.seq, seen.status) == ("about n1", 3, len(events), "idle")
        assert seen.created_at == BEGAN + timedelta(minutes=1)


async def test_its_agent_is_resumed_with_what_it_knows(autojump_clock: Clock) -> None:
    async with stage(provider=puppets(n1=2)) as s:
        session_id = await adopt(s, "n1")
        await s.prompt(session_id, "go on")
        run = await s.provider.opened()
        assert (run.config.native_id, run.config.cwd, run.config.mark) == ("n1", "/", "mark 2")
        assert (await run.heard()).text == "go on", "it is told nothing that it knows"
        await run.finish()
        await s.watcher.wait_for("turn_ended")
        assert s.directory.get(session_id).turn == 3


async def test_again_it_is_the_same_session(autojump_clock: Clock) -> None:
    async with stage(provider=puppets(n1=1)) as s:
        first: list[SessionId] = []

        async def one() -> None:
            first.append(await adopt(s, "n1"))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(one)
            nursery.start_soon(one)
        assert first[0] == first[1]
        await s.directory.close(first[0], ME)
        assert await adopt(s, "n1") != first[0], "one that is closed goes on no more"


async def test_it_outlives_a_restart(autojump_clock: Clock) -> None:
    journal = MemoryJournal()
    async with stage(journal=journal, provider=puppets(n1=2)) as s:
        session_id = await adopt(s, "n1", name="mine", permission_mode=PermissionMode.DENY)
    async with stage(journal=journal, provider=puppets(n1=2)) as s:
        seen = s.directory.get(session_id)
        assert (seen.name, seen.permission_mode, seen.turn) == ("mine", PermissionMode.DENY, 2)
        stored = await journal.session(session_id)
        assert stored is not None
        native = NativeSession(native_id="n1", used=True, mark="mark 2")
        assert orjson.loads(stored.facts)["native"][PUPPET]["mark"] == native.mark


async def test_a_turn_of_many_events_becomes_durable_piece_by_piece(autojump_clock: Clock) -> None:
    provider = PuppetProvider()
    provider.past = {past("n1"): [turn(1, drafts=500)]}
    async with stage(provider=provider) as s:
        events = await log_of(s, await adopt(s, "n1"))
        assert len([event for event in events if event["eventType"] == "assistant"]) == 500


async def test_what_is_not_there_is_refused(autojump_clock: Clock) -> None:
    gone = attrs.evolve(past("n2"), cwd="/no/such/directory")
    provider = puppets(n1=1)
    provider.past = {**provider.past, gone: []}
    async with stage(provider=provider) as s:
        for native_id, kind in (("other", ErrorKind.NOT_FOUND), ("n2", ErrorKind.INVALID_REQUEST)):
            with pytest.raises(Refused) as refused:
                await adopt(s, native_id)
            assert (refused.value.kind, refused.value.field) == (kind, "nativeId")
        with pytest.raises(Refused):
            await adopt(s, "n1", name="ses_1")
        assert s.directory.counts() == {}


async def test_one_that_can_not_be_read_to_its_end_is_no_session(autojump_clock: Clock) -> None:
    class Torn(PuppetProvider):
        async def recall(self, past: PastSession, after: str | None = None) -> Any:
            yield turn(1)
            raise SessionError(ErrorKind.STATE_INVALID, "the disk is gone")

    provider = Torn()
    provider.past = {past("n1"): []}
    async with stage(provider=provider) as s:
        with pytest.raises(Refused, match="the disk is gone"):
            await adopt(s, "n1")
        assert s.directory.counts() == {}
        assert [stored.session_id for stored in await s.journal.sessions()] == []


async def test_whoever_leaves_meanwhile_leaves_nothing_behind(autojump_clock: Clock) -> None:
    class Slow(PuppetProvider):
        async def recall(self, past: PastSession, after: str | None = None) -> Any:
            yield turn(1)
            await trio.sleep_forever()

    provider = Slow()
    provider.past = {past("n1"): []}
    journal = Kept()
    async with stage(provider=provider, journal=journal) as s:
        with trio.move_on_after(5):
            await adopt(s, "n1")
        assert s.directory.counts() == {}
        assert journal.removed == journal.written != set()


class Kept(MemoryJournal):
    """Remembers which sessions it was given, and which were taken off it."""

    def __init__(self) -> None:
        super().__init__()
        self.written: set[SessionId] = set()
        self.removed: set[SessionId] = set()

    async def append(self, batches: Sequence[Batch]) -> None:
        for batch in batches:
            (self.removed if batch.removed else self.written).add(batch.session_id)
        await super().append(batches)


async def test_those_that_there_are_are_listed_page_by_page(autojump_clock: Clock) -> None:
    async with stage(provider=puppets(n1=1, n2=1, n3=1)) as s:
        session_id = await adopt(s, "n2")
        seen: list[tuple[str, SessionId | None]] = []
        cursor: str | None = None
        while True:
            page, cursor = await s.directory.past_sessions(FindPastSessions(name=PUPPET, cursor=cursor, limit=2))
            seen += [(one.native_id, one.session_id) for one in page]
            if cursor is None:
                break
        assert seen == [("n1", None), ("n2", session_id), ("n3", None)]
        assert await s.directory.past_sessions(FindPastSessions(name=PUPPET, cwd="/elsewhere")) == ((), None)
