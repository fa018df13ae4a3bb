"""Facts and log change together, in the turn in hand, and become public together."""

from __future__ import annotations

import pytest
import trio

from jelmored.domain.events import Draft, EventType, System
from jelmored.domain.ids import PromptId
from jelmored.domain.sessions import Facts
from jelmored.domain.status import Status, Step
from jelmored.errors import ErrorKind, Refused
from jelmored.journal.base import StoredPrompt
from jelmored.wire import codec
from tests.sessions.book import LONG_AGO, open_book

HAPPENED = Draft(EventType.SYSTEM, "it happened", System(subtype="x"))


async def test_an_event_is_in_the_turn_in_hand_unless_another_is_named(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with open_book() as book:
        book.chronicle.turn = 3
        assert book.chronicle.record(HAPPENED) == 1
        assert book.chronicle.record_in(None, HAPPENED) == 2
        events = await book.published()
        assert [(event["turn"], event["provider"]) for event in events] == [(3, "puppet"), (None, "puppet")]


async def test_the_facts_follow_the_log(autojump_clock: trio.testing.MockClock) -> None:
    async with open_book() as book:
        book.chronicle.record(HAPPENED)
        assert book.chronicle.facts.seq == 1
        assert book.chronicle.facts.last_activity > LONG_AGO
        await book.published()
        assert codec.decode((await book.kept()).facts, Facts) == book.chronicle.facts


async def test_a_step_is_an_event_where_the_status_becomes_another(autojump_clock: trio.testing.MockClock) -> None:
    async with open_book(status=Status.ACTIVE) as book:
        book.chronicle.step(Step.APPROVAL_OPENED)
        book.chronicle.step(Step.APPROVAL_OPENED)
        [event] = await book.published()
        assert book.chronicle.facts.status is Status.WAITING_INPUT
        assert (event["content"], event["metadata"]) == (
            "active → waiting_input",
            {"from": "active", "to": "waiting_input"},
        )


async def test_a_step_that_can_not_be_changes_nothing(autojump_clock: trio.testing.MockClock) -> None:
    async with open_book(status=Status.TERMINATED) as book:
        before = book.chronicle.facts
        with pytest.raises(Refused) as refused:
            book.chronicle.step(Step.TURN_STARTED)
        assert refused.value.kind is ErrorKind.WRONG_STATUS
        assert book.chronicle.facts == before
        assert await book.published() == []


async def test_a_note_has_its_data_beside_its_subtype(autojump_clock: trio.testing.MockClock) -> None:
    async with open_book() as book:
        book.chronicle.note("native_lost", "it is gone", tries=2)
        [event] = await book.published()
        assert (event["eventType"], event["content"]) == ("system", "it is gone")
        assert event["metadata"] == {"subtype": "native_lost", "tries": 2}


async def test_that_the_facts_are_others_is_told_once_and_only_when_it_is_durable(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with open_book() as book:
        book.chronicle.know(title="one")
        book.chronicle.know(title="two")
        book.chronicle.commit(None)
        assert book.changes == []
        await book.chronicle.log.settled()
        assert book.changes == [None]
        await book.published()
        assert book.changes == [None], "nothing has changed since"


async def test_a_queue_that_is_another_is_told_and_kept_without_any_event(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with open_book() as book:
        waiting = (StoredPrompt(PromptId("prm_1"), b"{}"),)
        assert await book.published(waiting) == []
        assert book.changes == [None]
        assert (await book.kept()).queue == waiting
