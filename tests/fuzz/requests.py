"""What a client may say on `/v1`, and what it had better not: made from the OpenRPC document, then spoiled."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import attrs
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

Json = Any
Schema = Mapping[str, Any]

DEEP = 40  # levels of a schema that refers to itself are cut there anyway; of what is odd, so many
FATAL = "daemon/shutdown"
"""Never asked with params that are right: it would do it."""


@attrs.frozen
class Said:
    """One frame. `key`: the id of the one answer that it must have; None: any number, or none."""

    text: str
    key: str | None = None
    method: str | None = None


odd: SearchStrategy[Json] = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([
        0,
        -1,
        1.5,
        -0.0,
        1e308,
        (1 << 53) + 1,
        (1 << 63) - 1,
        1 << 63,
        -(1 << 63),
        1 << 64,
        10**40,
    ]),
    st.sampled_from(["", "*", "\x00", "\ud800", "é" * 300, "../..", "/", "~", "ses_x", "x" * 5000, "now", "start"]),
    st.text(max_size=20),
    st.recursive(
        st.integers() | st.text(max_size=3),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
        max_leaves=8,
    ),
    st.integers(1, DEEP).map(lambda depth: json.loads("[" * depth + "]" * depth)),
)


class Requests:
    """Makes them.

    Args:
        document: the OpenRPC document.
        known: values for members of these names that lead further than chance does: ids that there are.
    """

    def __init__(self, document: Schema, known: Mapping[str, Sequence[Json]]) -> None:
        self._methods = {method["name"]: method for method in document["methods"]}
        self._schemas: Schema = document["components"]["schemas"]
        self._known = known

    def talk(self, size: int) -> SearchStrategy[list[Said]]:
        """Frames of one client, each id once."""
        return st.lists(
            st.one_of(self._request(), self._request(), _envelopes(), _noise()), min_size=3, max_size=size
        ).map(lambda said: [_numbered(one, number) for number, one in enumerate(said)])

    def _request(self) -> SearchStrategy[Said]:
        return st.sampled_from(sorted(self._methods)).flatmap(self._call)

    def _call(self, name: str) -> SearchStrategy[Said]:
        params = self._params(self._methods[name]["params"])
        if name == FATAL:
            params = odd.filter(lambda value: not isinstance(value, int | float)).map(lambda it: {"graceSeconds": [it]})
        said = {"jsonrpc": "2.0", "id": "#", "method": name}
        return params.map(lambda given: Said(json.dumps({**said, "params": given}), "#", name))

    def _params(self, params: Sequence[Schema]) -> SearchStrategy[Json]:
        wanted = {one["name"]: self._member(one["name"], one["schema"], 0) for one in params}
        must = {name: wanted[name] for name in (one["name"] for one in params if one["required"])}
        may = {name: one for name, one in wanted.items() if name not in must}
        right = st.fixed_dictionaries(must, optional=may)
        short = st.fixed_dictionaries({}, optional=wanted)
        names = st.sampled_from(sorted(wanted)) if wanted else st.text(max_size=5)
        return st.one_of(right, right, right, short, st.builds(_with, right, names, odd))

    def _member(self, name: str, schema: Schema, depth: int) -> SearchStrategy[Json]:
        right = self._value(schema, depth)
        if name in self._known:
            right = st.one_of(st.sampled_from(self._known[name]), right)
        return st.one_of(*[right] * 20, odd)

    def _value(self, schema: Schema, depth: int) -> SearchStrategy[Json]:
        if depth > 4 or not schema:
            return odd
        if "$ref" in schema:
            return self._value(self._schemas[schema["$ref"].rpartition("/")[2]], depth + 1)
        for word in ("anyOf", "oneOf"):
            if word in schema:
                return st.one_of(*(self._value(one, depth + 1) for one in schema[word]))
        if "enum" in schema or "const" in schema:
            return st.sampled_from(schema.get("enum") or [schema["const"]])
        kind = schema.get("type")
        if isinstance(kind, list):
            return st.one_of(*(self._value({**schema, "type": one}, depth) for one in kind))
        return self._of_kind(kind, schema, depth)

    def _of_kind(self, kind: str | None, schema: Schema, depth: int) -> SearchStrategy[Json]:
        match kind:
            case "object":
                inner = {name: self._member(name, one, depth + 1) for name, one in schema.get("properties", {}).items()}
                must = {name: inner.pop(name) for name in schema.get("required", ()) if name in inner}
                return st.fixed_dictionaries(must, optional=inner)
            case "array":
                return st.lists(self._value(schema.get("items", {}), depth + 1), max_size=3)
            case "integer":
                return st.integers(-2, 600) | st.integers()
            case "number":
                return st.floats(allow_nan=True, allow_infinity=True)
            case "boolean":
                return st.booleans()
            case "null":
                return st.none()
            case "string":
                return st.text(max_size=30) | st.text(max_size=300)
        return odd


def _with(given: Mapping[str, Json], name: str, value: Json) -> Json:
    return {**given, name: value}


def _envelopes() -> SearchStrategy[Said]:
    """Something is odd about the message itself."""
    whole = st.fixed_dictionaries(
        {},
        optional={
            "jsonrpc": st.sampled_from(["2.0", "1.0", 2.0, None]),
            "id": odd,
            "method": st.sampled_from(["ping", "daemon/status", "no/such", "", "rpc.discover"]) | odd,
            "params": odd,
            "extra": odd,
        },
    )
    notification = st.sampled_from(["ping", "session/list", "initialize", "x"]).map(
        lambda name: Said(json.dumps({"jsonrpc": "2.0", "method": name, "params": {}}))
    )
    twice = st.just(Said('{"jsonrpc":"2.0","id":1,"id":"#","method":"x","method":"ping","params":{}}', "#", "ping"))
    return st.one_of(whole.map(lambda it: Said(json.dumps(it))), notification, twice)


def _noise() -> SearchStrategy[Said]:
    """Hardly JSON."""
    return st.one_of(
        st.sampled_from([
            "",
            "null",
            "NaN",
            "[]",
            "[{}]",
            "{",
            '"',
            "\ufeff{}",
            "[" * 3000,
            '{"a":' * 2000,
            "\x00",
            "1e999",
        ]),
        st.text(max_size=50).filter(lambda text: text.isprintable()),
        st.lists(st.just({"jsonrpc": "2.0", "id": 1, "method": "ping"}), max_size=3).map(json.dumps),
    ).map(Said)


def _numbered(said: Said, number: int) -> Said:
    if said.key is None:
        return said
    return attrs.evolve(said, text=said.text.replace('"#"', f'"r{number}"', 1), key=f"r{number}")
