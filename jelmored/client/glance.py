"""What can be seen of a session at a glance: what its agent does now, or did last, from the end of its log."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import attrs
import trio

from jelmored.domain.events import ErrorNote, Event, EventType, Said, ToolResult, ToolUse, TurnEnded, TurnReason
from jelmored.domain.ids import SessionId, ToolUseId
from jelmored.domain.sessions import SessionView

from .client import Client

TAIL = 16  # events: the last words of a turn and the tools that run are nearly always among them
AT_ONCE = 8  # requests in flight


@attrs.frozen(kw_only=True)
class Glance:
    """Args:
    tool: the one that runs now, in a line.
    said: the last words of the agent.
    trouble: why the last turn failed, or could not start.
    """

    view: SessionView
    tool: str | None = None
    said: str | None = None
    trouble: str | None = None


async def glances(client: Client, views: Sequence[SessionView]) -> tuple[Glance, ...]:
    """Of each session, in their order."""
    seen: dict[SessionId, Glance] = {}
    places = trio.CapacityLimiter(AT_ONCE)

    async def look(view: SessionView) -> None:
        async with places:
            page = await client.handle(view).history(before=view.seq + 1, limit=TAIL)
        seen[view.session_id] = glance(view, page.events)

    async with trio.open_nursery() as nursery:
        for view in views:
            nursery.start_soon(look, view)
    return tuple(seen[view.session_id] for view in views)


def glance(view: SessionView, events: Iterable[Event]) -> Glance:
    """From the last events of its log, in order."""
    tools: dict[ToolUseId, str] = {}
    said = trouble = None
    for event in events:
        match event.metadata:
            case ToolUse(tool_use_id=tool):
                tools[tool] = event.content
            case ToolResult(tool_use_id=tool):
                tools.pop(tool, None)
            case Said(parent_tool_use_id=None) if event.event_type is EventType.ASSISTANT:
                said = event.content
            case ErrorNote(remedy=remedy):
                trouble = f"{event.content}: {remedy}" if remedy else event.content
            case TurnEnded(reason=reason):
                tools.clear()
                trouble = None if reason is TurnReason.COMPLETED else trouble or reason.value
    return Glance(view=view, tool=next(reversed(tools.values()), None), said=said, trouble=trouble)
