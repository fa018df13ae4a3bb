"""The types of the wire in words: what a reader of the protocol page needs to know of a field."""

from __future__ import annotations

import enum
import types
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, NewType, Union, get_args, get_origin

import attrs

from jelmored.domain.events import EventType, Metadata
from jelmored.domain.prompts import Block
from jelmored.errors import ErrorKind
from jelmored.wire.messages import ShapedLike
from jelmored.wire.schemas import name_of

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
    if origin is Annotated:
        return hint_words(args[1].hint if isinstance(args[1], ShapedLike) else args[0])
    if origin is Literal:
        return " | ".join(f'"{word}"' for word in args)
    if origin is tuple and args[1:] == (...,):
        return f"[{hint_words(args[0])}]"
    if origin is tuple:
        return f"[{', '.join(map(hint_words, args))}]"
    if origin is not None and issubclass(origin, Mapping):
        return "object" if args[1] is Any else f"{{{hint_words(args[0])}: {hint_words(args[1])}}}"
    raise TypeError(f"no words for {origin}")


def classes_in(hint: Any) -> Iterator[type]:
    """The values of ours inside of a type."""
    if isinstance(hint, type) and attrs.has(hint):
        yield hint
    for arg in get_args(hint):
        yield from classes_in(arg)
