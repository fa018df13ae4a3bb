"""Frames of clients, and what they are answered (protocol 1, section 2)."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jelmored.errors import ErrorKind, Refused
from jelmored.wire import jsonrpc
from jelmored.wire.jsonrpc import BadMessage, Notification, Request, parse

from .values import json as any_json
from .values import objects, texts


def frame(**members: Any) -> str:
    return json.dumps({"jsonrpc": "2.0", **members})


def refusal(text: str | bytes) -> tuple[int, Any]:
    """The code that it is answered with, and the id in the answer."""
    with pytest.raises(BadMessage) as bad:
        parse(text)
    reply = json.loads(bad.value.reply)
    assert reply["jsonrpc"] == "2.0"
    assert reply["error"]["data"]["retryable"] is False
    return reply["error"]["code"], reply["id"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (frame(id=1, method="ping"), Request(1, "ping", {})),
        (frame(id="a", method="ping", params={}), Request("a", "ping", {})),
        (frame(id="", method="ping", params={"a": [1]}), Request("", "ping", {"a": [1]})),
        (frame(id=-5, method="ping", extra=True), Request(-5, "ping", {})),
        (frame(method="ping"), Notification("ping", {})),
        (frame(method="ping").encode(), Notification("ping", {})),
        (frame(method="ping", params=[1]), Notification("ping", {})),
        (frame(method="ping", params=None), Notification("ping", {})),
    ],
)
def test_a_message(text: str | bytes, message: Request | Notification) -> None:
    assert parse(text) == message


@pytest.mark.parametrize("text", ["", "{", "nonsense", '{"a": NaN}', b"\xff\xfe", "{'id': 1}", "[" * 100_000])
def test_what_is_not_json(text: str | bytes) -> None:
    assert refusal(text) == (-32700, None)


@pytest.mark.parametrize(
    ("text", "code", "key"),
    [
        ("[]", -32600, None),
        (f"[{frame(id=1, method='ping')}]", -32600, None),
        ("3", -32600, None),
        ("null", -32600, None),
        ('"ping"', -32600, None),
        ("{}", -32600, None),
        ('{"id": 7, "method": "ping"}', -32600, 7),
        ('{"jsonrpc": "1.0", "id": 7, "method": "ping"}', -32600, 7),
        ('{"jsonrpc": 2.0, "id": 7, "method": "ping"}', -32600, 7),
        (frame(id=7), -32600, 7),
        (frame(id=7, method=3), -32600, 7),
        (frame(id=7, method=None), -32600, 7),
        (frame(id=7, method="ping", params=[1]), -32602, 7),
        (frame(id=7, method="ping", params=None), -32602, 7),
        (frame(id="x", method="ping", params="a"), -32602, "x"),
    ],
)
def test_what_is_no_request(text: str, code: int, key: Any) -> None:
    assert refusal(text) == (code, key)


@pytest.mark.parametrize("key", [None, True, False, 1.5, [], {}])
def test_an_id_is_a_string_or_an_integer(key: Any) -> None:
    assert refusal(frame(id=key, method="ping")) == (-32600, None)


@given(st.text() | st.binary() | any_json.map(json.dumps))
def test_any_frame_is_a_message_or_is_answered(text: str | bytes) -> None:
    try:
        parse(text)
    except BadMessage as bad:
        error = json.loads(bad.reply)["error"]
        assert error["code"] in (-32700, -32600, -32602)


@given(st.integers(-(2**53), 2**53) | texts, texts, objects)
def test_a_request_is_read_as_it_was_written(key: int | str, method: str, params: dict[str, Any]) -> None:
    assert parse(frame(id=key, method=method, params=params)) == Request(key, method, params)


def test_a_result() -> None:
    assert json.loads(jsonrpc.result("a", {"seq": 1})) == {"jsonrpc": "2.0", "id": "a", "result": {"seq": 1}}


def test_bytes_in_a_result_go_out_as_they_are() -> None:
    kept = b'{"seq":1,  "content":"x"}'
    assert kept in jsonrpc.result(1, {"events": [orjson.Fragment(kept)]})


def test_a_refusal_says_all_that_it_knows() -> None:
    no = Refused(ErrorKind.OVERLOADED, "too much", remedy="wait", field="a.b", retry_after=2.5, data={"running": 64})
    assert json.loads(jsonrpc.failure(3, no)) == {
        "jsonrpc": "2.0",
        "id": 3,
        "error": {
            "code": -32001,
            "message": "too much",
            "data": {
                "kind": "overloaded",
                "retryable": True,
                "running": 64,
                "retryAfterSeconds": 2.5,
                "remedy": "wait",
                "field": "a.b",
            },
        },
    }


def test_what_a_refusal_quotes_is_cut() -> None:
    refused = Refused(ErrorKind.INVALID_PARAMS, f"there is no {'x' * 100_000}", field="y" * 100_000)
    assert len(jsonrpc.failure(1, refused)) < 3000


def test_a_refusal_leaves_out_what_it_does_not_know() -> None:
    error = json.loads(jsonrpc.failure(None, Refused(ErrorKind.NOT_FOUND, "no")))["error"]
    assert error["data"] == {"kind": "not-found", "retryable": False}


def test_a_notification_is_put_around_bytes() -> None:
    told = jsonrpc.notification("session/event", b'{"seq":1}')
    assert told == b'{"jsonrpc":"2.0","method":"session/event","params":{"seq":1}}'
