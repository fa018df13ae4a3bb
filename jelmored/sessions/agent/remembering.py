"""What an agent has kept of a conversation without us, as events of a session of ours: pure, turn by turn."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, suppress
from datetime import datetime

import attrs

from jelmored.domain.events import Change, Draft, ErrorNote, EventType, TurnEnded, TurnReason, TurnStarted, UserNote
from jelmored.domain.ids import PromptId, new_prompt_id
from jelmored.domain.prompts import ELSEWHERE
from jelmored.domain.status import Status
from jelmored.errors import ErrorKind, ProviderError
from jelmored.providers.base import PastTurn

ROOM = 4 * 1024 * 1024  # characters of what somebody else has said, in one batch
PER_EVENT = 4096


@attrs.frozen
class Remembered:
    """An event to be: `turn` is the number that it is recorded in."""

    turn: int | None
    draft: Draft
    at: datetime


def remembered(past: PastTurn, number: int, status: Status) -> Iterator[Remembered]:
    """The events of a turn, as if it had been one of ours; what it took is not known.

    Args:
        number: of the turn.
        status: of the session, before it and after it.
    """
    prompt_id = new_prompt_id() if past.prompt is not None else None
    for draft in _beginning(past, prompt_id):
        yield Remembered(number, draft, past.began_at)
    yield Remembered(number, _step(status, Status.ACTIVE), past.began_at)
    for draft in past.drafts:
        yield Remembered(number, draft, past.ended_at)
    yield Remembered(number, Draft(EventType.TURN_ENDED, past.reason, _end(past)), past.ended_at)
    yield Remembered(None, _step(Status.ACTIVE, status), past.ended_at)


async def latest(turns: AsyncGenerator[PastTurn, None]) -> tuple[tuple[PastTurn, ...], int]:
    """The last turns, as many as a log can take in one go, and how many were before them. What can't be read is
    missing: the agent has it all the same."""
    kept: deque[PastTurn] = deque()
    seen = 0
    with suppress(ProviderError):
        async with aclosing(turns) as told:
            async for turn in told:
                seen += 1
                kept.append(turn)
                while len(kept) > 1 and sum(map(_size, kept)) > ROOM:
                    kept.popleft()
    return tuple(kept), seen - len(kept)


def _size(turn: PastTurn) -> int:
    return len(turn.drafts) * PER_EVENT + sum(len(draft.content) for draft in turn.drafts)


def _beginning(past: PastTurn, prompt_id: PromptId | None) -> Iterator[Draft]:
    if past.prompt is not None and prompt_id is not None:
        yield Draft(EventType.USER, past.prompt, UserNote(prompt_id=prompt_id, disposition="started", by=ELSEWHERE))
    yield Draft(EventType.TURN_STARTED, "", TurnStarted(prompt_id=prompt_id, origin="prompt" if prompt_id else "agent"))


def _step(before: Status, after: Status) -> Draft:
    return Draft(EventType.STATUS_CHANGE, f"{before} → {after}", Change(from_=before, to=after))


def _end(past: PastTurn) -> TurnEnded:
    """A failure stands among the drafts of its turn."""
    notes = [draft.metadata for draft in past.drafts if isinstance(draft.metadata, ErrorNote)]
    unknown = ErrorNote(kind=ErrorKind.UNAVAILABLE, retryable=True)
    error = (notes[-1] if notes else unknown) if past.reason is TurnReason.FAILED else None
    seconds = max((past.ended_at - past.began_at).total_seconds(), 0)
    return TurnEnded(reason=past.reason, error=error, duration_ms=int(seconds * 1000))
