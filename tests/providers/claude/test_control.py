from __future__ import annotations

import json
from typing import Any

import pytest

from jelmored.providers.claude.control import Account, CanUseTool, HookCall, OtherRequest, Reply
from jelmored.providers.claude.reading import read

from . import lines

HOOK = {"subtype": "hook_callback", "callback_id": "before", "input": {"cwd": "/work", "tool_name": "Read"}}


def request(body: dict[str, Any]) -> Any:
    return read({"type": "control_request", "request_id": "r1", "request": body})


def test_what_is_asked_of_us() -> None:
    assert isinstance(read(json.loads(lines.asked("r1", "Bash", {"command": "ls"}))), CanUseTool)
    call = request({**HOOK, "tool_use_id": "t1"})
    assert isinstance(call, HookCall)
    assert (call.request.callback_id, call.request.input.cwd, call.request.tool_use_id) == ("before", "/work", "t1")
    assert request({"subtype": "mcp_message"}) == OtherRequest(request_id=call.request_id)


@pytest.mark.parametrize("body", [{"subtype": "hook_callback"}, {**HOOK, "input": {}}, {**HOOK, "callback_id": 1}])
def test_a_request_that_can_not_be_read_is_answered_all_the_same(body: dict[str, Any]) -> None:
    assert isinstance(request(body), OtherRequest)


def test_an_answer_may_be_of_any_of_our_requests() -> None:
    envelope = {"request_id": "x", "subtype": "success", "response": {"errors": {"a": "ENOENT"}, "cancelled": True}}
    reply = read({"type": "control_response", "response": envelope})
    assert isinstance(reply, Reply)
    assert (reply.response.response.errors, reply.response.response.cancelled) == ({"a": "ENOENT"}, True)
    refused = read({"type": "control_response", "response": {"request_id": "x", "subtype": "error", "error": "no"}})
    assert isinstance(refused, Reply)
    assert refused.response.error == "no"


@pytest.mark.parametrize(
    ("account", "logged_in", "words"),
    [
        (Account(token_source="none", api_provider="firstParty"), False, "none"),
        (Account(token_source="none", api_key_source="ANTHROPIC_API_KEY", api_provider="firstParty"), True, None),
        (Account(subscription="max", email="me@x"), True, "me@x"),
        (Account(api_provider="bedrock"), True, None),
    ],
)
def test_who_pays(account: Account, logged_in: bool, words: str | None) -> None:
    assert account.logged_in is logged_in
    if words:
        assert account.words == words
