"""The client's half of JSON-RPC: requests out, replies and notifications in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import orjson

from jelmored.errors import ErrorKind

from .errors import RpcError


@attrs.frozen
class Reply:
    """`error` or `result` of the request with this id; an `id` of None answers what could not be read."""

    id: int | None
    result: Any = None
    error: RpcError | None = None


@attrs.frozen
class Notice:
    """A notification, and how many bytes it took on the wire."""

    method: str
    params: Mapping[str, Any] = attrs.field(repr=False)
    size: int


def request(key: int, method: str, params: Mapping[str, Any]) -> str:
    """A frame that asks.

    Raises:
        ValueError: a text in it is none: it came from bytes that are not UTF-8.
    """
    try:
        return orjson.dumps({"jsonrpc": "2.0", "id": key, "method": method, "params": params}).decode()
    except orjson.JSONEncodeError as error:
        raise ValueError(f"{method}: {error}") from None


def read(frame: str) -> Reply | Notice | None:
    """A frame from the daemon; None for one that this client has no use for."""
    message = orjson.loads(frame)
    match message:
        case {"method": str(method), "params": dict(params)} if "id" not in message:
            return Notice(method, params, len(frame))
        case {"id": int() | None as key, "error": {"code": int(code), "message": str(text)} as error}:
            data = error.get("data") or {}
            return Reply(key, error=RpcError(code, data.get("kind", ErrorKind.INTERNAL), text, data))
        case {"id": int(key), "result": result}:
            return Reply(key, result)
        case _:
            return None
