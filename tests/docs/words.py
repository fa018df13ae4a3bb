"""The types of the wire in words: what a reader of the protocol page needs to know of a field."""

from __future__ import annotations

import enum
import types
import typing
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Literal, NewType, Union, get_args, get_origin

import attrs

from jelmored.domain.events import EventType, Metadata
from jelmored.domain.models import ModelInfo, ProviderView
from jelmored.domain.prompts import Block
from jelmored.domain.sessions import SessionView
from jelmored.errors import ErrorKind
from jelmored.wire.codec import camel

NAMES: Mapping[type, str] = {SessionView: "Session", ProviderView: "Provider", ModelInfo: "Model"}
"""The protocol's names for values that are called otherwise in the code."""

_PLAIN: Mapping[Any, str] = {
    Block: "Block",
    Metadata: "object",
    ErrorKind: "error kind",
    EventType: "event type",
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    datetime: "time",
    Any: "any",
    types.NoneType: "null",
}


def name_of(cls: type) -> str:
    return NAMES.get(cls, cls.__name__)


def hint_words(hint: Any) -> str:
    """A type as a reader of JSON would say it; the values of an enumeration one by one."""
    if hint in _PLAIN:
        return _PLAIN[hint]
    if isinstance(hint, NewType):
        return hint_words(hint.__supertype__)
    if isinstance(hint, type) and issubclass(hint, enum.StrEnum):
        return " | ".join(f'"{word}"' for word in hint)
    if isinstance(hint, type) and attrs.has(hint):
        return name_of(hint)
    return _generic_words(get_origin(hint), get_args(hint))


def _generic_words(origin: Any, args: tuple[Any, ...]) -> str:
    if origin in (Union, types.UnionType):
        return " | ".join(map(hint_words, args))
    if origin is Literal:
        return " | ".join(f'"{word}"' for word in args)
    if origin is tuple and args[1:] == (...,):
        return f"[{hint_words(args[0])}]"
    if origin is tuple:
        return f"[{', '.join(map(hint_words, args))}]"
    if origin is not None and issubclass(origin, Mapping):
        return "object" if args[1] is Any else f"{{{hint_words(args[0])}: {hint_words(args[1])}}}"
    raise TypeError(f"no words for {origin}")


def fields_of(cls: type) -> Iterator[tuple[str, Any, attrs.Attribute[Any]]]:
    """The name on the wire, the type, and the attribute of each field."""
    hints = typing.get_type_hints(cls)
    for field in attrs.fields(cls):
        yield camel(field.name), hints[field.name], field


def without_none(hint: Any) -> Any:
    """The type of a field that is left out rather than null."""
    left = [arg for arg in get_args(hint) if arg is not types.NoneType]
    if get_origin(hint) not in (Union, types.UnionType) or len(left) == len(get_args(hint)):
        return hint
    return Union[tuple(left)]  # noqa: UP007  # of types that are only known here


def classes_in(hint: Any) -> Iterator[type]:
    """The values of ours inside of a type."""
    if isinstance(hint, type) and attrs.has(hint):
        yield hint
    for arg in get_args(hint):
        yield from classes_in(arg)
