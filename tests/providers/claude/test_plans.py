from __future__ import annotations

from jelmored.domain.events import Draft, Plan
from jelmored.providers.claude.plans import MAX_ENTRIES, PlanBoard


def entries(drafts: list[Draft]) -> list[tuple[str, str]]:
    (draft,) = drafts
    assert isinstance(draft.metadata, Plan)
    return [(entry.content, entry.status) for entry in draft.metadata.entries]


def created(task_id: str, subject: str) -> dict[str, dict[str, str]]:
    return {"task": {"id": task_id, "subject": subject}}


def changed(task_id: str, to: str) -> dict[str, object]:
    return {"success": True, "taskId": task_id, "statusChange": {"from": "pending", "to": to}}


def test_tasks_come_and_change_and_go() -> None:
    board = PlanBoard()
    assert entries(board.done("TaskCreate", created("1", "a"))) == [("a", "pending")]
    assert entries(board.done("TaskCreate", created("2", "b"))) == [("a", "pending"), ("b", "pending")]
    drafts = board.done("TaskUpdate", changed("1", "completed"))
    assert drafts[0].content == "1 of 2 done"
    assert entries(drafts) == [("a", "completed"), ("b", "pending")]
    assert entries(board.done("TaskUpdate", changed("1", "deleted"))) == [("b", "pending")]


def test_a_list_may_come_at_once() -> None:
    todos = [{"content": "a", "status": "completed"}, {"content": "b", "status": "pending"}, "c"]
    assert entries(PlanBoard().done("TodoWrite", {"oldTodos": [], "newTodos": todos})) == [
        ("a", "completed"),
        ("b", "pending"),
        ("c", "pending"),
    ]


def test_other_tools_and_unknown_tasks_change_nothing() -> None:
    board = PlanBoard()
    assert board.done("Bash", {"newTodos": []}) == []
    assert board.done("TaskGet", created("1", "a")) == []
    assert board.done("TaskUpdate", changed("7", "completed")) == []
    assert board.done(None, "text") == []


def test_a_plan_is_bounded() -> None:
    board = PlanBoard()
    for number in range(MAX_ENTRIES):
        board.done("TaskCreate", created(str(number), "x"))
    assert board.done("TaskCreate", created("more", "x")) == []
