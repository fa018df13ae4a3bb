"""The types of the wire as JSON Schema (draft 7): what the codec reads and writes, told to programs and to pages."""

from __future__ import annotations

import enum
import inspect
import re
import types
import typing
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, NewType, TypeAlias, Union, get_args, get_origin

import attrs

from jelmored.domain.events import METADATA, Event, System
from jelmored.domain.models import ModelInfo, ProviderView
from jelmored.domain.prompts import Block
from jelmored.domain.sessions import SessionView
from jelmored.domain.texts import AtMost

from .codec import camel
from .messages import ShapedLike

Schema: TypeAlias = dict[str, Any]

NAMES: Mapping[type, str] = {SessionView: "Session", ProviderView: "Provider", ModelInfo: "Model"}
"""The protocol's names for values that are called otherwise in the code."""

_PLAIN: Mapping[Any, Schema] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    datetime: {"type": "string", "format": "date-time"},
    types.NoneType: {"type": "null"},
    Any: {},
}

_TOLD_BY_TYPE = get_args(Block)
"""Read by their `type`, so it can't be missing."""


def name_of(cls: type) -> str:
    return NAMES.get(cls, cls.__name__)


def fields_of(cls: type) -> Iterator[tuple[str, Any, attrs.Attribute[Any]]]:
    """The name on the wire, the type, and the attribute of each field."""
    hints = typing.get_type_hints(cls, include_extras=True)
    for field in attrs.fields(cls):
        yield camel(field.name), hints[field.name], field


def left_out(field: attrs.Attribute[Any]) -> bool:
    """Such a field is not written while it has its default: there is nothing to say."""
    return field.default in (None, ())


def without_none(hint: Any) -> Any:
    """The type of a field that is left out rather than null."""
    left = [arg for arg in get_args(hint) if arg is not types.NoneType]
    if get_origin(hint) not in (Union, types.UnionType) or len(left) == len(get_args(hint)):
        return hint
    return Union[tuple(left)]  # noqa: UP007  # of types that are only known here


def words_of(thing: Any) -> str:
    """What its docstring says, in one line and in the words of the wire; "" for none of its own."""
    fields = {field.name for field in attrs.fields(thing)} if attrs.has(thing) else set()
    said = vars(thing).get("__doc__") if isinstance(thing, type) else thing.__doc__
    line = " ".join(inspect.cleandoc(said or "").split())
    named = re.sub(r"`(\w+)`", lambda found: f"`{camel(found[1]) if found[1] in fields else found[1]}`", line)
    return re.sub(r"\bNone\b", "absent", named)


@attrs.define
class Schemas:
    """Schemas by name, as far as they were asked for; one refers to another by `place` and name."""

    place: str = "#/components/schemas/"
    named: dict[str, Schema] = attrs.field(factory=dict)

    def of(self, hint: Any, *, read: bool = False) -> Schema:
        """The schema of a type, as it stands in an annotation.

        Args:
            hint: the type.
            read: it comes from a client, so what has a default may be missing; else it is written by the daemon.

        Raises:
            ValueError: a value is read in another form than it is written, so it needs a name for each.
        """
        if hint in _PLAIN:
            return dict(_PLAIN[hint])
        if isinstance(hint, NewType):
            return self.of(hint.__supertype__, read=read)
        if isinstance(hint, type) and (attrs.has(hint) or issubclass(hint, enum.StrEnum)):
            return self._reference(hint, read)
        return self._generic(get_origin(hint), get_args(hint), read)

    def fields(self, cls: type, *, read: bool = False) -> Iterator[tuple[str, bool, Schema]]:
        """The name of each field, whether it is always there, and its schema."""
        for name, hint, field in fields_of(cls):
            schema = self.of(without_none(hint) if left_out(field) else hint, read=read)
            if read and isinstance(field.default, str | int | float):
                schema = {**({"allOf": [schema]} if "$ref" in schema else schema), "default": field.default}
            needed = field.default is attrs.NOTHING or (name == "type" and cls in _TOLD_BY_TYPE)
            yield name, needed if read else not left_out(field), schema

    def _reference(self, cls: type, read: bool) -> Schema:
        name = name_of(cls)
        schema = self._named(cls, read)
        if self.named.setdefault(name, schema) != schema:
            raise ValueError(f"{name} is read in another form than it is written")
        return {"$ref": self.place + name}

    def _named(self, cls: type, read: bool) -> Schema:
        words = words_of(cls)
        return {"title": name_of(cls), **({"description": words} if words else {}), **self._whole(cls, read)}

    def _whole(self, cls: type, read: bool) -> Schema:
        if issubclass(cls, enum.StrEnum):
            return {"type": "string", "enum": [str(member) for member in cls]}
        if cls is System:
            return _object({"subtype": {"type": "string"}, "raw": {}, "nativeId": {"type": "string"}}, ["subtype"])
        if cls is Event:
            return self._event()
        fields = list(self.fields(cls, read=read))
        return _object({name: schema for name, _, schema in fields}, [name for name, always, _ in fields if always])

    def _event(self) -> Schema:
        """One of its types, and the metadata that goes with it."""
        fields = {name: schema for name, _, schema in self.fields(Event) if name != "metadata"}
        kinds = [
            _object({**fields, "eventType": {"const": str(kind)}, "metadata": self.of(metadata)}, [*fields, "metadata"])
            for kind, metadata in METADATA.items()
        ]
        return {"oneOf": [{"title": f"Event {kind}", **schema} for kind, schema in zip(METADATA, kinds, strict=True)]}

    def _generic(self, origin: Any, args: tuple[Any, ...], read: bool) -> Schema:
        if origin is Annotated:
            return self._annotated(args, read)
        if origin is Literal:
            return {"const": args[0]} if len(args) == 1 else {"enum": list(args)}
        if origin in (Union, types.UnionType):
            return {"anyOf": [self.of(arg, read=read) for arg in args]}
        if origin is tuple and args[1:] == (...,):
            return {"type": "array", "items": self.of(args[0], read=read)}
        if origin is tuple:
            items = [self.of(arg, read=read) for arg in args]
            return {"type": "array", "items": items, "minItems": len(items), "maxItems": len(items)}
        if origin is not None and issubclass(origin, Mapping):
            return {"type": "object", "additionalProperties": self.of(args[1], read=read)}
        raise TypeError(f"no schema for {origin}")

    def _annotated(self, args: tuple[Any, ...], read: bool) -> Schema:
        hint, note = args
        if isinstance(note, ShapedLike):
            return self.of(note.hint, read=read)
        if isinstance(note, AtMost):
            return {**self.of(hint, read=read), "maxLength": note.characters}
        raise TypeError(f"no schema for {note}")


def _object(properties: Schema, required: list[str]) -> Schema:
    return {"type": "object", "properties": properties, "required": required}
