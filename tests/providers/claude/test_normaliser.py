from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jelmored.domain.events import Draft, ErrorNote, EventType, System, ToolResult, ToolUse
from jelmored.domain.ids import RequestId
from jelmored.errors import ErrorKind
from jelmored.providers.base import Asked, RunEvent, RunFacts, TurnOver, Withdrawn
from jelmored.providers.bounds import MAX_INPUT, MAX_RAW, MAX_RESULT
from jelmored.providers.claude.control import OtherRequest, Reply, Unanswered
from jelmored.providers.claude.normaliser import Normaliser
from jelmored.wire.codec import encode

from . import lines
from .replay import CAPTURES, output


def working() -> Normaliser:
    normaliser = Normaliser("/work")
    normaliser.prompted("uuid-1")
    return normaliser


def drafts(events: list[RunEvent], kind: EventType) -> list[Draft]:
    return [event for event in events if isinstance(event, Draft) and event.event_type is kind]


def test_facts_are_told_when_they_are_new() -> None:
    normaliser = working()
    first = RunFacts(native_id="native-1", used=True, model="claude-opus-4-8[1m]", directory="/work")
    assert normaliser.feed([lines.init()]) == [first]
    assert normaliser.feed([lines.init()]) == []
    (moved,) = normaliser.feed([lines.init(cwd="/work/tree")])
    assert isinstance(moved, RunFacts)
    assert moved.directory == normaliser.place == "/work/tree"


def test_relative_paths_are_meant_from_where_the_agent_is_now() -> None:
    normaliser = working()
    use = lines.whole("m", lines.tool_use("t1", "Read", file_path="a"))
    (draft,) = drafts(normaliser.feed([lines.init(cwd="/work/tree"), use]), EventType.TOOL_USE)
    assert isinstance(draft.metadata, ToolUse)
    assert draft.metadata.locations[0].path == "/work/tree/a"


def test_a_large_outcome_is_cut_and_says_so() -> None:
    (draft,) = drafts(working().feed([lines.tool_result("t1", "x" * (MAX_RESULT + 1))]), EventType.TOOL_RESULT)
    assert isinstance(draft.metadata, ToolResult)
    assert draft.metadata.truncated
    assert draft.content.endswith(f"[cut: {MAX_RESULT + 1} bytes in all]")


def test_a_failed_edit_changed_nothing() -> None:
    outcome = {"filePath": "/a", "oldString": "x", "newString": "y"}
    events = working().feed([
        lines.tool_result("t1", "no", outcome, is_error=True),
        lines.tool_result("t2", "", outcome),
    ])
    assert [
        len(d.metadata.diffs) for d in drafts(events, EventType.TOOL_RESULT) if isinstance(d.metadata, ToolResult)
    ] == [
        0,
        1,
    ]


def test_an_allowance_needs_the_input_that_the_event_does_not_hold() -> None:
    normaliser = working()
    whole = {"file_path": "/a", "content": "x" * (MAX_INPUT + 1)}
    (asked,) = normaliser.feed([lines.asked("r1", "Write", whole)])
    assert isinstance(asked, Asked)
    assert len(json.dumps(asked.request.input)) < len(json.dumps(whole))
    assert normaliser.answered(RequestId("r1")) == whole
    assert normaliser.answered(RequestId("r1")) is None


def test_a_request_is_withdrawn_once_and_only_if_it_waits() -> None:
    normaliser = working()
    cancel = lines.line(type="control_cancel_request", request_id="r1")
    assert normaliser.feed([cancel]) == []
    normaliser.feed([lines.asked("r1", "Bash", {"command": "ls"})])
    assert normaliser.feed([cancel, cancel]) == [Withdrawn(RequestId("r1"))]


def test_no_request_outlives_its_turn() -> None:
    normaliser = working()
    events = normaliser.feed([lines.asked("r1", "Bash", {"command": "ls"}), lines.result()])
    assert [type(event) for event in events] == [Asked, Withdrawn, TurnOver]


def test_what_is_asked_at_a_turns_end_is_not_left_to_wait_in_the_agent() -> None:
    """A subagent in the background would."""
    normaliser = working()
    normaliser.feed([lines.asked("r1", "Bash", {"command": "ls"}), lines.result()])
    assert normaliser.take_control() == [Unanswered(request_id=RequestId("r1"))]
    assert normaliser.answered(RequestId("r1")) is None


