"""Values of domain/ to JSON and back. Names are camelCase there; what may be absent (None, no items) is left out."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from types import GenericAlias
from typing import Annotated, Any, TypeVar, get_args, get_origin

import attrs
import cattrs
import orjson
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override

from jelmored.domain.events import METADATA, Event, EventType, System
from jelmored.domain.mcp import HttpServer, McpServer, StdioServer
from jelmored.domain.prompts import Block, DocumentBlock, FileBlock, ImageBlock, TextBlock
from jelmored.domain.texts import AtMost
from jelmored.domain.times import from_rfc3339, to_rfc3339
from jelmored.errors import ErrorKind, Refused

T = TypeVar("T")


@cache
def camel(name: str) -> str:
    """`from_` → `from`, `tool_use_id` → `toolUseId`."""
    head, *rest = name.strip("_").split("_")
    return head + "".join(word.capitalize() for word in rest)


converter = cattrs.Converter(forbid_extra_keys=False, detailed_validation=True)


def _fields(cls: type) -> dict[str, Any]:
    resolved = attrs.resolve_types(cls)
    return {
        field.name: override(rename=camel(field.name), omit_if_default=field.default in (None, ()))
        for field in attrs.fields(resolved)
    }


def _unstructure_factory(cls: type) -> Any:
    return make_dict_unstructure_fn(cls, converter, **_fields(cls))


def _structure_factory(cls: type) -> Any:
    structure: Any = make_dict_structure_fn(cls, converter, **_fields(cls))

    def from_object(value: Any, hint: type) -> Any:
        _expect(dict, value)  # cattrs would take a text for an object in which everything is absent
        return structure(value, hint)

    return from_object


def _system_to_json(value: System) -> dict[str, Any]:
    out: dict[str, Any] = {"subtype": value.subtype, **value.data}
    if value.raw is not None:
        out["raw"] = value.raw
    if value.native_id is not None:
        out["nativeId"] = value.native_id
    return out


def _system_from_json(value: Mapping[str, Any], _: type) -> System:
    rest = {key: item for key, item in value.items() if key not in ("subtype", "raw", "nativeId")}
    return System(subtype=value["subtype"], data=rest, raw=value.get("raw"), native_id=value.get("nativeId"))


_BLOCKS: Mapping[str, type] = {"text": TextBlock, "image": ImageBlock, "file": FileBlock, "document": DocumentBlock}


def _block_from_json(value: Any, _: Any) -> Block:
    kind = value.get("type") if isinstance(value, Mapping) else None
    if not isinstance(kind, str) or kind not in _BLOCKS:
        raise ValueError(f"a block's type is one of {', '.join(_BLOCKS)}, not {kind!r}")
    block: Block = converter.structure(value, _BLOCKS[kind])
    return block


def _mcp_server_from_json(value: Any, _: Any) -> McpServer:
    """A program that has a `command`, or else an address."""
    _expect(dict, value)
    kind: type = StdioServer if "command" in value else HttpServer
    server: McpServer = converter.structure(value, kind)
    return server


def _prompt_from_json(value: Any, _: Any) -> str | tuple[Block, ...]:
    if isinstance(value, str):
        return value
    if not isinstance(value, list):
        raise ValueError(f"expected a text or an array of blocks, got {_WORDS.get(type(value))}")
    return converter.structure(value, tuple[Block, ...])


def _maybe_prompt_from_json(value: Any, _: Any) -> str | tuple[Block, ...] | None:
    return None if value is None else _prompt_from_json(value, _)


def _is_array(hint: Any) -> bool:
    return get_args(hint)[-1:] == (...,)


def _array_from_json(value: Any, hint: Any) -> Any:
    _expect(list, value)  # cattrs would take a text for an array of its letters
    items: Any = GenericAlias(list, get_args(hint)[:1])
    return tuple(converter.structure(value, items))


def _event_from_json(value: Mapping[str, Any], _: type) -> Event:
    kind = EventType(value["eventType"])
    return Event(
        session_id=value["sessionId"],
        seq=value["seq"],
        event_type=kind,
        content=value["content"],
        metadata=converter.structure(value["metadata"], METADATA[kind]),
        timestamp=from_rfc3339(value["timestamp"]),
        turn=value["turn"],
        provider=value["provider"],
    )


def _is_bounded(hint: Any) -> bool:
    return get_origin(hint) is Annotated and isinstance(get_args(hint)[1], AtMost)


def _bounded_from_json(value: Any, hint: Any) -> Any:
    kind, bound = get_args(hint)
    _expect(kind, value)
    if len(value) > bound.characters:
        raise ValueError(f"expected at most {bound.characters} characters, got {len(value)}")
    return value


def _is_map(hint: Any) -> bool:
    return get_origin(hint) is Mapping


def _map_from_json(value: Any, hint: Any) -> Any:
    _expect(dict, value)
    entries: Any = GenericAlias(dict, get_args(hint))
    return converter.structure(value, entries)


def _expect(kind: type, value: Any) -> None:
    if type(value) is not kind and not (kind is float and type(value) is int):
        raise ValueError(f"expected {_WORDS[kind]}, got {_WORDS.get(type(value), type(value).__name__)}")


def _strict(kind: type) -> Any:
    def check(value: Any, _: type) -> Any:
        _expect(kind, value)
        return value

    return check


def _member(value: Any, kind: type[enum.StrEnum]) -> enum.StrEnum:
    try:
        return kind(value)
    except ValueError:
        raise ValueError(f"expected one of {', '.join(kind)}, got {value!r}") from None


_WORDS: Mapping[type, str] = {
    str: "a string",
    int: "an integer",
    float: "a number",
    bool: "true or false",
    list: "an array",
    dict: "an object",
    type(None): "null",
}

for _kind in (str, int, float, bool):
    converter.register_structure_hook(_kind, _strict(_kind))
converter.register_structure_hook(enum.StrEnum, _member)  # or the hook of str, its base, would let any word through
converter.register_unstructure_hook(datetime, to_rfc3339)
converter.register_structure_hook(datetime, lambda value, _: from_rfc3339(value))
converter.register_structure_hook(Any, lambda value, _: value)
converter.register_structure_hook_factory(attrs.has, _structure_factory)
converter.register_unstructure_hook_factory(attrs.has, _unstructure_factory)
converter.register_structure_hook(System, _system_from_json)
converter.register_unstructure_hook(System, _system_to_json)
converter.register_structure_hook(Event, _event_from_json)
converter.register_structure_hook_func(lambda hint: hint == Block, _block_from_json)
converter.register_structure_hook_func(lambda hint: hint == McpServer, _mcp_server_from_json)
converter.register_structure_hook_func(lambda hint: hint == str | tuple[Block, ...], _prompt_from_json)
converter.register_structure_hook_func(lambda hint: hint == str | tuple[Block, ...] | None, _maybe_prompt_from_json)
converter.register_structure_hook_func(_is_array, _array_from_json)
converter.register_structure_hook_func(_is_map, _map_from_json)
converter.register_structure_hook_func(_is_bounded, _bounded_from_json)


def to_json(value: Any) -> Any:
    """A value of ours as JSON's own kinds."""
    return converter.unstructure(value)


