"""What only informs: each becomes one event with a line for a person."""

from __future__ import annotations

from jelmored.domain.events import Draft, ErrorNote, EventType, Plan, PlanEntry, System
from jelmored.domain.ids import ToolUseId
from jelmored.providers.bounds import bounded_raw, cut, one_line

from . import failures
from .messages import SessionStatus, Todo, Unknown

MAX_ENTRIES = 200
MAX_ENTRY = 4096  # bytes


def retried(status: SessionStatus, parent: ToolUseId | None) -> Draft:
    """The server calls the model again by itself."""
    kind = failures.kind_of_words(status.message)
    words = f"The model's server: {one_line(status.message) or 'no answer'}; try {status.attempt} failed"
    note = ErrorNote(kind=kind, retryable=True, retry_at=failures.retry_time(status), parent_tool_use_id=parent)
    return Draft(EventType.ERROR, words, note)


def compacted(trigger: str | None, before: int | None) -> Draft:
    """How much is left shows with the next step."""
    words = "The conversation was compacted" + (f": it had {before} tokens" if before else "")
    return Draft(
        EventType.SYSTEM,
        words,
        System(subtype="compacted", data={"trigger": trigger, "preTokens": before, "postTokens": None}),
    )


def plan(todos: tuple[Todo, ...]) -> Draft:
    entries = tuple(
        PlanEntry(content=cut(todo.content, MAX_ENTRY)[0], status=todo.status, priority=todo.priority)
        for todo in todos[:MAX_ENTRIES]
    )
    done = sum(entry.status == "completed" for entry in entries)
    return Draft(EventType.PLAN, f"{done} of {len(entries)} done", Plan(entries=entries))


def unknown(event: Unknown) -> Draft:
    """Kept as it came: nothing that an agent says is lost."""
    words = f"opencode: {event.type[:180]}" if event.type else "opencode said something unknown"
    return Draft(EventType.SYSTEM, words, System(subtype="unknown", raw=bounded_raw(event.raw)))
