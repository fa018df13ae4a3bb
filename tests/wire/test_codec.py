"""Values to JSON and back."""

from __future__ import annotations

import contextlib
import json
import re
from datetime import UTC, datetime
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jelmored.domain import commands
from jelmored.domain.commands import (
    AdoptSession,
    CompactSession,
    ConfigureSession,
    CreateSession,
    DecideForeign,
    FindPastSessions,
    FindSessions,
    ForkSession,
    Interrupt,
    MoveSession,
    PromptReceipt,
    ResolveApproval,
    SendPrompt,
)
from jelmored.domain.events import METADATA, Event, EventType, OpenItem, System
from jelmored.domain.ids import PromptId, SessionId
from jelmored.domain.models import ModelInfo, ProviderView
from jelmored.domain.permissions import Approval, PermissionMode
from jelmored.domain.prompts import Prompt, TextBlock
from jelmored.domain.sessions import Facts, Limits, SessionView
from jelmored.domain.texts import INSTRUCTIONS, LINE
from jelmored.errors import ErrorKind, Refused
from jelmored.wire import codec

from . import values

KEPT_OR_SENT = [
    Approval,
    CompactSession,
    ConfigureSession,
    CreateSession,
    Facts,
    FindSessions,
    DecideForeign,
    FindPastSessions,
    ForkSession,
    AdoptSession,
    Interrupt,
    ModelInfo,
    MoveSession,
    OpenItem,
    Prompt,
    PromptReceipt,
    ProviderView,
    ResolveApproval,
    SendPrompt,
    SessionView,
]
CAMEL = re.compile(r"[a-z][a-zA-Z0-9]*")


@given(values.of(Event))
def test_an_event_comes_back_as_it_was(event: Event) -> None:
    data = codec.encode(event)
    assert codec.decode(data, Event) == event
    assert codec.encode(codec.decode(data, Event)) == data


@given(st.sampled_from(KEPT_OR_SENT).flatmap(lambda cls: st.tuples(st.just(cls), values.of(cls))))
def test_a_value_comes_back_as_it_was(pair: tuple[type, Any]) -> None:
    cls, value = pair
    assert codec.decode(codec.encode(value), cls) == value


@given(st.lists(values.of(OpenItem), max_size=3).map(tuple))
def test_a_tuple_of_values_is_an_array(items: tuple[OpenItem, ...]) -> None:
    assert codec.decode(codec.encode(items), tuple[OpenItem, ...]) == items


@given(values.of(Event))
def test_an_event_has_the_members_of_the_protocol(event: Event) -> None:
    told = json.loads(codec.encode(event))
    assert list(told) == ["sessionId", "seq", "eventType", "content", "metadata", "timestamp", "turn", "provider"]


OF_EVENTS = [cls for cls in dict.fromkeys(METADATA.values()) if cls is not System]


@pytest.mark.parametrize("cls", [*KEPT_OR_SENT, *OF_EVENTS])
def test_names_are_in_camel_case(cls: type) -> None:
    for field in attrs.fields(cls):
        assert CAMEL.fullmatch(codec.camel(field.name))
        assert "_" not in codec.camel(field.name)


@pytest.mark.parametrize(
    ("name", "told"),
    [("from_", "from"), ("tool_use_id", "toolUseId"), ("input_per_m_tok", "inputPerMTok"), ("seq", "seq")],
)
def test_a_name_of_the_protocol(name: str, told: str) -> None:
    assert codec.camel(name) == told


def test_what_may_be_absent_is_left_out() -> None:
    prompt = SendPrompt(session_id=SessionId("ses_1"), prompt="go")
    assert codec.to_json(prompt) == {"sessionId": "ses_1", "prompt": "go", "whenBusy": "queue"}
    receipt = PromptReceipt(prompt_id=PromptId("prm_1"), disposition="queued", seq=3)
    assert "turn" not in codec.to_json(receipt)


def test_what_must_be_there_is_told_as_null() -> None:
    event = Event(
        session_id=SessionId("ses_1"),
        seq=1,
        event_type=EventType.SYSTEM,
        content="",
        metadata=System(subtype="x"),
        timestamp=datetime(2026, 11, 23, tzinfo=UTC),
        turn=None,
        provider=None,
    )
    told = codec.to_json(event)
    assert (told["turn"], told["provider"]) == (None, None)
    assert told["metadata"] == {"subtype": "x"}
    assert told["timestamp"] == "2026-11-23T00:00:00.000Z"


def test_further_members_of_a_system_event_stand_beside_its_subtype() -> None:
    system = System(subtype="x", data={"promptId": "prm_1"}, raw=[1], native_id="n")
    assert codec.to_json(system) == {"subtype": "x", "promptId": "prm_1", "raw": [1], "nativeId": "n"}


def test_a_prompt_is_a_text_or_blocks() -> None:
    params = {"sessionId": "ses_1", "prompt": [{"type": "text", "text": "go"}]}
    assert codec.from_params(params, SendPrompt).prompt == (TextBlock(text="go"),)
    assert codec.from_params({**params, "prompt": "go"}, SendPrompt).prompt == "go"


def test_members_that_we_do_not_know_are_ignored() -> None:
    assert codec.from_json({"sessionId": "ses_1", "colour": "red"}, Interrupt) == Interrupt(
        session_id=SessionId("ses_1")
    )


SEND = {"sessionId": "ses_1", "prompt": "go"}