def encode(value: Any) -> bytes:
    """A value of ours as JSON bytes. An event is encoded once: the same bytes serve journal, clients, replay."""
    return orjson.dumps(converter.unstructure(value))


def from_json(value: Any, cls: type[T]) -> T:
    """JSON's kinds as a value of ours.

    Raises:
        InvalidValue: with the place of every fault.
    """
    try:
        return converter.structure(value, cls)
    except Exception as error:  # cattrs gathers whatever its hooks raise
        raise InvalidValue(cattrs.transform_error(error, path="", format_exception=_say)) from error


def from_params(value: Mapping[str, Any], cls: type[T]) -> T:
    """The parameters of a request as a value of ours.

    Raises:
        Refused: `invalid-params`, naming the first field at fault and telling of all.
    """
    try:
        return from_json(value, cls)
    except InvalidValue as invalid:
        field = invalid.faults[0].rpartition(" @ ")[2]
        raise Refused(ErrorKind.INVALID_PARAMS, str(invalid), field=field) from None


def decode(data: bytes, cls: type[T]) -> T:
    """JSON bytes as a value of ours; raises `InvalidValue`, also for what is not JSON."""
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise InvalidValue([f"not JSON: {error}"]) from error
    return from_json(value, cls)


class InvalidValue(ValueError):
    """JSON that is not a value of ours. `faults`: one line each, what is wrong and where."""

    def __init__(self, faults: list[str]) -> None:
        self.faults = tuple(_in_camel_case(fault) for fault in faults)
        super().__init__("; ".join(self.faults))


def _in_camel_case(fault: str) -> str:
    what, at, place = fault.rpartition(" @ ")
    return what + at + ".".join(camel(name) for name in place.removeprefix(".").split(".")) if at else fault


def _say(error: BaseException, hint: type | None) -> str:
    if isinstance(error, KeyError):
        return "required"
    return str(error) or type(error).__name__
