from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from jelmored.client.terminal.clusters import width
from jelmored.client.terminal.spans import Row
from jelmored.client.terminal.tools import REMEMBERED, Tool, Tools, folded
from jelmored.domain.events import Event, ToolResult, ToolUse

from .stage import event


def text(row: Row) -> str:
    return "".join(span.text for span in row)


def use(tools: Tools, tool: str, what: str, **more: Any) -> Tool:
    told = event(1, "tool_use", what, {"toolUseId": tool, "name": "Bash", "kind": "execute", "input": {}, **more})
    assert isinstance(told, Event)
    assert isinstance(told.metadata, ToolUse)
    return tools.used(told, told.metadata)


def end(tools: Tools, tool: str, output: str, **more: Any) -> Tool | None:
    told = event(2, "tool_result", output, {"toolUseId": tool, "isError": False, **more})
    assert isinstance(told, Event)
    assert isinstance(told.metadata, ToolResult)
    return tools.ended(told, told.metadata)


def ended(what: str, output: str, **more: Any) -> Tool:
    tools = Tools()
    use(tools, "t1", what)
    tool = end(tools, "t1", output, **more)
    assert tool is not None
    return tool


def test_a_tool_is_a_line() -> None:
    assert text(use(Tools(), "t1", "make").line("", 40)) == "● execute  make"
    assert text(ended("make", "\nfine\nall\n").line("  ", 40)) == "  ● execute  make  ok  fine (+1 line)"
    assert text(ended("make", "", isError=True).line("", 40)) == "● execute  make  failed"


@given(st.text(max_size=99), st.text(max_size=99), st.integers(1, 60), st.booleans())
def test_it_fits(what: str, output: str, columns: int, failed: bool) -> None:
    assert width(text(ended(what, output, isError=failed).line("", columns))) <= columns


def test_of_an_edit_the_difference_is_shown() -> None:
    lines = "".join(f"{number}\n" for number in range(40))
    diff = {"path": "/home/me/a.py", "oldText": "", "newText": lines}
    tool = ended("a.py", "", diffs=[diff])
    assert text(tool.line("", 40)) == "● execute  a.py  ok  +40 −0"
    shown = [text(row) for row in tool.difference("", "/home/me")]
    assert (shown[0].strip(), shown[-1].strip()) == ("~/a.py", "… 31 more lines: o shows all")


def test_opened_it_shows_all_that_went_in_and_came_out() -> None:
    tools = Tools()
    use(tools, "t1", "write", input={"path": "a", "text": "one\ntwo", "deep": {"a": 1}})
    tool = end(tools, "t1", "done\n")
    assert tool is not None
    assert [text(row) for row in tool.whole("/")] == [
        "● execute  write",
        "  path: a",
        "  text:",
        "    one",
        "    two",
        "  deep:",
        "    {",
        '      "a": 1',
        "    }",
        "  ⎿ ok",
        "    done",
    ]


def test_the_last_is_opened_first_and_those_that_run_before_those_that_ended() -> None:
    tools = Tools()
    for name in ("one", "two", "three"):
        use(tools, name, name)
    end(tools, "one", "")
    end(tools, "two", "")
    opened = [tools.open() for _ in range(4)]
    assert [tool and tool.what for tool in opened] == ["three", "two", "one", None]
    end(tools, "three", "")
    tool = tools.open()
    assert tool is not None
    assert tool.what == "three"


def test_so_many_are_remembered() -> None:
    tools = Tools()
    for number in range(REMEMBERED + 5):
        use(tools, str(number), str(number))
        end(tools, str(number), "")
    assert sum(1 for _ in iter(tools.open, None)) == REMEMBERED
    assert end(tools, "never heard of", "") is None


def test_a_turn_leaves_none_running() -> None:
    tools = Tools()
    use(tools, "t1", "make")
    assert [tool.what for tool in tools.turn_over()] == ["make"]
    assert tools.running == ()


def test_what_came_out_is_folded() -> None:
    assert (folded("", 9), folded("a", 9), folded("\na\n\nb\nc", 99)) == ("", "  a", "  a (+2 lines)")
