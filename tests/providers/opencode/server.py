"""What the real server would list, worked out of its events: messages, who is busy, which requests are open."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from jelmored.providers.opencode.messages import (
    Message,
    MessageUpdated,
    MessageWithParts,
    Part,
    PartUpdated,
    PermissionAsked,
    QuestionAsked,
    ReasoningPart,
    Replied,
    ServerEvent,
    SessionCreated,
    StatusChanged,
    TextPart,
)


@attrs.define
class Server:
    """Hears every event."""

    sessions: dict[str, None] = attrs.field(factory=dict)
    """Those that were at work, in this order."""
    parents: dict[str, str] = attrs.field(factory=dict)
    busy: set[str] = attrs.field(factory=set)
    _messages: dict[str, Message] = attrs.field(factory=dict)
    _parts: dict[str, Part] = attrs.field(factory=dict)
    _asks: dict[str, PermissionAsked | QuestionAsked] = attrs.field(factory=dict)

    def hear(self, event: ServerEvent) -> None:
        match event:
            case SessionCreated(info=info) if info.parent_id:
                self.parents[info.id] = info.parent_id
            case StatusChanged(session_id=session_id, status=status):
                if status.type == "idle":
                    self.busy.discard(session_id)
                else:
                    self.busy.add(session_id)
            case MessageUpdated(info=info):
                self.sessions[info.session_id] = None
                self._messages[info.id] = info
            case PartUpdated(part=part):
                self._parts[part.id] = part
            case PermissionAsked() | QuestionAsked():
                self._asks[event.id] = event
            case Replied():
                self._asks.pop(event.request_id, None)

    def knows(self, message_id: str) -> bool:
        return message_id in self._messages

    def messages(self, session_id: str) -> list[MessageWithParts]:
        """`GET /session/{id}/message`: a text that is still open is kept without its words."""
        return [
            MessageWithParts(
                info=message,
                parts=tuple(_as_kept(part) for part in self._parts.values() if part.message_id == message.id),
            )
            for message in self._messages.values()
            if message.session_id == session_id
        ]

    @property
    def permissions(self) -> list[PermissionAsked]:
        return [ask for ask in self._asks.values() if isinstance(ask, PermissionAsked)]

    @property
    def questions(self) -> list[QuestionAsked]:
        return [ask for ask in self._asks.values() if isinstance(ask, QuestionAsked)]

    def is_idle_for_good(self, root: str, later: Sequence[ServerEvent]) -> bool:
        """Will it be busy before it is idle once more?

        Args:
            root: the session, now idle.
            later: all that is still to come.
        """
        statuses = [
            event.status.type for event in later if isinstance(event, StatusChanged) and event.session_id == root
        ]
        return statuses[:1] != ["idle"]


def _as_kept(part: Part) -> Part:
    if isinstance(part, TextPart | ReasoningPart) and part.time.start is not None and part.time.end is None:
        return attrs.evolve(part, text="")
    return part
