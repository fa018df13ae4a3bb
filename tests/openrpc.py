"""The OpenRPC document as a judge of what is said: a frame, or a part of one, against its schema.

It is stricter than a client should be: what a schema does not name is a fault, so that the document can't fall behind.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from jsonschema import Draft7Validator

from jelmored.control.methods import document

Json = Any

OPEN = {"System", "ErrorData"}
"""Values with further members, by their kind."""


def faults(schema: Mapping[str, Any], value: Json) -> list[str]:
    """What is wrong with a value, a line for each. References lead into the document."""
    whole = {**_closed(dict(schema)), "components": _components()}
    return [f"{error.json_path}: {error.message[:300]}" for error in Draft7Validator(whole).iter_errors(value)]


def faults_of_request(frame: Mapping[str, Any]) -> list[str]:
    """Of what a client sends."""
    params = _method(frame["method"])["params"]
    required = [param["name"] for param in params if param["required"]]
    properties = {param["name"]: param["schema"] for param in params}
    return faults({"type": "object", "properties": properties, "required": required}, frame["params"])


def faults_of_answer(frame: Mapping[str, Any], method: str | None) -> list[str]:
    """Of what the daemon sends: a reply to a request for `method`, or else a notification."""
    if "error" in frame:
        known = document()["components"]["errors"].get(frame["error"]["data"]["kind"])
        if known is None or known["code"] != frame["error"]["code"]:
            return [f"an unknown error: {frame['error']}"]
        return faults({"$ref": "#/components/schemas/ErrorData"}, frame["error"]["data"])
    if "result" in frame:
        assert method is not None
        return faults(_method(method)["result"]["schema"], frame["result"])
    notifications = {one["name"]: one["params"] for one in document()["x-notifications"]}
    return faults(notifications[frame["method"]], frame["params"])


def _method(name: str) -> Mapping[str, Any]:
    methods: Mapping[str, Mapping[str, Any]] = {method["name"]: method for method in document()["methods"]}
    return methods[name]


@cache
def _components() -> Mapping[str, Any]:
    schemas = document()["components"]["schemas"]
    return {"schemas": {name: schema if name in OPEN else _closed(schema) for name, schema in schemas.items()}}


def _closed(value: Any) -> Any:
    match value:
        case {"properties": _}:
            return {"additionalProperties": False, **{name: _closed(item) for name, item in value.items()}}
        case dict():
            return {name: _closed(item) for name, item in value.items()}
        case list():
            return [_closed(item) for item in value]
        case _:
            return value
