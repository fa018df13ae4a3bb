"""The end of a turn: everything that streams is closed, then why, then what it took, then that it is over."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from jelmored.domain.events import DeltaKind, TurnCause, TurnReason, UsageNote
from jelmored.domain.failures import Failure
from jelmored.domain.ids import ItemId, ToolUseId
from jelmored.domain.usage import Usage
from jelmored.errors import ErrorKind
from jelmored.providers.base import Delta, TurnOver
from jelmored.sessions.record.chronicle import Chronicle
from jelmored.sessions.turn.turns import Turn, close_items, failed, holds_queue, record_end, void_items
from tests.sessions.book import Book, open_book

NETWORK = Failure(kind=ErrorKind.NETWORK, message="refused", remedy="look at the cable")
COMPLETED = TurnOver(reason=TurnReason.COMPLETED)


def usage(**more: Any) -> UsageNote:
    taken: dict[str, Any] = {
        "model": "m-1",
        "input_tokens": 10,
        "output_tokens": 5,
        "cache_read_tokens": 3,
        "cache_write_tokens": 2,
        "cost_usd": 0.25,
    }
    return UsageNote(**taken | more)


def stream(chronicle: Chronicle, item: str, text: str, kind: DeltaKind = DeltaKind.TEXT) -> None:
    delta = Delta(item_id=ItemId(item), kind=kind, text=text, parent_tool_use_id=ToolUseId("t1"))
    chronicle.log.stream(delta, chronicle.turn)


async def types(book: Book) -> list[str]:
    return [event["eventType"] for event in await book.published()]


async def test_a_turn_counts_the_seconds_since_it_began(autojump_clock: trio.testing.MockClock) -> None:
    turn = Turn(1, None, trio.current_time())
    await trio.sleep(12)
    assert turn.seconds == 12


async def test_the_end_of_a_turn_in_its_order(autojump_clock: trio.testing.MockClock) -> None:
    async with open_book() as book:
        stream(book.chronicle, "i1", "half a")
        over = TurnOver(reason=TurnReason.FAILED, failure=NETWORK, usage=usage())
        record_end(book.chronicle, over, TurnCause.CRASH, 1.5)
        assert await types(book) == ["assistant", "error", "usage", "turn_ended"]
        said, error, took, ended = [event["metadata"] for event in book.watcher.events]
        assert said["partial"] is True
        assert error == {"kind": "network", "retryable": True, "remedy": "look at the cable"}
        assert took["inputTokens"] == 10
        assert ended == {"reason": "failed", "cause": "crash", "error": error, "durationMs": 1500}


async def test_a_turn_without_failure_or_usage_only_ends(autojump_clock: trio.testing.MockClock) -> None:
    async with open_book() as book:
        record_end(book.chronicle, COMPLETED, None, 0)
        [event] = await book.published()
        assert event["metadata"] == {"reason": "completed", "durationMs": 0}
        assert book.chronicle.facts.usage == Usage()


async def test_what_turns_take_adds_up(autojump_clock: trio.testing.MockClock) -> None:
    async with open_book() as book:
        for note in (usage(), usage(notional=True)):
            record_end(book.chronicle, TurnOver(reason=TurnReason.COMPLETED, usage=note), None, 0)
        assert book.chronicle.facts.usage == Usage(
            input_tokens=20,
            output_tokens=10,
            cache_read_tokens=6,
            cache_write_tokens=4,
            cost_usd=0.5,
            notional=True,
            notional_usd=0.25,
        )


@pytest.mark.parametrize(("kind", "closing"), [(DeltaKind.TEXT, "assistant"), (DeltaKind.THINKING, "thinking")])
async def test_what_streams_is_closed_with_what_there_is(
    autojump_clock: trio.testing.MockClock, kind: DeltaKind, closing: str
) -> None:
    async with open_book() as book:
        stream(book.chronicle, "i1", "half", kind)
        stream(book.chronicle, "i1", " a word", kind)
        close_items(book.chronicle, "the turn ended")
        [event] = await book.published()
        assert (event["eventType"], event["content"]) == (closing, "half a word")
        assert event["metadata"] == {"itemId": "i1", "parentToolUseId": "t1", "partial": True}
        assert not book.chronicle.log.open_items


@pytest.mark.parametrize(("kind", "text"), [(DeltaKind.TOOL_OUTPUT, "some output"), (DeltaKind.TEXT, "")])
async def test_what_no_event_can_hold_is_void(
    autojump_clock: trio.testing.MockClock, kind: DeltaKind, text: str
) -> None:
    async with open_book() as book:
        stream(book.chronicle, "i1", text, kind)
        close_items(book.chronicle, "the turn ended")
        assert await book.published() == []
        voided = book.watcher.messages[-1]
        assert (voided["method"], voided["params"]["reason"]) == ("session/itemVoided", "the turn ended")
        assert not book.chronicle.log.open_items


async def test_an_answer_that_is_done_over_is_void_whatever_it_was(autojump_clock: trio.testing.MockClock) -> None:
    async with open_book() as book:
        stream(book.chronicle, "i1", "half")
        stream(book.chronicle, "i2", "a", DeltaKind.THINKING)
        void_items(book.chronicle, "again")
        assert await book.published() == []
        voided = [one["params"] for one in book.watcher.messages if one["method"] == "session/itemVoided"]
        assert [(one["itemId"], one["reason"]) for one in voided] == [("i1", "again"), ("i2", "again")]


@pytest.mark.parametrize(
    ("over", "holds"),
    [
        (COMPLETED, False),
        (TurnOver(reason=TurnReason.INTERRUPTED), False),
        (failed(NETWORK), True),
        (failed(Failure(kind=ErrorKind.AGENT_CRASHED, message="")), True),
        (failed(Failure(kind=ErrorKind.CONTEXT_TOO_LONG, message="")), False),
    ],
)
def test_what_waits_is_held_from_a_provider_that_fails(over: TurnOver, holds: bool) -> None:
    assert holds_queue(over) is holds
