"""What the protocol page takes from the code: methods, values, events, limits, close codes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from jelmored.control import connection, dialogue, outbound, server
from jelmored.control.handlers.checks import MAX_PAGE
from jelmored.control.metering import MAX_MESSAGE_BYTES
from jelmored.control.method import Method
from jelmored.control.methods import METHODS
from jelmored.control.stream import WRITE_SECONDS, CloseCode
from jelmored.domain import texts
from jelmored.domain.events import METADATA, Event, System
from jelmored.domain.models import ModelInfo, ProviderView
from jelmored.domain.permissions import Approval
from jelmored.domain.prompts import DocumentBlock, FileBlock, ImageBlock, TextBlock
from jelmored.domain.sessions import SessionView
from jelmored.journal.base import PAGE_BYTES
from jelmored.notify.notices import Notice
from jelmored.sessions import hub
from jelmored.sessions.record import bounds
from jelmored.sessions.turn import attachments, queue
from jelmored.wire.messages import NOTIFICATIONS, Nothing
from jelmored.wire.schemas import fields_of, left_out, name_of, without_none

from .pages import Block, Table
from .words import classes_in, hint_words

LARGE = (SessionView, Approval, ProviderView, ModelInfo)
"""Values with a table of their own; others stand together in one."""

BLOCKS = (TextBlock, ImageBlock, FileBlock, DocumentBlock)


def blocks() -> Mapping[str, Block]:
    return {
        "methods": Table(
            ("method", "scope", "params", "result", ""), tuple(map(_method, METHODS.values())), words=False
        ),
        "blocks": Table(("type", "further fields", ""), tuple((f"`{_type(cls)}`", _given(cls)) for cls in BLOCKS)),
        **{name_of(cls).lower(): _table_of(cls) for cls in LARGE},
        "values": Table(("value", "fields", ""), tuple((f"**{name_of(cls)}**", _told(cls)) for cls in _small())),
        "notifications": Table(("notification", "params", "to whom"), tuple(map(_notification, NOTIFICATIONS))),
        "event": _table_of(Event),
        "notice": _table_of(Notice),
        "events": Table(("eventType", "metadata", "content, and when"), tuple(_events())),
        "limits": Table(("what", "limit", "past it"), tuple(_limits())),
        "close codes": Table(("code", ""), tuple((str(int(code)), code.meaning) for code in CloseCode), words=False),
    }


# Methods


def _method(method: Method[Any, Any]) -> tuple[str, ...]:
    return f"`{method.name}`", method.scope, _params(method), _result(method), method.words


def _params(method: Method[Any, Any]) -> str:
    return "" if method.params is Nothing else _given(method.params)


def _result(method: Method[Any, Any]) -> str:
    return " or ".join(
        f"[{name_of(cls)}](#{name_of(cls).lower()})" if cls in LARGE else _told(cls) for cls in method.results
    )


def _given(cls: type) -> str:
    """What a client says, a line a field: one with a `?` may be left out, and is what stands behind it then."""
    return "<br>".join(
        f"`{name}{'' if field.default is attrs.NOTHING else '?'}: {hint_words(without_none(hint))}{_default(field)}`"
        for name, hint, field in fields_of(cls)
        if not (name == "type" and cls in BLOCKS)
    )


def _type(cls: type) -> str:
    return str(attrs.fields_dict(cls)["type"].default)


def _told(cls: type) -> str:
    """What the daemon says, a line a field: one with a `?` is left out when there is nothing."""
    if cls is Nothing:
        return "`{}`"
    if not attrs.has(cls):
        return f"`{hint_words(cls)}`"
    return "<br>".join(f"`{name}: {words}`" for name, words in _said(cls))


def _said(cls: type) -> Iterator[tuple[str, str]]:
    if cls is System:
        yield from (("subtype", "string"), ("…", "any"), ("raw?", "any"), ("nativeId?", "string"))
        return
    for name, hint, field in fields_of(cls):
        yield (f"{name}?", hint_words(without_none(hint))) if left_out(field) else (name, hint_words(hint))


def _default(field: attrs.Attribute[Any]) -> str:
    match field.default:
        case str() as value:
            return f' = "{value}"'
        case bool() as value:
            return f" = {str(value).lower()}"
        case int() | float() as value:
            return f" = {value}"
        case _:
            return ""


# Values


def _table_of(cls: type) -> Table:
    return Table(("field", "type", ""), tuple((f"`{name}`", f"`{words}`") for name, words in _said(cls)))


def _small() -> list[type]:
    """Every value that is a part of another one, and has no place of its own in the page."""
    found: dict[type, None] = {}
    for method in METHODS.values():
        for cls in (method.params, *method.results):
            _collect(cls, found)
    for cls in {*METADATA.values(), *NOTIFICATIONS.values()} - {Event}:
        _collect(cls, found)
    return sorted((cls for cls in found if cls not in {*LARGE, *BLOCKS}), key=name_of)


def _collect(cls: type, found: dict[type, None]) -> None:
    if not attrs.has(cls):
        return
    for _, hint, _ in fields_of(cls):
        for inner in classes_in(hint):
            if inner not in found:
                found[inner] = None
                _collect(inner, found)


# Notifications and events


def _notification(name: str) -> tuple[str, str]:
    cls = NOTIFICATIONS[name]
    return f"`{name}`", "an event, below" if cls is Event else _told(cls)


def _events() -> Iterator[tuple[str, str]]:
    for kind, cls in METADATA.items():
        yield f"`{kind}`", "[Approval](#approval)" if cls is Approval else _told(cls)


# Figures


def _limits() -> Iterator[tuple[str, str]]:
    yield "one message, either way", _size(MAX_MESSAGE_BYTES)
    yield "clients", str(server.MAX_CLIENTS)
    yield "connections that are not upgraded yet", str(server.MAX_WAITING)
    yield "time for the upgrade", f"{server.UPGRADE_SECONDS} s"
    yield "time for `initialize`", f"{dialogue.INITIALIZE_SECONDS} s"
    yield "requests in flight, of one client", str(dialogue.MAX_IN_FLIGHT)
    yield "notifications that wait for a client", f"{outbound.MAX_NOTICES}, {_size(outbound.MAX_NOTICE_BYTES)}"
    yield "time in which a client takes nothing at all", f"{WRITE_SECONDS} s"
    yield "time between two pings of the daemon", f"{connection.PING_SECONDS} s"
    yield "time to answer a ping", f"{connection.PONG_SECONDS} s"
    yield "a name, a title, a model, a `requestKey`, each text of `clientInfo`", f"{texts.LINE} characters"
    yield "`systemPrompt`", f"{texts.INSTRUCTIONS} characters"
    yield "an image or a document, in base64", _size(attachments.MAX_BASE64)
    yield "prompts that wait in a session", str(queue.ROOM)
    yield "one event", _size(bounds.MAX_EVENT)
    yield "a page of `session/history`", f"{MAX_PAGE} events, {_size(PAGE_BYTES)}"
    yield "`session/changed` of one session", f"{hub.CHANGES_PER_SECOND} a second"


def _size(count: int) -> str:
    return f"{count // 1024**2} MiB"
