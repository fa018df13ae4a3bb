from __future__ import annotations

from typing import Any

import pytest

from jelmored.domain.permissions import Diff, Location, ToolKind
from jelmored.providers.bounds import MAX_RESULT
from jelmored.providers.claude import tools


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Read", ToolKind.READ),
        ("Write", ToolKind.EDIT),
        ("Bash", ToolKind.EXECUTE),
        ("WebSearch", ToolKind.FETCH),
        ("Agent", ToolKind.OTHER),
        ("ExitPlanMode", ToolKind.OTHER),
        ("mcp__dock__read", ToolKind.OTHER),
    ],
)
def test_kinds(name: str, kind: ToolKind) -> None:
    assert tools.kind_of(name) is kind


@pytest.mark.parametrize(
    ("name", "tool_input", "line"),
    [
        ("Bash", {"command": "make\nmake test", "description": "build"}, "Bash: make …"),
        ("Edit", {"file_path": "/a/b.py", "old_string": "x"}, "Edit: /a/b.py"),
        ("TaskCreate", {"subject": "mend it", "description": "all of it"}, "TaskCreate: mend it"),
        ("EnterWorktree", {}, "EnterWorktree"),
        ("Bash", {"command": 7}, "Bash"),
    ],
)
def test_a_line_says_what_on_what(name: str, tool_input: dict[str, Any], line: str) -> None:
    assert tools.title(name, tool_input) == line


def test_places_are_absolute() -> None:
    assert tools.locations({"file_path": "src/../b.py", "offset": 3}, "/work") == (Location(path="/work/b.py", line=3),)
    assert tools.locations({"path": "/etc"}, "/work") == (Location(path="/etc"),)
    assert tools.locations({"path": "", "file_path": 7}, "/work") == ()


@pytest.mark.parametrize(
    ("tool_input", "diffs"),
    [
        ({"file_path": "a", "old_string": "x", "new_string": "y"}, [("/work/a", "x", "y")]),
        ({"file_path": "a", "content": "new"}, [("/work/a", "", "new")]),
        (
            {"file_path": "a", "edits": [{"old_string": "1", "new_string": "2"}, {"old": 1}]},
            [("/work/a", "1", "2")],
        ),
        ({"command": "ls"}, []),
    ],
)
def test_the_changes_that_are_asked_for(tool_input: dict[str, Any], diffs: list[tuple[str, str, str]]) -> None:
    wanted = [Diff(path=path, old_text=old, new_text=new) for path, old, new in diffs]
    assert list(tools.diffs_wanted(tool_input, "/work")) == wanted


@pytest.mark.parametrize(
    ("outcome", "diff"),
    [
        ({"filePath": "/a", "oldString": "x", "newString": "y", "originalFile": "xx"}, ("/a", "x", "y")),
        ({"type": "create", "filePath": "/a", "content": "new", "originalFile": None}, ("/a", "", "new")),
        ({"type": "update", "filePath": "/a", "content": "new", "originalFile": "old"}, ("/a", "old", "new")),
    ],
)
def test_the_changes_that_were_made(outcome: dict[str, Any], diff: tuple[str, str, str]) -> None:
    path, old, new = diff
    assert tools.diffs_done(outcome) == (Diff(path=path, old_text=old, new_text=new),)


@pytest.mark.parametrize("outcome", [None, "text", {"filePath": "/a", "plan": "x"}, {"stdout": "x"}])
def test_other_outcomes_change_no_file(outcome: Any) -> None:
    assert tools.diffs_done(outcome) == ()


def test_the_text_of_an_outcome() -> None:
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "x" * 1000}}
    assert tools.result_text("plain") == ("plain", False)
    assert tools.result_text([{"type": "text", "text": "seen"}, image, {"type": "new"}]) == (
        "seen\n[image image/png]\n[new]",
        False,
    )
    text, is_cut = tools.result_text("x" * (MAX_RESULT + 1))
    assert is_cut
    assert len(text.encode()) <= MAX_RESULT
