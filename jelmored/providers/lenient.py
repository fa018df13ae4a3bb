"""An agent's JSON as values: strict in what a value can't be without, lenient in the rest, for agents change.

A field that has a default falls back to it when it is missing or holds something unexpected.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import attrs
import cattrs
import orjson

MAX_VALUES = 300_000
"""Of one message: a value of two bytes takes 30 times as much in memory."""
MAX_NUMBER = 2**53 - 1
"""More than that no agent means: beyond it JSON's numbers are no whole ones any more, and clocks and sums overflow."""
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)

MISFITS = (TypeError, ValueError, KeyError, AttributeError)
"""What a converter raises for a value that does not fit."""


def named(key: str, default: Any = attrs.NOTHING) -> Any:
    """A field whose name on the wire is another."""
    return attrs.field(default=default, metadata={"key": key})


def loads(data: bytes) -> Any:
    """JSON that an agent has said, if it fits into a decent piece of memory.

    Raises:
        ValueError: it is none, or has more than `MAX_VALUES` values.
    """
    if _separators(data) > MAX_VALUES and _separators(_STRING.sub(b"", data)) > MAX_VALUES:
        raise ValueError(f"more than {MAX_VALUES} values")
    return orjson.loads(data)


def _separators(data: bytes) -> int:
    return 0 if len(data) <= MAX_VALUES else sum(data.count(mark) for mark in (b"[", b"{", b","))


def lenient_converter() -> cattrs.Converter:
    """Structures attrs classes by the rule above; whoever has unions adds hooks for them."""
    converter = cattrs.Converter(detailed_validation=False)
    converter.register_structure_hook(str, _strictly(str))
    converter.register_structure_hook(int, _strictly(int))
    converter.register_structure_hook(float, _strictly(float, int))
    converter.register_structure_hook(bool, _strictly(bool))
    converter.register_structure_hook(Any, lambda value, _: value)
    converter.register_structure_hook_func(lambda hint: hint == Mapping[str, Any], _mapping)
    converter.register_structure_hook_factory(attrs.has, lambda cls: _reader(cls, converter))
    return converter


def _reader(cls: type[Any], converter: cattrs.Converter) -> Callable[[Any, Any], Any]:
    fields = [(f, f.metadata.get("key", f.name)) for f in attrs.fields(attrs.resolve_types(cls))]

    def structure(value: Any, _: Any) -> Any:
        found = {}
        for field, key in fields:
            if key not in value:
                continue
            try:
                found[field.name] = converter.structure(value[key], field.type)
            except MISFITS:
                if field.default is attrs.NOTHING:
                    raise
        return cls(**found)

    return structure


def _mapping(value: Any, _: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise TypeError("expected an object")
    return value


def _strictly(*kinds: type) -> Callable[[Any, Any], Any]:
    def check(value: Any, _: Any) -> Any:
        if type(value) not in kinds:
            raise TypeError(f"expected {kinds[0].__name__}, got {type(value).__name__}")
        if isinstance(value, int | float) and not -MAX_NUMBER <= value <= MAX_NUMBER:
            raise ValueError("a number that nobody means")
        return value

    return check
