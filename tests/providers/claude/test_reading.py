from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jelmored.domain.ids import RequestId
from jelmored.providers.claude.control import CanUseTool, OtherRequest
from jelmored.providers.claude.messages import Assistant, Init, Noise, OtherPart, Replayed, Result, TextPart, Unknown
from jelmored.providers.claude.reading import load, read

from . import lines

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
KINDS = st.sampled_from([
    *("assistant", "user", "result", "system", "stream_event", "rate_limit_event"),
    *("control_request", "control_response", "control_cancel_request", "something new"),
])


@given(st.binary())
def test_any_line_is_read(data: bytes) -> None:
    read(load(data))


@given(KINDS, st.dictionaries(st.sampled_from(["subtype", "message", "event", "request", "response"]), JSON))
def test_a_message_of_any_shape_is_read(kind: str, rest: dict[str, Any]) -> None:
    read({"type": kind, **rest})


@pytest.mark.parametrize(
    "raw",
    [7, [], "text", {}, {"type": 3}, {"type": "new"}, {"type": "system", "subtype": "new"}, {"type": "result"}],
)
def test_what_is_not_known_is_kept_as_it_came(raw: Any) -> None:
    assert read(raw) == Unknown(raw)


def test_what_is_no_json_is_kept_as_text() -> None:
    assert read(load(b"Warning: \xff something")) == Unknown("Warning: \ufffd something")
    assert read(load(b"  \r")) == Noise()


def test_half_a_character_does_not_cost_the_message() -> None:
    data = rb'{"type":"result","subtype":"success","is_error":false,"result":"cut \ud83d"}'
    message = read(load(data))
    assert isinstance(message, Result)
    assert message.result == "cut ?"


def test_a_field_that_we_can_do_without_falls_back() -> None:
    message = read(json.loads(lines.init(slash_commands=[{"name": "new shape"}], apiKeySource=7, newer="field")))
    assert message == Init(session_id="native-1", cwd="/work", model="claude-opus-4-8[1m]")


def test_a_field_that_we_need_makes_it_unknown() -> None:
    assert isinstance(read(json.loads(lines.init(session_id="x")) | {"session_id": None}), Unknown)


def test_a_block_that_is_not_known_is_kept_beside_the_others() -> None:
    message = read(json.loads(lines.whole("m", lines.text("a"), {"type": "hologram"}, {"type": "text"})))
    assert isinstance(message, Assistant)
    assert message.message.content == (
        TextPart(text="a"),
        OtherPart(raw={"type": "hologram"}),
        OtherPart(raw={"type": "text"}),
    )


def test_requests() -> None:
    assert isinstance(read(json.loads(lines.asked("r1", "Bash", {"command": "ls"}))), CanUseTool)
    hook = {"type": "control_request", "request_id": "r2", "request": {"subtype": "hook_callback"}}
    assert isinstance(read(hook), OtherRequest)


@pytest.mark.parametrize("request_", [None, {"subtype": "can_use_tool", "tool_name": "Bash", "input": "a new shape"}])
def test_a_request_that_can_not_be_read_is_one_to_be_refused(request_: Any) -> None:
    raw = {"type": "control_request", "request_id": "r3", "request": request_}
    assert read(raw) == OtherRequest(request_id=RequestId("r3"))


def test_echoes_tell_what_was_taken_up_and_notes_to_the_model_are_noise() -> None:
    told = {"type": "user", "message": {"role": "user", "content": "hello"}, "uuid": "uuid-1"}
    assert read({**told, "isReplay": True}) == Replayed(uuid="uuid-1")
    assert read({**told, "isSynthetic": True}) == Noise()
