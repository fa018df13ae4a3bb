"""The kinds of values that the configuration knows, each with what is expected in words for whoever wrote it."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from typing import Annotated, Any, get_args, get_origin

import attrs
import cattrs
from cattrs.gen import make_dict_structure_fn

from . import secrets


@attrs.frozen
class Between:
    """Bounds of a number, both inclusive; use it in `Annotated`."""

    low: float
    high: float

    def __str__(self) -> str:
        return f"from {self.low} to {self.high}"


Count = Annotated[int, Between(1, 10_000)]
CountOrNone = Annotated[int, Between(0, 10_000)]
"""0 means none."""
Seconds = Annotated[float, Between(0.1, 31_536_000)]
SecondsOrNone = Annotated[float, Between(0, 31_536_000)]
"""0 means no limit."""

_WORDS = {
    str: "a string",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    list: "an array",
    dict: "a table",
    type(None): "null",
}


class Unexpected(ValueError):
    """A value that is not what its key wants. `choices`: where only certain words are right."""

    def __init__(self, message: str, *, got: str = "", choices: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.got = got
        self.choices = choices


def converter() -> cattrs.Converter:
    """Structures settings: strictly, and with a word for the reader in each refusal."""
    made = cattrs.Converter(forbid_extra_keys=True, detailed_validation=True)
    for kind in (int, float, bool):
        made.register_structure_hook(kind, _exactly(kind))
    made.register_structure_hook(str, _string)
    made.register_structure_hook_func(_origin_is(Annotated), _bounded)
    made.register_structure_hook(enum.StrEnum, _one_of)  # or the hook of str, its base, would let any word through
    made.register_structure_hook_func(_origin_is(tuple), _array(made))
    made.register_structure_hook_func(_origin_is(Mapping), _mapping(made))
    made.register_structure_hook_factory(attrs.has, lambda cls: _table(made, cls))
    return made


def _origin_is(origin: Any) -> Callable[[Any], bool]:
    def check(hint: Any) -> bool:
        found: Any = get_origin(hint)
        return found is origin

    return check


def _is(kind: type, value: Any) -> bool:
    return type(value) is kind or (kind is float and type(value) is int)


def _expected(what: str, value: Any) -> Unexpected:
    return Unexpected(f"expected {what}, got {_WORDS.get(type(value), type(value).__name__)}")


def _exactly(kind: type) -> Callable[[Any, Any], Any]:
    def check(value: Any, _: Any) -> Any:
        if not _is(kind, value):
            raise _expected(_WORDS[kind], value)
        return value

    return check


def _string(value: Any, _: Any) -> str:
    if isinstance(value, dict):
        try:
            return secrets.fetched(value)
        except ValueError as error:
            raise Unexpected(str(error)) from error
    if not isinstance(value, str):
        raise _expected("a string", value)
    return value


def _bounded(value: Any, hint: Any) -> Any:
    kind, bounds = get_args(hint)
    if not _is(kind, value):
        raise _expected(f"{_WORDS[kind]} {bounds}", value)
    if not bounds.low <= value <= bounds.high:
        raise Unexpected(f"expected {_WORDS[kind]} {bounds}, got {value}")
    return value


def _one_of(value: Any, hint: type[enum.StrEnum]) -> enum.StrEnum:
    choices = tuple(hint)
    if not isinstance(value, str):
        raise _expected(f"one of {', '.join(choices)}", value)
    if value not in choices:
        raise Unexpected(f"expected one of {', '.join(choices)}", got=value, choices=choices)
    return hint(value)


def _array(made: cattrs.Converter) -> Callable[[Any, Any], Any]:
    def check(value: Any, hint: Any) -> Any:
        if not isinstance(value, list):
            raise _expected("an array", value)
        items: Any = list[get_args(hint)[0]]  # type: ignore[misc]
        return tuple(made.structure(value, items))

    return check


def _mapping(made: cattrs.Converter) -> Callable[[Any, Any], Any]:
    def check(value: Any, hint: Any) -> Any:
        items: Any = dict[get_args(hint)]  # type: ignore[misc]
        return made.structure(_needs_table(value), items)

    return check


def _table(made: cattrs.Converter, cls: type[Any]) -> Callable[[Any, Any], Any]:
    structure = make_dict_structure_fn(cls, made)
    return lambda value, hint: structure(_needs_table(value), hint)


def _needs_table(value: Any) -> Any:
    if not isinstance(value, dict):
        raise _expected("a table", value)
    return value
