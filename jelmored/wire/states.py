"""The state of a session as a JSON document, and back: a version, so that an older daemon knows that it can't read it,
and a digest, so that damage is found before anything is made of it."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import zlib
from collections.abc import Mapping
from typing import Any

import orjson

from jelmored.domain.ids import SessionId
from jelmored.domain.sessions import Facts
from jelmored.domain.state import SessionState
from jelmored.domain.status import IN_TURN
from jelmored.errors import ErrorKind, Refused

from . import codec

FORMAT = "jelmore.session-state"
VERSION = 1
FIELD = "state"
MAX_RECORD = 4 * 1024 * 1024  # bytes of an agent's record, compressed and in base64; the handoff stands in for more
MAX_UNPACKED = 64 * 1024 * 1024
MAX_SEQ = 2**53 - 1
SESSION_ID = re.compile(r"ses_[a-z2-7]{16}")

Document = Mapping[str, Any]
"""A state in JSON's own kinds. To everyone but this module it is opaque."""


def document_of(state: SessionState) -> Document:
    """The same state always gives the same document."""
    sealed = {"format": FORMAT, "version": VERSION, **codec.to_json(state)}
    plain = orjson.loads(orjson.dumps(sealed))
    return {**plain, "digest": digest(plain)}


def state_in(document: Any) -> SessionState:
    """What a document says.

    Raises:
        Refused: `state-invalid`: it is no state, one of a newer version, or damaged; names the place.
    """
    if not isinstance(document, Mapping) or document.get("format") != FORMAT:
        raise invalid("format", "that is not the state of a session", "give what `jelmore stop -o FILE` has written")
    _check_version(document.get("version"))
    if document.get("digest") != _digest_of(document):
        raise invalid("digest", "the state is damaged: its digest does not fit", "take it again where it came from")
    try:
        state = codec.from_json(document, SessionState)
    except codec.InvalidValue as fault:
        place = fault.faults[0].rpartition(" @ ")[2]
        raise invalid(place, str(fault), "it was not written by this version of jelmored") from None
    _check_facts(state.facts)
    return state


def _digest_of(document: Document) -> str | None:
    """What its digest should be; None: it can't be a state."""
    try:
        return digest({name: value for name, value in document.items() if name != "digest"})
    except RecursionError:
        return None


def weight(value: Any) -> int:
    """About how many bytes it has as JSON."""
    size = 0
    todo = [value]
    while todo:
        match todo.pop():
            case str() as text:
                size += len(text)
            case Mapping() as members:
                size += 8 * len(members)
                todo.extend(members.values())
            case list() | tuple() as items:
                size += 8 * len(items)
                todo.extend(items)
    return size


def session_of(document: Any) -> SessionId | None:
    """Whose state a document says that it is; nothing of it has been checked."""
    facts = document.get("facts") if isinstance(document, Mapping) else None
    found = facts.get("sessionId") if isinstance(facts, Mapping) else None
    return SessionId(found) if isinstance(found, str) else None


def invalid(place: str, message: str, remedy: str | None = None) -> Refused:
    """The state can't be used; `place` in the document, empty for all of it."""
    field = f"{FIELD}.{place}" if place else FIELD
    return Refused(ErrorKind.STATE_INVALID, message, remedy=remedy, field=field)


def _check_version(version: Any) -> None:
    if type(version) is not int or version < 1:
        raise invalid("version", f"version is a number from 1 on, not {version!r}")
    if version > VERSION:
        told = f"the state has version {version}; this jelmored knows {VERSION}"
        raise invalid("version", told, "upgrade jelmored here")


def _check_facts(facts: Facts) -> None:
    if not SESSION_ID.fullmatch(facts.session_id):
        raise invalid("facts.sessionId", f"{facts.session_id!r} is no session's id")
    if not 0 <= facts.begins_after <= facts.seq <= MAX_SEQ:
        raise invalid("facts.seq", f"a log from {facts.begins_after + 1} on can't end at {facts.seq}")
    if not all(0 <= point.seq <= facts.seq for point in facts.lineage):
        raise invalid("facts.lineage", f"it can't have come here from behind event {facts.seq}")
    if not 0 <= facts.turn <= MAX_SEQ:
        raise invalid("facts.turn", f"turns are counted from 0, not {facts.turn}")
    if not facts.usage.plausible:
        raise invalid("facts.usage", "no session can have taken so much, or less than nothing")
    if facts.open_turn is not None and facts.status not in IN_TURN:
        raise invalid("facts.status", f"a turn runs, and the status is {facts.status}")


def digest(document: Document) -> str:
    """Of what a document says, whichever program has written it down."""
    written = orjson.dumps(_plain(document), option=orjson.OPT_SORT_KEYS)
    return f"sha256:{hashlib.sha256(written).hexdigest()}"


def _plain(value: Any) -> Any:
    """Some programs write 1.0 as 1."""
    match value:
        case float() if value.is_integer() and abs(value) <= MAX_SEQ:
            return int(value)
        case Mapping():
            return {name: _plain(item) for name, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
    return value


def compressed(record: bytes) -> str | None:
    """An agent's record as a state has it; None: it is too large for one."""
    if len(record) > MAX_UNPACKED:
        return None
    packed = base64.b64encode(zlib.compress(record, level=6)).decode()
    return packed if len(packed) <= MAX_RECORD else None


def decompressed(data: str) -> bytes:
    """The inverse of `compressed`.

    Raises:
        Refused: `state-invalid`: it is not what `compressed` makes.
    """
    try:
        unpacker = zlib.decompressobj()
        record = unpacker.decompress(base64.b64decode(data, validate=True), MAX_UNPACKED)
    except (binascii.Error, ValueError, zlib.error):
        raise invalid("record.data", "the agent's record can't be unpacked") from None
    if not unpacker.eof:
        raise invalid("record.data", f"the agent's record is incomplete, or larger than {MAX_UNPACKED} bytes")
    return record
