from __future__ import annotations

import json
from typing import Any

from jelmored.domain.ids import RequestId
from jelmored.domain.permissions import Location, PermissionRequest, ToolKind
from jelmored.providers.base import Withdrawn
from jelmored.providers.claude.asking import Asking, permission_request
from jelmored.providers.claude.control import CanUseTool
from jelmored.providers.claude.reading import read

from . import lines


def message(name: str, tool_input: dict[str, Any], request_id: str = "r1", **more: Any) -> CanUseTool:
    found = read(json.loads(lines.asked(request_id, name, tool_input, **more)))
    assert isinstance(found, CanUseTool)
    return found


def asked(name: str, tool_input: dict[str, Any], **more: Any) -> PermissionRequest:
    return permission_request(message(name, tool_input, **more), "/work")


def test_a_command() -> None:
    request = asked("Bash", {"command": "touch a", "description": "make a"}, blocked_path="/work/a")
    assert (request.request_id, request.tool_use_id) == ("r1", "t1")
    assert (request.kind, request.command, request.title) == (ToolKind.EXECUTE, "touch a", "Bash: touch a")
    assert request.locations == (Location(path="/work/a"),)


def test_paths_are_meant_from_where_the_agent_works_and_not_yet_located() -> None:
    request = asked("Edit", {"file_path": "link/f", "old_string": "x", "new_string": "y"}, blocked_path="b")
    assert request.locations == (Location(path="/work/link/f"), Location(path="/work/b"))
    assert not request.located
    assert request.diffs[0].path == "/work/link/f"


def test_outside_of_the_directories_without_a_path_is_no_harmless_search() -> None:
    assert asked("Glob", {"pattern": "/etc/*"}, decision_reason_type="workingDir").kind is ToolKind.OTHER
    assert asked("Read", {"file_path": "/etc/x"}, decision_reason_type="workingDir").kind is ToolKind.READ
    assert asked("Glob", {"pattern": "*"}, decision_reason_type="other").kind is ToolKind.SEARCH


def test_a_question_is_asked_as_one() -> None:
    request = asked("AskUserQuestion", {"questions": [{"question": "Which\nsize?", "header": "S", "options": []}]})
    assert [question.question for question in request.questions] == ["Which\nsize?"]
    assert (request.title, request.kind) == ("Which …", ToolKind.THINK)
    assert asked("Other", {"questions": [{"question": "?"}]}).questions == ()


def test_a_request_is_settled_once() -> None:
    asking = Asking()
    for request_id in ("r1", "r2", "r3"):
        asking.ask(message("Bash", {"command": request_id}, request_id), "/work")
    assert asking.answer(RequestId("r1")) == {"command": "r1"}
    assert asking.answer(RequestId("r1")) is None
    assert asking.withdraw(RequestId("r1")) == []
    assert asking.withdraw(RequestId("r2")) == [Withdrawn(RequestId("r2"))]
    assert asking.withdraw_all() == [Withdrawn(RequestId("r3"))]
    assert asking.withdraw_all() == []
