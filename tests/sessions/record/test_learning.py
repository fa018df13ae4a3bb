"""What is kept of what a run tells of itself, and what of that is an event."""

from __future__ import annotations

import pytest
import trio

from jelmored.domain.events import DeltaKind, Draft, EventType, Said
from jelmored.domain.failures import Failure
from jelmored.domain.ids import ItemId, ProviderName
from jelmored.domain.sessions import NativeOrigin, NativeSession
from jelmored.errors import ErrorKind
from jelmored.providers.base import Delta, RunEvent, RunFacts
from jelmored.sessions.record.learning import forget_native, is_native_lost, joined, learn, note_end
from tests.sessions.book import PROVIDER, facts, open_book

OTHER = ProviderName("other")
LOST = Failure(kind=ErrorKind.AGENT_CRASHED, message="its record is gone", evidence={"native_lost": True})
CRASHED = Failure(kind=ErrorKind.AGENT_CRASHED, message="killed by signal 9", evidence={"signal": 9})


def delta(item: str, text: str) -> Delta:
    return Delta(item_id=ItemId(item), kind=DeltaKind.TEXT, text=text)


def said(item: str) -> Draft:
    return Draft(EventType.ASSISTANT, "", Said(item_id=ItemId(item)))


async def test_what_is_new_is_kept(autojump_clock: trio.testing.MockClock) -> None:
    async with open_book() as book:
        learn(book.chronicle, RunFacts(native_id="n1", used=True, model="m-1", commands=("/help",)))
        known = book.chronicle.facts
        assert known.native == {PROVIDER: NativeSession(native_id="n1", used=True)}
        assert (known.model, known.commands) == ("m-1", ("/help",))
        assert await book.published() == [], "none of it is an event"


async def test_nothing_new_changes_nothing(autojump_clock: trio.testing.MockClock) -> None:
    told = RunFacts(native_id="n1", used=True, model="m-1", directory="/home", commands=("/help",))
    async with open_book() as book:
        learn(book.chronicle, told)
        await book.published()
        before, changes = book.chronicle.facts, len(book.changes)
        learn(book.chronicle, told)
        learn(book.chronicle, RunFacts())
        assert await book.published() == []
        assert (book.chronicle.facts, len(book.changes)) == (before, changes)


async def test_another_directory_is_an_event(autojump_clock: trio.testing.MockClock) -> None:
    async with open_book(directory="/home") as book:
        learn(book.chronicle, RunFacts(directory="/home/src"))
        [event] = await book.published()
        assert event["eventType"] == "directory_change"
        assert event["metadata"] == {"from": "/home", "to": "/home/src"}
        assert (book.chronicle.facts.directory, book.chronicle.facts.cwd) == ("/home/src", "/home")


async def test_an_agents_own_session_comes_in_pieces_and_others_stay(autojump_clock: trio.testing.MockClock) -> None:
    elsewhere = NativeSession(native_id="o1", used=True)
    async with open_book(native={OTHER: elsewhere}) as book:
        learn(book.chronicle, RunFacts(native_id="n1"))
        assert book.chronicle.facts.native == {OTHER: elsewhere, PROVIDER: NativeSession(native_id="n1")}
        learn(book.chronicle, RunFacts(used=True))
        assert book.chronicle.facts.native[PROVIDER] == NativeSession(native_id="n1", used=True)
        learn(book.chronicle, RunFacts(native_id="n2"))
        assert book.chronicle.facts.native[PROVIDER] == NativeSession(native_id="n2", used=True)


async def test_the_origin_of_a_fork_is_kept_until_its_agent_is_used(autojump_clock: trio.testing.MockClock) -> None:
    origin = NativeOrigin(native_id="o1", at="m1")
    async with open_book(native={PROVIDER: NativeSession(native_id="", origin=origin)}) as book:
        for told in (RunFacts(model="m-1"), RunFacts(native_id="n1"), RunFacts(native_id="n2", used=False)):
            learn(book.chronicle, told)
            assert book.chronicle.facts.native[PROVIDER].origin == origin
        learn(book.chronicle, RunFacts(used=True))
        assert book.chronicle.facts.native == {PROVIDER: NativeSession(native_id="n2", used=True)}


async def test_how_a_run_ended_is_noted_with_what_was_seen(autojump_clock: trio.testing.MockClock) -> None:
    async with open_book() as book:
        note_end(book.chronicle, CRASHED)
        [event] = await book.published()
        assert event["content"] == "killed by signal 9"
        assert event["metadata"] == {
            "subtype": "run_ended",
            "class": "crash",
            "kind": "agent-crashed",
            "evidence": {"signal": 9},
        }


@pytest.mark.parametrize(
    ("native", "failure", "lost"),
    [
        ({PROVIDER: NativeSession(native_id="n1")}, LOST, True),
        ({PROVIDER: NativeSession(native_id="n1")}, CRASHED, False),
        ({OTHER: NativeSession(native_id="o1")}, LOST, False),
        ({}, LOST, False),
    ],
)
def test_lost_is_only_what_was_there(native: dict[ProviderName, NativeSession], failure: Failure, lost: bool) -> None:
    assert is_native_lost(facts(native=native), failure) is lost


async def test_what_is_lost_is_forgotten_and_said(autojump_clock: trio.testing.MockClock) -> None:
    elsewhere = NativeSession(native_id="o1", used=True)
    native = {OTHER: elsewhere, PROVIDER: NativeSession(native_id="n1")}
    async with open_book(native=native, heard={OTHER: 3, PROVIDER: 5}) as book:
        forget_native(book.chronicle, LOST)
        [event] = await book.published()
        assert (event["metadata"]["subtype"], event["content"]) == ("native_lost", "its record is gone")
        known = book.chronicle.facts
        assert (known.native, known.heard, known.behind) == ({OTHER: elsewhere}, {OTHER: 3}, 0)


@pytest.mark.parametrize(
    ("told", "heard"),
    [
        ([], []),
        ([delta("a", "1"), delta("a", "2"), delta("a", "3")], [delta("a", "123")]),
        ([delta("a", "1"), delta("b", "2"), delta("a", "3")], [delta("a", "1"), delta("b", "2"), delta("a", "3")]),
        ([delta("a", "1"), said("a"), delta("a", "2")], [delta("a", "1"), said("a"), delta("a", "2")]),
        ([RunFacts(), RunFacts()], [RunFacts(), RunFacts()]),
    ],
)
def test_only_neighbours_of_one_item_are_joined(told: list[RunEvent], heard: list[RunEvent]) -> None:
    assert joined(told) == heard


async def test_who_names_no_session_of_its_own_has_none(autojump_clock: trio.testing.MockClock) -> None:
    async with open_book() as book:
        learn(book.chronicle, RunFacts(background_tasks=()))
        assert book.chronicle.facts.native == {}
        assert not is_native_lost(book.chronicle.facts, LOST)