@pytest.mark.parametrize(
    ("cls", "value", "faults"),
    [
        (SendPrompt, {"prompt": "go"}, ["required @ sessionId"]),
        (SendPrompt, {}, ["required @ sessionId", "required @ prompt"]),
        (SendPrompt, {**SEND, "sessionId": 1}, ["expected a string, got an integer @ sessionId"]),
        (SendPrompt, {**SEND, "requestKey": True}, None),
        (
            SendPrompt,
            {**SEND, "whenBusy": "now"},
            ["expected one of queue, steer, interrupt, refuse, got 'now' @ whenBusy"],
        ),
        (SendPrompt, {**SEND, "prompt": 3}, ["expected a text or an array of blocks, got an integer @ prompt"]),
        (SendPrompt, {**SEND, "prompt": None}, ["expected a text or an array of blocks, got null @ prompt"]),
        (
            SendPrompt,
            {**SEND, "prompt": [{"type": "text", "text": "a"}, {"type": "film"}]},
            ["a block's type is one of text, image, file, document, not 'film' @ prompt[1]"],
        ),
        (SendPrompt, {**SEND, "prompt": [{"type": "text"}]}, ["required @ prompt[0].text"]),
        (SendPrompt, {**SEND, "prompt": ["go"]}, None),
        (Interrupt, {"sessionId": "s", "dropQueue": 1}, ["expected true or false, got an integer @ dropQueue"]),
        (Interrupt, {"sessionId": "s", "expectedTurn": True}, None),
        (Interrupt, {"sessionId": "s", "expectedTurn": 1.0}, None),
        (Interrupt, {"sessionId": "s", "expectedTurn": "1"}, None),
        (CreateSession, {"cwd": "/", "directories": "/a"}, ["expected an array, got a string @ directories"]),
        (FindSessions, {"limit": False}, ["expected an integer, got true or false @ limit"]),
        (FindSessions, {"status": "asleep"}, None),
        (
            ResolveApproval,
            {"approvalId": "a", "answers": {"q": "yes"}},
            ["expected an array, got a string @ answers['q']"],
        ),
        (
            ResolveApproval,
            {"approvalId": "a", "updatedInput": []},
            ["expected an object, got an array @ updatedInput"],
        ),
        (
            CreateSession,
            {"cwd": "/", "title": "x" * (LINE + 1)},
            [f"expected at most {LINE} characters, got {LINE + 1} @ title"],
        ),
        (CreateSession, {"cwd": "/", "systemPrompt": "x" * (INSTRUCTIONS + 1)}, None),
        (CreateSession, {"cwd": "/", "name": 5}, ["expected a string, got an integer @ name"]),
        (CreateSession, {"cwd": "/", "limits": "none"}, ["expected an object, got a string @ limits"]),
        (CreateSession, {"cwd": "/", "limits": [1]}, ["expected an object, got an array @ limits"]),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place(cls: type, value: Any, faults: list[str] | None) -> None:
    with pytest.raises(codec.InvalidValue) as invalid:
        codec.from_json(value, cls)
    assert invalid.value.faults
    if faults is not None:
        assert list(invalid.value.faults) == faults


def test_a_text_of_just_its_bound_is_taken() -> None:
    title = "é" * LINE
    assert codec.from_json({"cwd": "/", "title": title, "name": None}, CreateSession).title == title


@pytest.mark.parametrize("value", [None, [], "go", 3])
def test_what_is_no_object_is_refused(value: Any) -> None:
    for cls in (Interrupt, Limits):  # with members that must be there, and without
        with pytest.raises(codec.InvalidValue, match="expected an object"):
            codec.from_json(value, cls)


@pytest.mark.parametrize("data", [b"", b"{", b"\xff", b"{'a': 1}"])
def test_what_is_not_json_is_refused(data: bytes) -> None:
    with pytest.raises(codec.InvalidValue, match="not JSON"):
        codec.decode(data, Facts)


@given(values.json, st.sampled_from(KEPT_OR_SENT))
def test_any_json_is_a_value_or_is_refused(value: Any, cls: type) -> None:
    with contextlib.suppress(codec.InvalidValue):
        assert isinstance(codec.from_json(value, cls), cls)


def test_parameters_that_do_not_fit_name_their_field() -> None:
    with pytest.raises(Refused) as refused:
        codec.from_params({"sessionId": "s", "prompt": [{"type": "file", "path": 1}], "requestKey": 2}, SendPrompt)
    assert refused.value.kind is ErrorKind.INVALID_PARAMS
    assert refused.value.field == "prompt[0].path"
    assert "requestKey" in refused.value.message


def test_a_word_of_an_enumeration_becomes_its_member() -> None:
    assert codec.from_json("deny", PermissionMode) is PermissionMode.DENY


def test_another_word_is_refused() -> None:
    with pytest.raises(codec.InvalidValue, match=r"expected one of ask, .* got 'always'"):
        codec.from_json("always", PermissionMode)


def test_a_whole_number_will_do_for_a_number() -> None:
    assert codec.from_json(3, float) == 3
    with pytest.raises(codec.InvalidValue):
        codec.from_json(True, float)


def test_every_command_of_the_protocol_is_tried_here() -> None:
    classes = {cls for cls in vars(commands).values() if isinstance(cls, type) and cls.__module__ == commands.__name__}
    assert {cls for cls in classes if attrs.has(cls)} <= set(KEPT_OR_SENT)
    assert set(METADATA) == set(EventType)
