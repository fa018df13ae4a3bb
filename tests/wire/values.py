"""Any value of ours, as hypothesis strategies drawn from its type alone."""

from __future__ import annotations

import enum
import types
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, NewType, Union, get_args, get_origin

import attrs
from hypothesis import strategies as st

from jelmored.domain.events import METADATA, Event, EventType, System
from jelmored.domain.sessions import Limits
from jelmored.wire import codec
from jelmored.wire.messages import ShapedLike

texts = st.text(st.characters(codec="utf-8"), max_size=20)
numbers = st.floats(allow_nan=False, allow_infinity=False)
integers = st.integers(1, 2**53)
json = st.recursive(
    st.none() | st.booleans() | integers | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)
objects = st.dictionaries(texts, json, max_size=3)
moments = st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(9999, 1, 1), timezones=st.just(UTC)).map(
    lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000)
)

PLAIN: Mapping[Any, st.SearchStrategy[Any]] = {
    str: texts,
    int: integers,
    float: numbers,
    bool: st.booleans(),
    type(None): st.none(),
    datetime: moments,
    Any: json,
}


def of(hint: Any) -> st.SearchStrategy[Any]:
    """Values of a type, as it stands in an annotation."""
    if hint in PLAIN:
        return PLAIN[hint]
    if hint is Event:
        return st.sampled_from(list(METADATA)).flatmap(event)
    if hint is System:
        return system
    if hint is Limits:
        return limits
    if isinstance(hint, NewType):
        return of(hint.__supertype__)
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return st.sampled_from(hint)
    if isinstance(hint, type) and attrs.has(hint):
        return st.deferred(lambda: _built(hint))
    return _generic(get_origin(hint), get_args(hint))


def _generic(origin: Any, args: tuple[Any, ...]) -> st.SearchStrategy[Any]:
    if origin is Literal:
        return st.sampled_from(args)
    if origin in (Union, types.UnionType):
        return st.one_of(*map(of, args))
    if origin is Annotated:
        return of(args[1].hint).map(codec.to_json) if isinstance(args[1], ShapedLike) else of(args[0])
    if origin is tuple and args[-1] is ...:
        return st.lists(of(args[0]), max_size=3).map(tuple)
    if origin is tuple:
        return st.tuples(*map(of, args))
    return st.dictionaries(*map(of, args), max_size=3)


def _built(cls: type, **fixed: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    fields = {field.name: of(field.type) for field in attrs.fields(attrs.resolve_types(cls))}
    return st.builds(cls, **{**fields, **fixed})


system = st.builds(
    System,
    subtype=texts,
    data=st.dictionaries(texts.filter(lambda key: key not in ("subtype", "raw", "nativeId")), json, max_size=3),
    raw=json,
    native_id=st.none() | texts,
)


limits = st.builds(
    Limits,
    max_turns=st.none() | integers,
    turn_seconds=st.none() | st.floats(0.001, 86_400),
    max_cost_usd=st.none() | st.floats(0.001, 86_400),
)


def event(kind: EventType) -> st.SearchStrategy[Event]:
    """Events of one type."""
    return _built(Event, event_type=st.just(kind), metadata=of(METADATA[kind]))
