"""Events of a session as they come, and a notice, for tests that need one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import attrs

from jelmored.domain.commands import CreateSession
from jelmored.domain.events import Change, Event, EventType, Metadata, TurnCause, TurnEnded, TurnReason
from jelmored.domain.ids import ApprovalId, ProviderName, SessionId
from jelmored.domain.permissions import Approval, ApprovalKind, ApprovalStatus, PermissionMode
from jelmored.domain.sessions import SessionView, view
from jelmored.notify.notices import Notice, notice_of
from jelmored.notify.transitions import Transition
from jelmored.sessions.moving.founding import first_facts

PUPPET = ProviderName("puppet")
MOMENT = datetime(2026, 11, 27, 10, 0, tzinfo=UTC)
FACTS = attrs.evolve(
    first_facts(CreateSession(cwd="/work", name="tidy"), PUPPET, PermissionMode.ASK, ()),
    session_id=SessionId("ses_1"),
    title="Tidy the shed",
)
VIEW: SessionView = view(FACTS, attached=True, subscribers=0, queued=0, background_tasks=0)


def event(kind: EventType, metadata: Metadata, content: str = "", *, session: str = "ses_1") -> Event:
    return Event(
        session_id=SessionId(session),
        seq=1,
        event_type=kind,
        content=content,
        metadata=metadata,
        timestamp=MOMENT,
        turn=3,
        provider=PUPPET,
    )


def asked(name: str, title: str = "Bash: ls", **more: Any) -> Event:
    """An approval opens."""
    return event(EventType.APPROVAL_REQUESTED, _approval(name, title, ApprovalStatus.OPEN), title, **more)


def answered(name: str, status: ApprovalStatus = ApprovalStatus.RESOLVED) -> Event:
    return event(EventType.APPROVAL_RESOLVED, _approval(name, "Bash: ls", status))


def ended(reason: TurnReason, cause: TurnCause | None = None, **more: Any) -> Event:
    return event(EventType.TURN_ENDED, TurnEnded(reason=reason, cause=cause, duration_ms=5, **more), reason)


def moved() -> Event:
    return event(EventType.FAILOVER, Change(from_="claude", to="other"), "claude → other: rate-limited")


def notice(text: str = "Bash: ls", **more: Any) -> Notice:
    """Of a session that waits."""
    return attrs.evolve(notice_of(Transition.WAITING, asked("a", text), VIEW), **more)


def _approval(name: str, title: str, status: ApprovalStatus) -> Approval:
    return Approval(
        approval_id=ApprovalId(name),
        session_id=SessionId("ses_1"),
        turn=3,
        kind=ApprovalKind.PERMISSION,
        title=title,
        tool_name="Bash",
        options=(),
        created_at=MOMENT,
        status=status,
    )
