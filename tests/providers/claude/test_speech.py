from __future__ import annotations

import json
from typing import Any

from jelmored.domain.events import Draft, EventType, Said, ToolUse
from jelmored.domain.ids import ToolUseId
from jelmored.providers.base import RunEvent, RunFacts
from jelmored.providers.claude.control import ToolRequest
from jelmored.providers.claude.known import Known
from jelmored.providers.claude.messages import Assistant, Result, Streamed, TaskStarted, User
from jelmored.providers.claude.reading import read
from jelmored.providers.claude.speech import Speech

from . import lines


def speech() -> Speech:
    return Speech(Known("/work"))


def hear(to: Speech, *said: bytes) -> list[RunEvent]:
    events: list[RunEvent] = []
    for line in said:
        match message := read(json.loads(line)):
            case Assistant():
                events.extend(to.said(message))
            case User():
                events.extend(to.told(message))
            case Streamed():
                events.extend(to.streamed(message))
            case Result():
                events.extend(to.ended(message))
    return events


def parents(events: list[RunEvent]) -> list[Any]:
    data = [event.metadata for event in events if isinstance(event, Draft)]
    return [found.parent_tool_use_id for found in data if isinstance(found, Said | ToolUse)]


def test_what_a_subagent_says_names_the_tool_use_that_it_works_for() -> None:
    to = speech()
    for number, parent in enumerate(("t1", "t2", None)):
        use = lines.tool_use(f"use-{number}", "Read", file_path="a")
        said = lines.whole(f"m{number}", lines.thinking("hm"), lines.text("so"), use, parent=parent)
        assert parents(hear(to, said)) == [parent] * 3


def test_the_answer_of_a_command_that_nobody_says_is_the_results_text() -> None:
    (draft,) = hear(speech(), lines.result(result="Unknown command: /x", uuid="u1"))
    assert isinstance(draft, Draft)
    assert (draft.event_type, draft.content) == (EventType.ASSISTANT, "Unknown command: /x")


def test_what_was_said_is_not_said_again() -> None:
    to = speech()
    said = lines.whole("m1", lines.text("hello"))
    assert len(hear(to, said, lines.result(result="hello", uuid="u1"))) == 1
    inner = lines.whole("m2", lines.text("inner"), parent="t1")
    assert len(hear(to, inner, lines.result(result="outer", uuid="u2"))) == 2


def test_a_failure_and_an_empty_answer_say_nothing() -> None:
    failed = lines.result(result="API Error", is_error=True, uuid="u1")
    nothing = lines.whole("m1", lines.text("(no content)"))
    synthetic = json.loads(nothing)
    synthetic["message"]["model"] = "<synthetic>"
    assert hear(speech(), failed, json.dumps(synthetic).encode(), lines.result(result=" ", uuid="u2")) == []


def test_the_main_line_alone_fills_the_context() -> None:
    to = speech()
    ended = lines.streamed(type="message_delta", usage={"output_tokens": 5})
    inner = lines.streamed("t1", type="message_delta", usage={"output_tokens": 5})
    assert hear(to, lines.whole("m1", lines.text("x"), parent="t1"), inner) != []
    contexts = [e.context for e in hear(to, inner, ended) if isinstance(e, RunFacts) and e.context]
    assert [context.tokens for context in contexts] == [5]


def test_a_worktree_is_where_it_is_only_if_it_was_entered() -> None:
    to = speech()
    use = lines.whole("m1", lines.tool_use("t1", "EnterWorktree", name="x"))
    failed = lines.tool_result("t1", "no", {"worktreePath": "/work/x"}, is_error=True)
    hear(to, use, failed)
    assert to.known.directory == "/work"
    hear(to, use, lines.tool_result("t1", "yes", {"worktreePath": "/work/x"}))
    assert to.known.directory == "/work/x"


def test_nothing_of_a_turn_is_left_behind_it() -> None:
    to = speech()
    hear(to, lines.whole("m1", lines.tool_use("t1", "EnterWorktree", name="x")))
    to.turn_over()
    hear(to, lines.tool_result("t1", "yes", {"worktreePath": "/work/x"}))
    assert to.known.directory == "/work"


def test_a_tool_of_a_subagent_that_is_asked_for_first_is_told_once() -> None:
    to = speech()
    to.tasks.started(TaskStarted(task_id="a1", tool_use_id=ToolUseId("t1")))
    request = ToolRequest(tool_name="Read", input={"file_path": "f"}, tool_use_id=ToolUseId("t9"), agent_id="a1")
    (use,) = to.asked(request)
    assert isinstance(use.metadata, ToolUse)
    assert (use.metadata.tool_use_id, use.metadata.parent_tool_use_id) == ("t9", "t1")
    assert to.asked(request) == []
    assert hear(to, lines.whole("m1", lines.tool_use("t9", "Read", file_path="f"), parent="t1")) == []


def test_in_the_main_line_a_tool_is_used_before_it_is_asked_for() -> None:
    assert speech().asked(ToolRequest(tool_name="Read", input={}, tool_use_id=ToolUseId("t9"))) == []