def test_the_protocols_own_messages_are_kept_apart() -> None:
    normaliser = working()
    reply = lines.line(type="control_response", response={"subtype": "success", "request_id": "x"})
    hook = lines.line(type="control_request", request_id="h", request={"subtype": "hook_callback"})
    assert normaliser.feed([reply, hook]) == []
    assert [type(message) for message in normaliser.take_control()] == [Reply, OtherRequest]
    assert normaliser.take_control() == []


def test_the_words_of_a_failed_request_are_the_turns_failure() -> None:
    words = lines.whole("m", lines.text("API Error: 500"), error="server_error")
    (over,) = working().feed([words, lines.result(is_error=True, api_error_status=500, result="API Error: 500")])
    assert isinstance(over, TurnOver)
    assert over.failure is not None
    assert (over.failure.kind, over.failure.message) == (ErrorKind.UNAVAILABLE, "API Error: 500")


def test_a_subagents_failed_request_is_an_error_of_its_own() -> None:
    (draft,) = working().feed([lines.whole("m", lines.text("API Error"), parent="t1", error="rate_limit")])
    assert isinstance(draft, Draft)
    assert isinstance(draft.metadata, ErrorNote)


def test_a_quota_of_an_earlier_turn_does_not_date_a_later_failure() -> None:
    normaliser = working()
    rejected = {"status": "rejected", "resetsAt": 1999999999}
    failed = lines.result(is_error=True, api_error_status=429)
    *_, first = normaliser.feed([lines.line(type="rate_limit_event", rate_limit_info=rejected), failed])
    normaliser.prompted("uuid-1")
    (second,) = normaliser.feed([failed])
    assert isinstance(first, TurnOver)
    assert isinstance(second, TurnOver)
    assert [over.failure and over.failure.retry_at is not None for over in (first, second)] == [True, False]


def test_what_is_unknown_survives_and_is_bounded() -> None:
    small, large = {"type": "new", "a": 1}, {"type": "new", "a": "x" * MAX_RAW}
    found = working().feed([json.dumps(small).encode(), json.dumps(large).encode(), b"not json"])
    raws = [event.metadata.raw for event in found if isinstance(event, Draft) and isinstance(event.metadata, System)]
    assert raws[0] == small
    assert len(raws[1]) <= MAX_RAW
    assert raws[2] == "not json"


def test_an_unknown_block_of_an_answer_survives() -> None:
    (draft,) = working().feed([lines.whole("m", {"type": "hologram"})])
    assert isinstance(draft, Draft)
    assert isinstance(draft.metadata, System)
    assert draft.metadata.raw == {"type": "hologram"}


TRAFFIC = st.sampled_from([name for name in CAPTURES if name not in {"what_prompts_default_mode", "multimodal"}])


@given(TRAFFIC, st.data())
def test_traffic_that_is_torn_or_mangled_is_read_to_its_end(name: str, data: st.DataObject) -> None:
    normaliser = working()
    for line in output(name):
        for event in normaliser.feed([data.draw(st.sampled_from(MANGLERS))(line)]):
            if isinstance(event, Draft):
                encode(event.metadata)


def _torn(line: bytes) -> bytes:
    return line[: len(line) // 2]


def _with_unknown_fields(line: bytes) -> bytes:
    return json.dumps(_widened(json.loads(line))).encode()


def _widened(value: Any) -> Any:
    if isinstance(value, dict):
        return {**{key: _widened(item) for key, item in value.items()}, "newer": {"shape": [None]}}
    return [_widened(item) for item in value] if isinstance(value, list) else value


def _without_values(line: bytes) -> bytes:
    message = json.loads(line)
    return json.dumps({key: value if key in {"type", "subtype"} else None for key, value in message.items()}).encode()


MANGLERS: tuple[Callable[[bytes], bytes], ...] = (bytes, _torn, _with_unknown_fields, _without_values)


@pytest.mark.parametrize("name", ["subagent", "two_queued", "control_requests", "edits"])
def test_fields_that_are_new_change_nothing(name: str) -> None:
    plain, widened = working(), working()
    for line in output(name):
        kinds = [type(event) for event in plain.feed([line])]
        assert [type(event) for event in widened.feed([_with_unknown_fields(line)])] == kinds
