"""The agent's background tasks. A task that outlives the tool use that began it is in the background."""

from __future__ import annotations

import attrs

from jelmored.domain.events import Draft, EventType, System
from jelmored.domain.ids import ToolUseId
from jelmored.domain.sessions import BackgroundTask
from jelmored.providers.base import RunFacts
from jelmored.providers.bounds import one_line

from .messages import TaskEnded, TaskStarted, TaskUpdated

_OVER = frozenset({"completed", "failed", "killed", "stopped"})


@attrs.define
class Tasks:
    """A command of more than some seconds is a task, and so is a subagent; most end with their tool use."""

    _foreground: dict[str, TaskStarted] = attrs.field(factory=dict)
    _background: dict[str, TaskStarted] = attrs.field(factory=dict)
    _ended: set[str] = attrs.field(factory=set)
    """Of the background, ended but without the word about it, which comes a little later."""

    def started(self, task: TaskStarted) -> None:
        self._foreground[task.task_id] = task

    def parent_of(self, task_id: str) -> ToolUseId | None:
        """The tool use that a task works for; a subagent's id is that of its task."""
        task = self._foreground.get(task_id) or self._background.get(task_id)
        return task.tool_use_id if task else None

    def tool_ended(self, tool_use_id: ToolUseId) -> list[Draft | RunFacts]:
        found = [task for task in self._foreground.values() if task.tool_use_id == tool_use_id]
        for task in found:
            self._background[task.task_id] = self._foreground.pop(task.task_id)
        drafts = [_draft(task, "started", f"In the background: {one_line(task.description)}") for task in found]
        return [*drafts, self._count()] if found else []

    def updated(self, update: TaskUpdated) -> list[Draft | RunFacts]:
        if update.patch.status not in _OVER or update.task_id not in self._background:
            return []
        self._ended.add(update.task_id)
        return [self._count()]

    def ended(self, end: TaskEnded) -> list[Draft | RunFacts]:
        self._foreground.pop(end.task_id, None)
        self._ended.discard(end.task_id)
        task = self._background.pop(end.task_id, None)
        if task is None:
            return []
        return [_draft(task, end.status, one_line(end.summary or task.description)), self._count()]

    def turn_over(self) -> None:
        """Nothing in the foreground outlives a turn."""
        self._foreground.clear()

    def _count(self) -> RunFacts:
        """Those that are in the background now."""
        running = [task for task_id, task in self._background.items() if task_id not in self._ended]
        return RunFacts(background_tasks=tuple(map(_told, running)))


def _told(task: TaskStarted) -> BackgroundTask:
    return BackgroundTask(task_id=task.task_id, title=one_line(task.description), tool_use_id=task.tool_use_id)


def _draft(task: TaskStarted, status: str, content: str) -> Draft:
    data = {"taskId": task.task_id, "status": status, "toolUseId": task.tool_use_id}
    return Draft(EventType.SYSTEM, content, System(subtype="background_task", data=data))
