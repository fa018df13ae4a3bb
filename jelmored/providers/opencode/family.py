"""The session of a run, and those of its subagents: OpenCode gives each a session of its own, a child of the one that
began it."""

from __future__ import annotations

import attrs

from jelmored.domain.ids import ToolUseId


@attrs.define
class Family:
    """Who belongs to a run, and which tool use each child works for.

    Args:
        root: OpenCode's id of the session itself.
    """

    root: str
    _tasks: dict[str, ToolUseId] = attrs.field(factory=dict, init=False)
    """By child."""
    _unclaimed: dict[str, list[ToolUseId]] = attrs.field(factory=dict, init=False)
    """Tasks that have begun and whose child is not known yet, by the session that began them."""

    @property
    def children(self) -> frozenset[str]:
        return frozenset(self._tasks)

    def has(self, session_id: str | None) -> bool:
        return session_id == self.root or session_id in self._tasks

    def task_of(self, session_id: str) -> ToolUseId | None:
        """The tool use that this session works for; None for the root."""
        return self._tasks.get(session_id)

    def began(self, parent: str, task: ToolUseId) -> None:
        """A tool that makes children is about to be used."""
        self._unclaimed.setdefault(parent, []).append(task)

    def born(self, child: str, parent: str | None) -> None:
        """A session was created. Its task is told a moment later; until then it is the oldest that has no child."""
        if parent is None or not self.has(parent) or self.has(child):
            return
        unclaimed = self._unclaimed.get(parent, [])
        self._tasks[child] = unclaimed.pop(0) if unclaimed else ToolUseId(child)

    def claim(self, child: str, parent: str, task: ToolUseId) -> None:
        """A task names its child, a new one or one that it goes on with."""
        if child != self.root and self.has(parent):
            self._tasks[child] = task
            if task in (unclaimed := self._unclaimed.get(parent, [])):
                unclaimed.remove(task)
