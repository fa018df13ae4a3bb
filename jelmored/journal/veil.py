"""What the journal takes is without the secrets that we know: this is the one place where they are taken out of it.

What is published is what is kept, so a session asks here before it appends, and the journal asks again, for all that
come to it. Texts are looked at and nothing else: ids, names of providers, states and numbers stay, whatever they are.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Literal, NewType, TypeVar, get_args, get_origin

import attrs
import orjson

from jelmored.domain.events import Event, OpenItem
from jelmored.domain.mcp import HttpServer, StdioServer
from jelmored.domain.prompts import DocumentBlock, ImageBlock, Prompt
from jelmored.domain.sessions import Facts
from jelmored.journal.base import Batch, Entry, StoredPrompt
from jelmored.secrecy import Secrets
from jelmored.wire import codec
from jelmored.wire.messages import Exported, Suspended

T = TypeVar("T")

TOLD: Mapping[type, frozenset[str]] = {Facts: frozenset({"title", "rules", "approvals", "warnings"})}
"""What of a session's facts is for people. The rest is what its agent is started with, again after a restart: it stays
as it was given."""
WHOLE = (ImageBlock, DocumentBlock, StdioServer, HttpServer, Suspended, Exported)
"""Bytes of a client's, which their digest names; what an agent is given to connect with; states, which were without
secrets before they were sealed."""


class Veil:
    """Takes them out.

    Args:
        secrets: those that we know now; of what it learns later, nothing that is kept already is free.
    """

    def __init__(self, secrets: Secrets | None = None) -> None:
        self.secrets = secrets or Secrets()

    def batch(self, batch: Batch) -> Batch:
        """The same one if there is nothing to take out: then all that it costs is one look at all of its bytes."""
        if not self.secrets.stand_in(b"\n".join(_bodies(batch))):
            return batch
        return attrs.evolve(
            batch,
            events=tuple(map(self._entry, batch.events)),
            facts=None if batch.facts is None else self._again(batch.facts, Facts),
            queue=None if batch.queue is None else tuple(map(self._prompt, batch.queue)),
            open_items=None if batch.open_items is None else self._again(batch.open_items, tuple[OpenItem, ...]),
            keys=tuple(attrs.evolve(key, answer=self.json(key.answer)) for key in batch.keys),
        )

    def _entry(self, entry: Entry) -> Entry:
        return attrs.evolve(entry, body=self._again(entry.body, Event))

    def _prompt(self, prompt: StoredPrompt) -> StoredPrompt:
        return attrs.evolve(prompt, body=self._again(prompt.body, Prompt))

    def _again(self, body: bytes, kind: Any) -> bytes:
        return codec.encode(self._value(codec.decode(body, kind))) if self.secrets.stand_in(body) else body

    def encode(self, value: Any) -> bytes:
        """As `codec.encode`."""
        body = codec.encode(value)
        return codec.encode(self._value(value)) if self.secrets.stand_in(body) else body

    def json(self, body: bytes) -> bytes:
        """Of JSON that is nothing of ours."""
        return orjson.dumps(self._value(orjson.loads(body))) if self.secrets.stand_in(body) else body

    def value(self, value: T) -> T:
        """The same value, its texts without them."""
        return self._value(value) if self.secrets.stand_in(codec.encode(value)) else value

    def _value(self, value: Any) -> Any:
        match value:
            case enum.Enum():
                return value
            case str():
                return self.secrets.hidden(value)
            case Mapping():
                return {self._value(key): self._value(item) for key, item in value.items()}
            case list() | tuple():
                return type(value)(map(self._value, value))
            case _ if attrs.has(cls := type(value)) and not isinstance(value, WHOLE):
                return attrs.evolve(value, **{name: self._value(getattr(value, name)) for name in _texts(cls)})
        return value


def _bodies(batch: Batch) -> Iterator[bytes]:
    yield from (entry.body for entry in batch.events)
    yield from (prompt.body for prompt in batch.queue or ())
    yield from (key.answer for key in batch.keys)  # approvals that are closed are kept as such
    yield from (body for body in (batch.facts, batch.open_items) if body is not None)


@cache  # types are few
def _texts(cls: type) -> tuple[str, ...]:
    """The fields of a class that may have a text in them. What has a type of its own is an id or a name."""
    told = TOLD.get(cls)
    fields = (field for field in attrs.fields(attrs.resolve_types(cls)) if told is None or field.name in told)
    return tuple(field.name for field in fields if field.init and _may_hold(field.type))


def _may_hold(hint: Any) -> bool:
    if isinstance(hint, NewType) or get_origin(hint) is Literal or hint in (int, float, bool, type(None)):
        return False
    members = get_args(hint)
    return not members or any(map(_may_hold, members))
