from __future__ import annotations

import json
from typing import Any

from jelmored.domain.permissions import Location, PermissionRequest, ToolKind
from jelmored.providers.claude.asking import permission_request
from jelmored.providers.claude.messages import CanUseTool
from jelmored.providers.claude.reading import read

from . import lines


def asked(name: str, tool_input: dict[str, Any], **more: Any) -> PermissionRequest:
    message = read(json.loads(lines.asked("r1", name, tool_input, **more)))
    assert isinstance(message, CanUseTool)
    return permission_request(message, "/work")


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
