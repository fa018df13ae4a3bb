"""The OpenRPC document: protocol 1 for programs, made from the table of methods and the types of what is said.

`rpc.discover` answers with it and `jelmored openrpc` prints it. OpenRPC has no words for notifications, close codes and
scopes; they stand in members that begin with `x-`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from jelmored import __version__
from jelmored.errors import RETRYABLE, ErrorKind
from jelmored.wire.messages import NOTIFICATIONS, PROTOCOL_VERSION, ErrorData, Nothing
from jelmored.wire.schemas import Schema, Schemas, words_of

from .method import Method
from .stream import CloseCode

OPENRPC = "1.3.2"

ABOUT = (
    "JSON-RPC 2.0 over WebSocket, on a Unix socket; the first request is `initialize`. Ignore members that you don't "
    "know. docs/protocol.md has the words, the order of things and example conversations."
)


def document(methods: Iterable[Method[Any, Any]]) -> Schema:
    """All that a client can say and hear."""
    schemas = Schemas()
    told = [_method(method, schemas) for method in methods]
    notifications = [_notification(name, cls, schemas) for name, cls in NOTIFICATIONS.items()]
    schemas.of(ErrorData)
    return {
        "openrpc": OPENRPC,
        "info": {"title": "jelmored control socket", "version": __version__, "description": ABOUT},
        "methods": told,
        "components": {
            "schemas": dict(sorted(schemas.named.items())),
            "errors": {str(kind): _error(kind) for kind in ErrorKind},
        },
        "x-protocolVersion": PROTOCOL_VERSION,
        "x-notifications": notifications,
        "x-closeCodes": [{"code": int(code), "meaning": code.meaning} for code in CloseCode],
    }


def _method(method: Method[Any, Any], schemas: Schemas) -> Schema:
    return {
        "name": method.name,
        "description": method.words,
        "x-scope": str(method.scope),
        "paramStructure": "by-name",
        "params": _params(method.params, schemas, read=True),
        "result": {"name": "result", "schema": _result(method.results, schemas)},
    }


def _params(cls: type, schemas: Schemas, *, read: bool) -> list[Schema]:
    """OpenRPC wants those that must be there first."""
    fields = schemas.fields(cls, read=read)
    params = [{"name": name, "required": always, "schema": schema} for name, always, schema in fields]
    return sorted(params, key=lambda param: not param["required"])


def _result(results: tuple[Any, ...], schemas: Schemas) -> Schema:
    if results == (Nothing,):
        return {"type": "object"}
    told = [schemas.of(cls) for cls in results]
    return told[0] if len(told) == 1 else {"oneOf": told}


def _notification(name: str, cls: type, schemas: Schemas) -> Schema:
    """`params` is the schema of the whole object: which members an event has depends on its type."""
    return {"name": name, "description": words_of(cls), "params": schemas.of(cls)}


def _error(kind: ErrorKind) -> Schema:
    return {"code": kind.code, "message": kind.meaning, "data": {"kind": str(kind), "retryable": kind in RETRYABLE}}
