"""JSON-RPC 2.0 as protocol 1 speaks it: strict, one message a frame, parameters by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import orjson

from jelmored.errors import RETRYABLE, ErrorKind, Refused

MESSAGE_CHARACTERS = 1000
"""Of an error: it may quote what the client sent, and that may be long."""

RequestKey = int | str
"""A request's id as its client chose it."""


@attrs.frozen
class Request:
    id: RequestKey
    method: str
    params: Mapping[str, Any]


@attrs.frozen
class Notification:
    method: str
    params: Mapping[str, Any]


class BadMessage(Exception):
    """A frame that is no request; `reply` is what its sender is told."""

    def __init__(self, reply: bytes) -> None:
        super().__init__()
        self.reply = reply


def parse(frame: str | bytes) -> Request | Notification:
    """One frame from a client.

    Raises:
        BadMessage: with the error reply; the connection lives on.
    """
    try:
        message = orjson.loads(frame)
    except orjson.JSONDecodeError as error:
        raise _bad(ErrorKind.PARSE_ERROR, f"the frame is not JSON: {error}") from None
    if not isinstance(message, dict):
        raise _bad(ErrorKind.INVALID_MESSAGE, "a frame holds one request object; batches are not spoken here")
    key = message.get("id")
    if "id" in message and not _is_key(key):
        raise _bad(ErrorKind.INVALID_MESSAGE, "id must be a string or an integer")
    if message.get("jsonrpc") != "2.0":
        raise _bad(ErrorKind.INVALID_MESSAGE, 'the member "jsonrpc" must be "2.0"', key)
    method, params = message.get("method"), message.get("params", {})
    if not isinstance(method, str):
        raise _bad(ErrorKind.INVALID_MESSAGE, "method must be a string", key)
    if "id" not in message:  # never answered, whatever its params are
        return Notification(method, params if isinstance(params, dict) else {})
    if not isinstance(params, dict):
        raise _bad(ErrorKind.INVALID_PARAMS, "params must be an object: parameters go by name", key)
    return Request(key, method, params)  # type: ignore[arg-type]


def _is_key(key: object) -> bool:
    return isinstance(key, str) or (isinstance(key, int) and not isinstance(key, bool))


def _bad(kind: ErrorKind, message: str, key: RequestKey | None = None) -> BadMessage:
    return BadMessage(failure(key, Refused(kind, message)))


def result(key: RequestKey, value: Any) -> bytes:
    """The reply to a request. `value` is JSON's own kinds; an `orjson.Fragment` in it goes out as it is."""
    return orjson.dumps({"jsonrpc": "2.0", "id": key, "result": value})


def failure(key: RequestKey | None, refused: Refused) -> bytes:
    """The error reply; protocol 1, section 5 says what stands in `data`."""
    data: dict[str, Any] = {"kind": refused.kind.value, "retryable": refused.kind in RETRYABLE, **refused.data}
    if refused.retry_after is not None:
        data["retryAfterSeconds"] = refused.retry_after
    if refused.remedy is not None:
        data["remedy"] = refused.remedy
    if refused.field is not None:
        data["field"] = refused.field[:MESSAGE_CHARACTERS]
    error = {"code": refused.kind.code, "message": refused.message[:MESSAGE_CHARACTERS], "data": data}
    return orjson.dumps({"jsonrpc": "2.0", "id": key, "error": error})


def notification(method: str, params: bytes) -> bytes:
    """A notification around parameters that are JSON bytes already."""
    return b'{"jsonrpc":"2.0","method":"%b","params":%b}' % (method.encode(), params)
