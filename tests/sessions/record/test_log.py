"""Durable first, public then, and in order."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

import attrs
import orjson
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import wait_all_tasks_blocked

from jelmored.actors.mailbox import Reply
from jelmored.actors.running import open_plain_nursery, running
from jelmored.domain.events import DeltaKind, Draft, EventType, Said, System
from jelmored.domain.ids import ItemId, LogId, SessionId
from jelmored.errors import ErrorKind, JournalError
from jelmored.journal.base import Batch
from jelmored.journal.memory import MemoryJournal
from jelmored.providers.base import Delta
from jelmored.sessions.hub import Feed
from jelmored.sessions.record.bounds import MAX_EVENT, SHORTER
from jelmored.sessions.record.log import PATIENCE, ROOM, SessionLog
from tests.actors.virtual import run
from tests.sessions.moody import Moody
from tests.sessions.stage import Watcher

SESSION = SessionId("ses_1")


def happened(line: str) -> Draft:
    return Draft(EventType.SYSTEM, line, System(subtype="x"))


def said(item: str, text: str) -> Draft:
    return Draft(EventType.ASSISTANT, text, Said(item_id=ItemId(item)))


def delta(item: str, text: str) -> Delta:
    return Delta(item_id=ItemId(item), kind=DeltaKind.TEXT, text=text)


class Slow(MemoryJournal):
    """Takes a second for each append, and notes what comes together."""

    def __init__(self) -> None:
        super().__init__()
        self.appends: list[Sequence[Batch]] = []
        self.broken = False

    async def append(self, batches: Sequence[Batch]) -> None:
        await trio.sleep(1)
        if self.broken:
            raise JournalError(ErrorKind.JOURNAL_FULL, "no space left")
        self.appends.append(batches)
        await super().append(batches)


@attrs.define
class Scene:
    log: SessionLog
    journal: Slow
    watcher: Watcher

    def record(self, draft: Draft) -> int:
        return self.log.record(draft, turn=1, provider=None)

    @property
    def told(self) -> list[Any]:
        """The texts of deltas, the contents of events, as they were published."""
        return [message["params"].get("text", message["params"].get("content")) for message in self.watcher.messages]

    @property
    def checkpoints(self) -> list[list[str]]:
        """The texts in each checkpoint."""
        kept = [batch.open_items for batches in self.journal.appends for batch in batches]
        return [[item["text"] for item in orjson.loads(items)] for items in kept if items is not None]


def scene() -> Scene:
    journal, watcher = Slow(), Watcher()
    feed = Feed(SESSION, LogId("log_1"), 0, subscribers={watcher})
    return Scene(SessionLog(feed, journal, 0), journal, watcher)


@asynccontextmanager
async def a_log() -> AsyncIterator[Scene]:
    s = scene()
    async with running(s.journal.run), running(s.log.run):
        yield s


async def test_nothing_is_public_that_is_not_durable(autojump_clock: trio.testing.MockClock) -> None:
    async with a_log() as s:
        assert s.record(happened("one")) == 1
        s.log.commit(None)
        await trio.sleep(0.9)
        assert s.told == []
        await s.log.settled()
        assert s.told == ["one"]
        page = await s.journal.read(SESSION)
        assert [json.loads(entry.body) for entry in page.entries] == s.watcher.events


async def test_who_hears_it_and_who_reads_it_later_see_no_secret(autojump_clock: trio.testing.MockClock) -> None:
    async with a_log() as s:
        s.journal.veil.secrets.learn(["sk-ant-0123456789"])
        s.record(happened("one"))
        s.record(said("i", "it is sk-ant-0123456789"))
        s.record(happened("three"))
        s.log.commit(None)
        await s.log.settled()
        assert s.told == ["one", "it is [redacted]", "three"]
        page = await s.journal.read(SESSION)
        assert [json.loads(entry.body) for entry in page.entries] == s.watcher.events


async def test_a_secret_that_streams_in_pieces_is_not_shown(autojump_clock: trio.testing.MockClock) -> None:
    async with a_log() as s:
        s.journal.veil.secrets.learn(["sk-ant-0123456789"])
        for piece in ("it is sk-ant", "-0123", "456789; so", " it is sk-an"):
            s.log.stream(delta("i", piece), 1)
            s.log.commit(None)
            await trio.sleep(2)  # a checkpoint of what streams is due with each
        assert s.told == ["it is ", "[redacted]; so", " it is "]
        deltas = [one["params"] for one in s.watcher.messages if one["method"] == "session/delta"]
        assert [one["offset"] for one in deltas] == [0, 6, 20]
        await s.log.settled()
        [kept] = [batch.open_items for batch in s.journal.appends[-1]]
        assert kept is not None
        assert json.loads(kept)[0]["text"] == "it is [redacted]; so it is "
        s.record(said("i", "it is sk-ant-0123456789; so it is sk-an"))
        s.log.commit(None)
        await s.log.settled()
        assert s.told[-1] == "it is [redacted]; so it is sk-an"


async def test_no_secret_is_cut_in_two(autojump_clock: trio.testing.MockClock) -> None:
    async with a_log() as s:
        s.journal.veil.secrets.learn(["sk-ant-0123456789"])
        for shift in (0, 5, 12):
            s.record(happened("x" * (SHORTER[0] - shift) + "sk-ant-0123456789" + "y" * MAX_EVENT))
        s.log.commit(None)
        await s.log.settled()
        assert not any("sk-a" in told for told in s.told)


async def test_a_delta_never_overtakes_an_event_that_was_before_it(autojump_clock: trio.testing.MockClock) -> None:
    async with a_log() as s:
        s.log.stream(delta("i", "at once"), 1)
        s.log.commit(None)
        s.record(happened("one"))
        s.log.commit(None)
        s.log.stream(delta("i", " behind it"), 1)
        s.log.commit(None)
        assert s.told == ["at once"]
        await s.log.settled()
        assert s.told == ["at once", "one", " behind it"]


async def test_a_delta_waits_for_nothing_if_nothing_is_before_it(autojump_clock: trio.testing.MockClock) -> None:
    async with a_log() as s:
        await trio.sleep(0.5)
        s.log.stream(delta("i", "a"), 1)
        s.log.commit(None)
        assert s.told == ["a"]


async def test_what_one_message_changed_is_one_batch_and_what_waits_goes_together(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with a_log() as s:
        s.record(happened("one"))
        s.record(happened("two"))
        s.log.commit(None)
        await wait_all_tasks_blocked()
        for line in ("three", "four"):
            s.record(happened(line))
            s.log.commit(None)
        await s.log.settled()
        assert [[len(batch.events) for batch in batches] for batches in s.journal.appends] == [[2], [1, 1]]
        assert trio.current_time() == 2


async def test_what_comes_then_comes_after_it_is_durable(autojump_clock: trio.testing.MockClock) -> None:
    async with a_log() as s:
        seen: list[list[str]] = []
        s.record(happened("one"))
        s.log.then(lambda: seen.append(list(s.told)))
        s.log.commit(None)
        assert seen == []
        await s.log.settled()
        assert seen == [["one"]]
        s.log.then(lambda: seen.append([]))
        s.log.commit(None)
        assert seen == [["one"], []], "nothing to wait for"


async def test_what_the_journal_did_not_take_is_never_public(autojump_clock: trio.testing.MockClock) -> None:
    s, done = scene(), cast("list[int]", [])

    async def record() -> None:
        async with running(s.journal.run), open_plain_nursery() as nursery:
            await nursery.start(s.log.run)
            s.journal.broken = True
            s.record(happened("one"))
            s.log.then(lambda: done.append(1))
            s.log.commit(None)
            s.log.stream(delta("i", "a"), 1)
            s.log.commit(None)
            await trio.sleep(10)

    with pytest.raises(JournalError):
        await record()
    assert (s.told, done) == ([], [])
    with trio.fail_after(1):
        await s.log.settled()
        await s.log.room()


async def test_texts_are_checkpointed_once_a_second_at_most(autojump_clock: trio.testing.MockClock) -> None:
    async with a_log() as s:
        await trio.sleep(5)
        for piece in range(30):
            s.log.stream(delta("i", f"{piece} "), 1)
            s.log.commit(None)
            await trio.sleep(0.1)
        await s.log.settled()
        assert 2 <= len(s.checkpoints) <= 4
        assert s.checkpoints[-1][0].startswith("0 1 2 ")
        before = len(s.checkpoints)
        s.record(said("i", "all of it"))
        s.log.commit(None)
        await s.log.settled()
        assert s.checkpoints[before:] == [[]], "a closed item leaves it at once"


async def test_who_is_too_far_ahead_waits(autojump_clock: trio.testing.MockClock) -> None:
    async with a_log() as s:
        for _ in range(ROOM + 2):
            s.record(happened("x"))
            s.log.commit(None)
        with trio.move_on_after(0.5) as impatient:
            await s.log.room()
        assert impatient.cancelled_caught
        await s.log.settled()
        await s.log.room()
        assert len(s.told) == ROOM + 2


async def test_a_text_that_is_void_is_streamed_no_more(autojump_clock: trio.testing.MockClock) -> None:
    async with a_log() as s:
        s.log.stream(delta("i", "a"), 1)
        s.log.void(ItemId("i"), "over again")
        s.log.commit(None)
        await s.log.settled()
        assert s.watcher.messages[-1] == {
            "jsonrpc": "2.0",
            "method": "session/itemVoided",
            "params": {"sessionId": "ses_1", "itemId": "i", "reason": "over again"},
        }
        assert not s.log.open_items


texts = st.tuples(st.sampled_from("ab"), st.text(min_size=1, max_size=3))
steps = st.lists(st.tuples(st.sampled_from(["delta", "event", "close", "wait"]), texts), max_size=30)


@given(steps)
def test_events_come_once_in_order_and_offsets_count_code_points(script: list[tuple[str, tuple[str, str]]]) -> None:
    async def main() -> Scene:
        async with a_log() as s:
            for step, (item, text) in script:
                match step:
                    case "delta":
                        s.log.stream(delta(item, text), 1)
                    case "event":
                        s.record(happened(text))
                    case "close":
                        s.record(said(item, text))
                    case _:
                        await trio.sleep(0.7)
                s.log.commit(None)
            await s.log.settled()
        return s

    s = run(main)
    head, length = 0, dict.fromkeys("ab", 0)
    for message in s.watcher.messages:
        params = message["params"]
        if message["method"] == "session/delta":
            assert (params["afterSeq"], params["offset"]) == (head, length[params["itemId"]])
            length[params["itemId"]] += len(params["text"])
        else:
            head += 1
            assert params["seq"] == head
            if params["eventType"] == "assistant":
                length[params["metadata"]["itemId"]] = 0
    assert [params for params in s.told if params is not None] == [text for step, (_, text) in script if step != "wait"]


@asynccontextmanager
async def a_moody_log() -> AsyncIterator[tuple[SessionLog, Moody, Watcher]]:
    journal, watcher = Moody(), Watcher()
    log = SessionLog(Feed(SESSION, LogId("log_1"), 0, subscribers={watcher}), journal, 0)
    async with running(journal.run), running(log.run):
        yield log, journal, watcher


async def test_what_the_disk_does_not_take_waits_and_comes_in_its_order(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with a_moody_log() as (log, journal, watcher):
        journal.full()
        reply: Reply[str] = Reply()
        log.record(happened("one"), turn=1, provider=None)
        log.answer(reply, lambda: "kept")
        log.commit(None)
        await log.settled_or_held()
        log.stream(delta("i", "behind it"), 1)
        log.record(happened("two"), turn=1, provider=None)
        log.commit(None)
        await trio.sleep(PATIENCE / 2)
        assert (watcher.messages, log.idle) == ([], False)
        journal.heal()
        assert await reply.wait() == "kept"
        await log.settled()
        assert [event["content"] for event in watcher.events] == ["one", "two"]
        assert [entry.seq for entry in (await journal.read(SESSION)).entries] == [1, 2]


async def test_who_asked_is_not_kept_waiting_for_ever_and_is_told_that_it_was_taken(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with a_moody_log() as (log, journal, watcher):
        journal.full()
        reply: Reply[str] = Reply()
        log.record(happened("one"), turn=1, provider=None)
        log.answer(reply, lambda: "kept")
        log.commit(None)
        with pytest.raises(JournalError, match="it is taken and not durable yet") as caught:
            await reply.wait()
        assert trio.current_time() == PATIENCE
        assert (caught.value.kind, caught.value.remedy) == (ErrorKind.JOURNAL_FAILED, "free some room")
        await trio.sleep(3600)
        assert watcher.messages == []
        journal.heal()
        await log.settled()
        assert [event["content"] for event in watcher.events] == ["one"]
