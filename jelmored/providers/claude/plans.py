"""The agent's list of what it means to do, as its task tools change it."""

from __future__ import annotations

from typing import Any

import attrs

from jelmored.domain.events import Draft, EventType, Plan, PlanEntry

MAX_ENTRIES = 200


@attrs.define
class PlanBoard:
    """Told of each outcome of a tool; answers with the plan when it changed."""

    _entries: dict[str, PlanEntry] = attrs.field(factory=dict)

    def done(self, name: str | None, outcome: Any) -> list[Draft]:
        """The outcome of a tool that has worked: `TodoWrite` changes the whole list, the others one entry."""
        match name, outcome:
            case "TodoWrite", {"newTodos": [*todos]}:
                self._entries = {str(place): _todo(todo) for place, todo in enumerate(todos[:MAX_ENTRIES])}
                return self._draft()
            case "TaskCreate", {"task": {"id": str(task_id), "subject": str(subject)}}:
                return self._put(task_id, PlanEntry(content=subject, status="pending"))
            case "TaskUpdate", {"taskId": str(task_id), "statusChange": {"to": str(status)}}:
                return self._change(task_id, status)
        return []

    def _change(self, task_id: str, status: str) -> list[Draft]:
        entry = self._entries.get(task_id)
        if entry is None:
            return []
        if status == "deleted":
            del self._entries[task_id]
            return self._draft()
        return self._put(task_id, attrs.evolve(entry, status=status))

    def _put(self, task_id: str, entry: PlanEntry) -> list[Draft]:
        if task_id not in self._entries and len(self._entries) >= MAX_ENTRIES:
            return []
        self._entries[task_id] = entry
        return self._draft()

    def _draft(self) -> list[Draft]:
        entries = tuple(self._entries.values())
        done = sum(entry.status == "completed" for entry in entries)
        return [Draft(EventType.PLAN, f"{done} of {len(entries)} done", Plan(entries=entries))]


def _todo(value: Any) -> PlanEntry:
    match value:
        case {"content": str(content), "status": str(status)}:
            return PlanEntry(content=content, status=status)
        case _:
            return PlanEntry(content=str(value), status="pending")
