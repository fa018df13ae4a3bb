"""What an agent has kept without us becomes events as those of a session of ours, and only as many as there is room."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta

import pytest

from jelmored.domain.events import Draft, ErrorNote, EventType, Said, TurnEnded, TurnReason, TurnStarted, UserNote
from jelmored.domain.ids import ItemId
from jelmored.domain.prompts import ELSEWHERE
from jelmored.domain.status import Status
from jelmored.errors import ErrorKind, SessionError
from jelmored.providers.base import PastTurn
from jelmored.sessions.agent.remembering import ROOM, latest, remembered

BEGAN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ENDED = BEGAN + timedelta(seconds=2)


def past(prompt: str | None, *drafts: Draft, reason: TurnReason = TurnReason.COMPLETED) -> PastTurn:
    return PastTurn(prompt=prompt, drafts=drafts, began_at=BEGAN, ended_at=ENDED, reason=reason, mark=f"after {prompt}")


def said(text: str) -> Draft:
    return Draft(EventType.ASSISTANT, text, Said(item_id=ItemId("i"), native_id="n"))


def test_a_turn_is_told_as_one_of_ours_with_its_own_times() -> None:
    events = list(remembered(past("hi", said("ho")), 7, Status.IDLE))
    kinds = ["user", "turn_started", "status_change", "assistant", "turn_ended", "status_change"]
    assert [one.draft.event_type for one in events] == kinds
    assert [one.turn for one in events] == [7, 7, 7, 7, 7, None]
    assert [one.at for one in events] == [BEGAN] * 3 + [ENDED] * 3
    user, started, ended = (events[place].draft.metadata for place in (0, 1, 4))
    assert isinstance(user, UserNote)
    assert isinstance(started, TurnStarted)
    assert isinstance(ended, TurnEnded)
    assert (user.by, user.prompt_id) == (ELSEWHERE, started.prompt_id)
    assert (ended.reason, ended.duration_ms, ended.error) == (TurnReason.COMPLETED, 2000, None)
    assert events[0].draft.content == "hi"


def test_what_the_agent_began_by_itself_has_no_prompt() -> None:
    events = list(remembered(past(None, said("done")), 1, Status.FAILED))
    assert events[0].draft.metadata == TurnStarted(prompt_id=None, origin="agent")
    assert [one.draft.content for one in events if one.draft.event_type is EventType.STATUS_CHANGE] == [
        "failed → active",
        "active → failed",
    ]


@pytest.mark.parametrize("told", [True, False])
def test_a_failed_turn_says_why(told: bool) -> None:
    note = ErrorNote(kind=ErrorKind.REFUSED, retryable=False)
    drafts = [Draft(EventType.ERROR, "no", note)] if told else []
    *_, ended, _ = remembered(past("hi", *drafts, reason=TurnReason.FAILED), 1, Status.IDLE)
    assert isinstance(ended.draft.metadata, TurnEnded)
    assert ended.draft.metadata.error is not None
    assert (ended.draft.metadata.error == note) is told


async def _turns(*turns: PastTurn, fails: bool = False) -> AsyncGenerator[PastTurn, None]:
    for turn in turns:
        yield turn
    if fails:
        raise SessionError(ErrorKind.STATE_INVALID, "gone")


async def test_the_last_turns_are_taken_and_the_others_counted() -> None:
    turns = [past(str(number), said("x" * (ROOM // 3))) for number in range(10)]
    kept, skipped = await latest(_turns(*turns))
    assert (list(kept), skipped) == (turns[8:], 8)


async def test_one_turn_at_least_is_taken() -> None:
    turn = past("hi", said("x" * ROOM * 2))
    assert await latest(_turns(past("before"), turn)) == ((turn,), 1)


async def test_what_can_not_be_read_is_missing() -> None:
    assert await latest(_turns(past("hi"), fails=True)) == ((past("hi"),), 0)
    assert await latest(_turns()) == ((), 0)
