"""What a person is told, and the words for it. No text in it is longer than a line: prompts and answers stay here."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from datetime import datetime

import attrs

from jelmored.domain.events import Event, TurnCause, TurnEnded, TurnReason
from jelmored.domain.ids import ApprovalId, ProviderName, SessionId
from jelmored.domain.permissions import Approval, ApprovalKind
from jelmored.domain.sessions import SessionView
from jelmored.domain.status import Status
from jelmored.errors import ErrorKind

from .transitions import Transition

LINE = 200  # characters
ZERO_WIDTH_JOINER = "\u200d"  # holds emoji together


@attrs.frozen(kw_only=True)
class OpenQuestion:
    """The approval that a session began to wait with; `approval/list` has the rest of it."""

    approval_id: ApprovalId
    kind: ApprovalKind
    tool_name: str | None = None


@attrs.frozen(kw_only=True)
class Notice:
    """What commands and webhooks get, as JSON (docs/configuration.md). The session is as it is when it is told."""

    event: Transition
    session_id: SessionId
    name: str | None
    title: str | None
    provider: ProviderName
    directory: str
    turn: int | None
    status: Status
    text: str
    reason: TurnReason | None = None
    error: ErrorKind | None = None
    approval: OpenQuestion | None = None
    at: datetime

    @property
    def headline(self) -> str:
        """Which session, and what of it."""
        return f"{self.name or self.title or self.session_id} {_HEADLINES[self.event]}"


_HEADLINES: Mapping[Transition, str] = {
    Transition.WAITING: "waits for you",
    Transition.ENDED: "has ended its turn",
    Transition.FAILED: "has failed",
    Transition.MOVED: "has moved",
}


def notice_of(transition: Transition, event: Event, view: SessionView) -> Notice:
    """The notice of an event that is to be told, of a session that looks so now."""
    ended = event.metadata if isinstance(event.metadata, TurnEnded) else None
    return Notice(
        event=transition,
        session_id=view.session_id,
        name=_maybe(view.name),
        title=_maybe(view.title),
        provider=view.provider,
        directory=view.directory,
        turn=event.turn,
        status=view.status,
        text=line(_text(event)),
        reason=ended.reason if ended else None,
        error=ended.error.kind if ended and ended.error else None,
        approval=_question(event.metadata) if isinstance(event.metadata, Approval) else None,
        at=event.timestamp,
    )


def line(text: str, limit: int = LINE) -> str:
    """One line of at most `limit` characters, with nothing in it that could steer whatever shows it."""
    seen = text[: 4 * limit]
    plain = "".join(" " if _steers(character) else character for character in seen)
    words = " ".join(plain.split())
    return words if len(words) <= limit else words[: limit - 1] + "…"


def _steers(character: str) -> bool:
    """Control, formatting (also what turns the direction of text), surrogates, and what has no meaning at all."""
    return unicodedata.category(character).startswith("C") and character != ZERO_WIDTH_JOINER


def _maybe(text: str | None) -> str | None:
    return None if text is None else line(text)


def _question(approval: Approval) -> OpenQuestion:
    return OpenQuestion(approval_id=approval.approval_id, kind=approval.kind, tool_name=_maybe(approval.tool_name))


def _text(event: Event) -> str:
    match event.metadata:
        case TurnEnded() as ended:
            return _text_of_end(event.turn, ended)
        case _:
            return event.content


def _text_of_end(turn: int | None, ended: TurnEnded) -> str:
    error = ended.error
    if error is not None:
        return f"turn {turn}: {error.kind}" + (f"; {error.remedy}" if error.remedy else "")
    words = _ENDS[ended.reason]
    return f"turn {turn} {words}" + (_CAUSES.get(ended.cause, "") if ended.cause else "")


_ENDS: Mapping[TurnReason, str] = {
    TurnReason.COMPLETED: "is done",
    TurnReason.INTERRUPTED: "was interrupted",
    TurnReason.FAILED: "failed",
    TurnReason.REFUSED: "was refused",
    TurnReason.BUDGET: "has used up its budget",
    TurnReason.MAX_TURNS: "has used up its rounds",
}
_CAUSES: Mapping[TurnCause, str] = {
    TurnCause.AGENT: " by the agent",
    TurnCause.DAEMON_RESTART: ": the daemon stopped",
    TurnCause.CRASH: ": a crash",
}
