from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jelmored.domain.permissions import Diff, Location, ToolKind
from jelmored.providers.bounds import MAX_RESULT
from jelmored.providers.opencode import tools

from .values import message, tool

PATCH = """Index: /work/a.txt
===================================================================
--- /work/a.txt
+++ /work/a.txt
@@ -1,3 +1,3 @@
 one
-two
+TWO
 three
@@ -9,1 +9,2 @@
 nine
+ten
\\ No newline at end of file
"""
CHANGED = Diff(path="/work/a.txt", old_text="one\ntwo\nthree\nnine\n", new_text="one\nTWO\nthree\nnine\nten\n")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("read", ToolKind.READ),
        ("write", ToolKind.EDIT),
        ("bash", ToolKind.EXECUTE),
        ("grep", ToolKind.SEARCH),
        ("webfetch", ToolKind.FETCH),
        ("task", ToolKind.OTHER),
        ("server_read", ToolKind.OTHER),
    ],
)
def test_kinds(name: str, kind: ToolKind) -> None:
    assert tools.kind_of(name) is kind


@pytest.mark.parametrize(
    ("name", "tool_input", "line"),
    [
        ("bash", {"command": "make\nmake test", "description": "build"}, "bash: make …"),
        ("edit", {"filePath": "/a/b.py", "oldString": "x"}, "edit: /a/b.py"),
        ("task", {"description": "look", "prompt": "all of it"}, "task: look"),
        ("question", {"questions": [{"question": "Go on?"}]}, "question: Go on?"),
        ("todowrite", {"todos": []}, "todowrite"),
        ("bash", {"command": 7}, "bash"),
    ],
)
def test_a_line_says_what_on_what(name: str, tool_input: dict[str, Any], line: str) -> None:
    assert tools.title(name, tool_input) == line


def test_places_are_absolute() -> None:
    assert tools.locations({"filePath": "src/../b.py", "offset": 3}, "/work") == (Location(path="/work/b.py", line=3),)
    assert tools.locations({"path": "/etc"}, "/work") == (Location(path="/etc"),)
    assert tools.locations({"command": "ls", "workdir": "/etc"}, "/work") == (Location(path="/etc"),)
    assert tools.locations({"path": "", "filePath": 7}, "/work") == ()


@pytest.mark.parametrize(
    ("tool_input", "metadata", "diffs"),
    [
        ({}, {"filepath": "/work/a.txt", "diff": PATCH}, [CHANGED]),
        ({"oldString": "x"}, {"filediff": {"file": "a.txt", "patch": PATCH}}, [CHANGED]),
        ({}, {"files": [{"filePath": "/work/a.txt", "patch": PATCH}, {"x": 1}], "filepath": "a, b"}, [CHANGED]),
        ({"filePath": "a", "content": "new"}, {"exists": False}, [Diff(path="/work/a", old_text="", new_text="new")]),
        (
            {"filePath": "a", "oldString": "x", "newString": "y"},
            {},
            [Diff(path="/work/a", old_text="x", new_text="y")],
        ),
        ({"command": "ls"}, {"output": "x"}, []),
    ],
)
def test_changes(tool_input: dict[str, Any], metadata: dict[str, Any], diffs: list[Diff]) -> None:
    assert list(tools.diffs(tool_input, metadata, "/work")) == diffs


def test_a_patch_that_is_none_changes_nothing() -> None:
    [diff] = tools.diffs({}, {"filepath": "/a", "diff": "?"}, "/work")
    assert (diff.old_text, diff.new_text) == ("", "")


def test_a_call_of_no_tool_keeps_the_name_that_the_model_gave() -> None:
    assert tools.name_of(tool("p", "invalid", "running", {"tool": "nosuch"}, of=message(1))) == "nosuch"
    assert tools.name_of(tool("p", "invalid", "running", {"tool": 7}, of=message(1))) == "invalid"


def test_the_text_of_an_outcome() -> None:
    assert tools.result(tool("p", "bash", "completed", of=message(1), output="out")) == ("out", False)
    assert tools.result(tool("p", "bash", "error", of=message(1), error="no")) == ("no", False)
    assert tools.result(tool("p", "bash", "completed", of=message(1), metadata={"truncated": True})) == ("", True)
    assert tools.result(tool("p", "bash", "completed", of=message(1), output="x" * (MAX_RESULT + 1)))[1]


@given(st.lists(st.text(max_size=5), max_size=8))
def test_an_output_told_over_and_over_adds_up(pieces: list[str]) -> None:
    told, before = "", ""
    for place in range(len(pieces)):
        now = "".join(pieces[: place + 1])
        told += tools.more_of(before, now)
        before = now
    assert told == "".join(pieces)


def test_of_a_capped_output_only_the_new_end_is_told() -> None:
    lines = [f"line {number}\n" for number in range(2000)]
    told, before = "", ""
    for place in range(len(lines)):
        now = "".join(lines[: place + 1])[-5000:]
        told += tools.more_of(before, now)
        before = now
    assert told == "".join(lines)
    assert tools.more_of("nothing of it", "is in here") == "is in here"
