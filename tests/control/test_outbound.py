"""A slow client, a fresh one and one that changes its mind see every event once, whatever happens in whatever order."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import asynccontextmanager
from typing import Any

import attrs
import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from jelmored.control import outbound as module
from jelmored.control.outbound import MAX_NOTICE_BYTES, MAX_NOTICES, Outbound
from jelmored.domain.events import Draft, EventType, Said
from jelmored.domain.ids import ConnectionId, ItemId, LogId, SessionId
from jelmored.domain.prompts import Author
from jelmored.domain.status import Status
from jelmored.errors import JournalError
from jelmored.journal.base import Batch, Entry, Page
from jelmored.journal.memory import MemoryJournal
from jelmored.sessions.hub import EventFrame, Feed

from .fakes import Conversation, FakeDirectory

BIG = "x" * 200_000


class HeldJournal(MemoryJournal):
    """Reads stay on their way until they are let through: what happens meanwhile, happens in between."""

    def __init__(self) -> None:
        super().__init__()
        self.let_through = trio.Event()

    async def read(self, session_id: SessionId, **asked: Any) -> Page:
        page = await super().read(session_id, **asked)
        await self.let_through.wait()
        return page


@attrs.define
class Told:
    """What a client knows by the messages that it got, checked as they come."""

    cursors: dict[str, int] = attrs.field(factory=dict)
    texts: dict[str, dict[str, str]] = attrs.field(factory=dict)
    live: set[str] = attrs.field(factory=set)
    replies: list[Any] = attrs.field(factory=list)
    events: list[tuple[str, int]] = attrs.field(factory=list)
    removed: list[str] = attrs.field(factory=list)

    def take(self, batch: Sequence[bytes]) -> None:
        for payload in batch:
            message = json.loads(payload)
            if "method" in message:
                self._take(message["method"], message["params"])
            else:
                self._replied(message["result"])

    def _replied(self, result: Any) -> None:
        """`{session: cursor}`: from here its events begin anew; None: they end."""
        self.replies.append(result)
        for session, cursor in result.items():
            self.live.discard(session)
            self.texts.pop(session, None)
            if cursor is None:
                self.cursors.pop(session, None)
            else:
                self.cursors[session] = cursor

    def _take(self, method: str, params: Any) -> None:
        session = params.get("sessionId")
        assert session is None or session not in self.removed
        match method:
            case "session/removed":
                self.removed.append(session)
                self.cursors.pop(session, None)
            case "session/event":
                assert params["seq"] == self.cursors[session] + 1, "a gap, a repeat, or nobody asked"
                self.cursors[session] += 1
                self.events.append((session, params["seq"]))
                if (item := params["metadata"]["itemId"]) in self.texts.get(session, {}):
                    text = self.texts[session].pop(item)  # deltas before the end may be left out, of one who lags
                    assert params["content"].startswith(text), "the deltas add up"
            case "session/caughtUp":
                assert params["head"] == self.cursors[session]
                self.texts[session] = {one["itemId"]: one["text"] for one in params["openItems"]}
                self.live.add(session)
            case "session/delta" if session in self.live:
                texts = self.texts[session]
                text = texts.setdefault(params["itemId"], "")
                if len(text) != params["offset"]:  # a gap: only in what a new caughtUp will tell anew
                    self.live.discard(session)
                    del self.texts[session]
                else:
                    texts[params["itemId"]] = text + params["text"]


@asynccontextmanager
async def feeding(outbound: Outbound, journal: MemoryJournal) -> Any:
    async with trio.open_nursery() as nursery:
        await nursery.start(journal.run)
        nursery.start_soon(outbound.run, journal)
        yield
        nursery.cancel_scope.cancel()


async def drain(outbound: Outbound, told: Told) -> None:
    """A client that reads all there is."""
    while True:
        await trio.testing.wait_all_tasks_blocked()
        batch = outbound.rest(1)
        if not batch:
            return
        told.take(batch)


def subscribe(outbound: Outbound, session: Conversation, after: int) -> None:
    outbound.subscribe(session.feed, after)
    outbound.reply(json.dumps({"result": {session.id: after}}).encode())


def unsubscribe(outbound: Outbound, session: Conversation) -> None:
    outbound.unsubscribe(session.id)
    outbound.reply(json.dumps({"result": {session.id: None}}).encode())


steps = st.one_of(
    st.tuples(st.just("say"), st.integers(0, 1), st.sampled_from([1, 3, 100, MAX_NOTICES + 1]), st.booleans()),
    st.tuples(st.just("say big"), st.integers(0, 1), st.integers(1, 4)),
    st.tuples(st.just("stream"), st.integers(0, 1), st.sampled_from([1, 3, 100, MAX_NOTICES + 1])),
    st.tuples(st.just("close"), st.integers(0, 1)),
    st.tuples(st.just("take"), st.sampled_from([1, 1000, 50_000, 2_000_000])),
    st.tuples(st.just("settle")),
    st.tuples(st.just("subscribe"), st.integers(0, 1), st.integers(0, 1000)),
    st.tuples(st.just("unsubscribe"), st.integers(0, 1)),
    st.tuples(st.just("remove"), st.integers(0, 1)),
    st.tuples(st.just("notify"), st.integers(1, 300)),
)


@given(st.lists(steps, max_size=40), st.booleans())
@settings(max_examples=300)
def test_neither_gap_nor_repeat(script: list[tuple[Any, ...]], deltas: bool) -> None:
    trio.run(_play, script, deltas)


async def _play(script: list[tuple[Any, ...]], deltas: bool) -> None:
    directory = FakeDirectory(MemoryJournal())
    sessions = [directory.open(), directory.open()]
    outbound, told = Outbound(deltas=deltas), Told()
    streamed, gone, ended = ["", ""], set[int](), set[str]()
    async with feeding(outbound, directory.journal):
        for session in sessions:
            subscribe(outbound, session, session.feed.head)
        for step in script:
            match step:
                case (str(), int(number), *_) if number in gone and step[0] not in ("take", "notify"):
                    pass
                case ("remove", number):
                    gone.add(number)
                    ended.update(one.id for one in [sessions[number]] if outbound in one.feed.subscribers)
                    await _remove(directory, sessions[number])
                case ("say", number, count, unpublished):
                    await sessions[number].say(*["a"] * count)
                    frames = await sessions[number].keep(*[_draft("b")] * unpublished)
                    await trio.testing.wait_all_tasks_blocked()  # pages are read while the journal is ahead
                    sessions[number].feed.publish(frames)
                case ("say big", number, count):
                    await sessions[number].say(*[BIG] * count)
                case ("stream", number, count):
                    for _ in range(count):
                        streamed[number] += "ab"
                        sessions[number].stream("ab", ItemId("open"))
                case ("close", number):
                    await sessions[number].say(streamed[number], closes=ItemId("open"))
                    streamed[number] = ""
                case ("take", size):
                    told.take(outbound.rest(size))
                case ("settle",):
                    await trio.testing.wait_all_tasks_blocked()
                case ("subscribe", number, after):
                    subscribe(outbound, sessions[number], min(after, sessions[number].feed.head))
                case ("unsubscribe", number):
                    unsubscribe(outbound, sessions[number])
                case ("notify", count):
                    for _ in range(count):
                        outbound.notify(b'{"jsonrpc":"2.0","method":"daemon/event","params":{}}')
            _check_bounds(outbound)
        await drain(outbound, told)
    assert set(told.removed) == ended
    for number, session in enumerate(sessions):
        if session.id in told.cursors:
            assert number not in gone
            assert told.cursors[session.id] == session.feed.head
            assert session.id in told.live
            if deltas:
                assert told.texts[session.id].get("open", "") == streamed[number]


async def _remove(directory: FakeDirectory, session: Conversation) -> None:
    session.facts = attrs.evolve(session.facts, status=Status.TERMINATED)
    await directory.delete(session.id, Author(connection_id=ConnectionId("con"), client="test"))


def _check_bounds(outbound: Outbound) -> None:
    assert len(outbound._notices) <= MAX_NOTICES
    assert outbound._notice_bytes == sum(len(notice.payload) for notice in outbound._notices) <= MAX_NOTICE_BYTES
    assert outbound._reply_bytes == sum(map(len, outbound._replies))


def _draft(text: str) -> Draft:
    return Draft(EventType.ASSISTANT, text, Said(item_id=ItemId("other")))


async def test_what_is_published_while_a_page_is_read_comes_once() -> None:
    journal = HeldJournal()
    session = FakeDirectory(journal).open()
    outbound, told = Outbound(), Told()
    async with feeding(outbound, journal):
        await session.say("a")
        unpublished = await session.keep(_draft("b"))
        subscribe(outbound, session, 0)
        await trio.testing.wait_all_tasks_blocked()
        journal.let_through.set()
        await drain(outbound, told)
        assert told.events == [(session.id, 1)]
        session.feed.publish(unpublished)
        await drain(outbound, told)
    assert told.events == [(session.id, 1), (session.id, 2)]


async def test_a_subscription_replaced_while_its_page_is_read() -> None:
    journal = HeldJournal()
    session = FakeDirectory(journal).open()
    outbound, told = Outbound(), Told()
    async with feeding(outbound, journal):
        await session.say("a", "b", "c")
        subscribe(outbound, session, 0)
        await trio.testing.wait_all_tasks_blocked()
        subscribe(outbound, session, 2)
        await trio.testing.wait_all_tasks_blocked()
        journal.let_through.set()
        await drain(outbound, told)
    assert told.events == [(session.id, 3)]


async def test_a_session_that_is_removed_while_its_page_is_read() -> None:
    journal = HeldJournal()
    directory = FakeDirectory(journal)
    session, other = directory.open(), directory.open()
    outbound, told = Outbound(), Told()
    async with feeding(outbound, journal):
        await session.say("a")
        await other.say("b")
        session.feed.leaving = True
        await journal.append([Batch(session_id=session.id, removed=True)])
        journal.let_through.set()
        for one in (session, other):
            subscribe(outbound, one, 0)
        await drain(outbound, told)
        assert told.events == [(other.id, 1)]
        directory.hub.close(session.feed)
        await drain(outbound, told)
    assert told.removed == [session.id]


async def test_a_session_that_could_not_be_removed_is_read_on() -> None:
    directory = FakeDirectory(MemoryJournal())
    session = directory.open()
    outbound, told = Outbound(), Told()
    async with feeding(outbound, directory.journal):
        await session.say("a")
        session.feed.leaving = True
        subscribe(outbound, session, 0)
        await drain(outbound, told)
        assert told.events == []
        session.feed.leaving = False
        session.feed.publish(())
        await drain(outbound, told)
    assert (told.events, told.live) == ([(session.id, 1)], {session.id})


async def test_the_end_of_a_session_reaches_a_client_that_is_slow() -> None:
    directory = FakeDirectory(MemoryJournal())
    session, other = directory.open(), directory.open()
    outbound, told = Outbound(), Told()
    async with feeding(outbound, directory.journal):
        for one in (session, other):
            subscribe(outbound, one, 0)
        await drain(outbound, told)
        await _remove(directory, session)
        for _ in range(MAX_NOTICES + 1):
            other.stream("x", ItemId("open"))
        await drain(outbound, told)
    assert told.removed == [session.id]
    assert told.texts[other.id]["open"] == "x" * (MAX_NOTICES + 1)


async def test_a_client_that_lags_again_goes_on_after_what_it_got() -> None:
    directory = FakeDirectory(MemoryJournal())
    session = directory.open()
    outbound, told = Outbound(), Told()
    async with feeding(outbound, directory.journal):
        subscribe(outbound, session, 0)
        await drain(outbound, told)
        for _ in range(2):
            await session.say("a", "b", "c")
            told.take(outbound.rest(1))  # one of them
            await session.say(*"x" * MAX_NOTICES)
            await drain(outbound, told)
    assert told.cursors[session.id] == session.feed.head == 2 * (3 + MAX_NOTICES)


def _held(outbound: Outbound) -> int:
    """Bytes that wait for the client."""
    return sum(len(notice.payload) for notice in (*outbound._page, *outbound._notices))


async def test_what_is_held_for_a_client_that_takes_nothing_is_bounded() -> None:
    directory = FakeDirectory(MemoryJournal())
    sessions = [directory.open() for _ in range(3)]
    outbound, told, most = Outbound(), Told(), 0
    async with feeding(outbound, directory.journal):
        for session in sessions:
            subscribe(outbound, session, 0)
        await drain(outbound, told)
        for number in range(600):
            await sessions[number % 3].say("x" * 50_000)
            sessions[0].stream("y" * 1000, ItemId("open"))
            await trio.testing.wait_all_tasks_blocked()
            most = max(most, _held(outbound))
        assert sum(session.feed.head for session in sessions) == 600, "thirty times as much as may wait"
        assert 500_000 < most <= 2 * 1024 * 1024
        await drain(outbound, told)
    assert [told.cursors[session.id] for session in sessions] == [200] * 3


async def test_a_slow_client_costs_others_nothing_and_gets_its_deltas_again() -> None:
    directory = FakeDirectory(MemoryJournal())
    busy, calm = directory.open(), directory.open()
    outbound, told = Outbound(), Told()
    async with feeding(outbound, directory.journal):
        for session in (busy, calm):
            subscribe(outbound, session, 0)
        await drain(outbound, told)
        calm.stream("quiet", ItemId("open"))
        told.take(outbound.rest(1))
        for _ in range(MAX_NOTICES + 1):
            busy.stream("x", ItemId("open"))
        assert outbound.rest(1) == []  # all of it was dropped
        busy.stream("y", ItemId("open"))
        calm.stream(" still", ItemId("open"))
        await drain(outbound, told)
        busy.stream("z", ItemId("open"))
        await drain(outbound, told)
    assert told.texts[busy.id]["open"] == "x" * (MAX_NOTICES + 1) + "yz"
    assert told.texts[calm.id]["open"] == "quiet still"


async def test_a_client_without_deltas() -> None:
    directory = FakeDirectory(MemoryJournal())
    session = directory.open()
    outbound = Outbound(deltas=False)
    async with feeding(outbound, directory.journal):
        outbound.subscribe(session.feed, 0)
        await drain(outbound, Told(cursors={session.id: 0}))
        session.stream("x", ItemId("open"))
        assert outbound.rest(1) == []
        await session.say("x", closes=ItemId("open"))
        assert [json.loads(payload)["method"] for payload in outbound.rest(1)] == ["session/event"]


async def test_replies_go_first_and_hold_up_who_leaves_them_unread() -> None:
    outbound = Outbound()
    outbound.notify(b"notice")
    outbound.reply(b"reply")
    assert await outbound.take() == [b"reply", b"notice"]
    outbound.reply(b"x" * (module.REPLY_ROOM_BYTES + 1))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(outbound.room)
        await trio.testing.wait_all_tasks_blocked()
        assert nursery.child_tasks
        await outbound.take()


async def test_a_take_is_bounded_and_waits_for_something() -> None:
    outbound = Outbound()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(outbound.take)
        await trio.testing.wait_all_tasks_blocked()
        assert nursery.child_tasks
        outbound.notify(b"late")
    for _ in range(3):
        outbound.notify(b"x" * module.BATCH_BYTES)
    assert len(await outbound.take()) == 1


class Forgetful(MemoryJournal):
    """It has lost what it should have."""

    def __init__(self, *entries: Entry) -> None:
        super().__init__()
        self._entries = entries

    async def read(self, session_id: SessionId, **_: Any) -> Page:
        return Page(self._entries, has_more=False)


@pytest.mark.parametrize("left", [(), (Entry(2, "system", b"{}"),)])
async def test_a_journal_that_lost_an_event_is_an_error(left: tuple[Entry, ...]) -> None:
    feed, outbound = Feed(SessionId("ses_x"), LogId("log"), 0), Outbound()
    feed.publish([EventFrame(1, b"{}"), EventFrame(2, b"{}")])
    outbound.subscribe(feed, 0)
    with pytest.raises(JournalError):
        await outbound.run(Forgetful(*left))
