"""What a former life left open is closed as far as it came, in its order, and its turn is over."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import pytest

from jelmored.config.settings import MidTurn, ResumeInterrupted
from jelmored.domain.events import DeltaKind, OpenItem, TurnCause
from jelmored.domain.ids import ItemId
from jelmored.domain.sessions import OpenTurn
from jelmored.domain.status import Status
from jelmored.sessions.turn.allowance import Allowance
from jelmored.sessions.turn.approvals import Approvals
from jelmored.sessions.turn.purse import Purse
from jelmored.sessions.turn.queue import PromptQueue
from jelmored.sessions.turn.resumption import Resumption
from jelmored.sessions.turn.turns import Turns
from jelmored.sessions.upkeep.leftovers import Leftovers
from tests.sessions.book import LONG_AGO, Book, open_book

OPEN = OpenTurn(number=3, prompt_id=None, started_at=LONG_AGO)
STREAMED = OpenItem(item_id=ItemId("i1"), kind=DeltaKind.TEXT, text="half a", parent_tool_use_id=None)


def close(book: Book, cause: TurnCause, items: Sequence[OpenItem] = ()) -> None:
    chronicle = book.chronicle
    queue = PromptQueue((), chronicle, None)
    Leftovers(items, cause).close(
        chronicle,
        Turns(chronicle, queue),
        Approvals(chronicle, lambda request, answer: None, lambda approval: None),
        Allowance(chronicle, Purse()),
        Resumption(chronicle, queue, lambda: ResumeInterrupted.NEVER, lambda: MidTurn.CONTINUE),
    )


async def test_the_text_that_streamed_then_the_end_of_the_turn(autojump_clock: object) -> None:
    async with open_book(status=Status.ACTIVE, turn=3, open_turn=OPEN) as book:
        close(book, TurnCause.DAEMON_RESTART, [STREAMED])
        said, ended, _ = await book.published()
        assert (said["eventType"], said["content"], said["turn"]) == ("assistant", "half a", 3)
        assert said["metadata"]["partial"] is True
        assert (ended["eventType"], ended["turn"]) == ("turn_ended", 3)
        assert (ended["metadata"]["reason"], ended["metadata"]["cause"]) == ("interrupted", "daemon_restart")
        facts = book.chronicle.facts
        assert (facts.status, facts.open_turn, book.chronicle.turn) == (Status.IDLE, None, None)


@pytest.mark.parametrize(
    ("interrupted", "cause", "told", "held"),
    [
        (False, TurnCause.CRASH, "crash", True),
        (True, TurnCause.CRASH, "user", False),
        (True, TurnCause.DAEMON_RESTART, "user", False),
    ],
)
async def test_who_wanted_its_end_and_whether_the_queue_waits(
    autojump_clock: object, interrupted: bool, cause: TurnCause, told: str, held: bool
) -> None:
    opened = attrs.evolve(OPEN, interrupted=interrupted)
    async with open_book(status=Status.ACTIVE, turn=3, open_turn=opened) as book:
        close(book, cause)
        ended, changed = await book.published()
        assert (ended["metadata"]["cause"], changed["eventType"]) == (told, "status_change")
        assert book.chronicle.facts.held is held


async def test_where_no_turn_was_open_none_ends(autojump_clock: object) -> None:
    async with open_book(status=Status.IDLE) as book:
        close(book, TurnCause.DAEMON_RESTART)
        assert await book.published() == []
