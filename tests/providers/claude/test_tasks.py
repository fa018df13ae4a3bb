from __future__ import annotations

from collections.abc import Iterable

from jelmored.domain.events import Draft, System
from jelmored.domain.ids import ToolUseId
from jelmored.domain.sessions import BackgroundTask
from jelmored.providers.base import RunFacts
from jelmored.providers.claude.messages import TaskEnded, TaskPatch, TaskStarted, TaskUpdated
from jelmored.providers.claude.tasks import Tasks

TOOL = ToolUseId("t1")
TASK = TaskStarted(task_id="b1", tool_use_id=TOOL, description="sleep 9")


def told(events: Iterable[Draft | RunFacts]) -> list[str | int]:
    """Of each event: the status of a task, or the number of tasks."""
    return [len(event.background_tasks or ()) if isinstance(event, RunFacts) else _status(event) for event in events]


def _status(draft: Draft) -> str:
    assert isinstance(draft.metadata, System)
    return str(draft.metadata.data["status"])


def test_a_task_that_ends_with_its_tool_use_is_no_news() -> None:
    tasks = Tasks()
    tasks.started(TASK)
    assert tasks.ended(TaskEnded(task_id="b1")) == []
    assert tasks.tool_ended(TOOL) == []


def test_a_task_that_outlives_its_tool_use_is_in_the_background() -> None:
    tasks = Tasks()
    tasks.started(TASK)
    _, known = begun = tasks.tool_ended(TOOL)
    assert told(begun) == ["started", 1]
    assert known == RunFacts(background_tasks=(BackgroundTask(task_id="b1", title="sleep 9", tool_use_id=TOOL),))
    assert told(tasks.updated(TaskUpdated(task_id="b1", patch=TaskPatch(status="completed")))) == [0]
    assert told(tasks.ended(TaskEnded(task_id="b1", status="completed", summary="done"))) == ["completed", 0]
    assert tasks.ended(TaskEnded(task_id="b1", status="completed")) == []


def test_a_change_that_is_no_end_is_no_news() -> None:
    tasks = Tasks()
    tasks.started(TASK)
    tasks.tool_ended(TOOL)
    assert tasks.updated(TaskUpdated(task_id="b1", patch=TaskPatch(status="running"))) == []
    assert tasks.updated(TaskUpdated(task_id="other", patch=TaskPatch(status="killed"))) == []


def test_nothing_in_the_foreground_outlives_a_turn() -> None:
    tasks = Tasks()
    tasks.started(TASK)
    tasks.turn_over()
    assert tasks.tool_ended(TOOL) == []


def test_a_task_knows_the_tool_use_that_it_works_for() -> None:
    tasks = Tasks()
    tasks.started(TASK)
    assert tasks.parent_of("b1") == TOOL
    tasks.tool_ended(TOOL)
    assert tasks.parent_of("b1") == TOOL
    assert tasks.parent_of("b2") is None
