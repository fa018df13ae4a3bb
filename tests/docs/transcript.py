"""The conversations of the protocol page: how messages stand there, and what two of them have in common.

`→` is what a client sends, `←` what it gets, `#` a remark; one message each, a long one goes on in indented lines. A
line of `…` stands for deltas that are left out. All but the first are abridged: what is the same each time is left out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

import attrs

from .pages import DOCS

PAGE = DOCS / "protocol.md"
PROJECT = "/home/you/project"
WIDTH = 116

_BLOCK = re.compile(r"<!-- recorded: (?P<name>[\w *-]+) -->\n```text\n(?P<text>.*?)```\n<!-- end -->", re.DOTALL)
_BREAK = re.compile(r'(?<=,) (?=["{])')

Json = dict[str, Any]


@attrs.frozen
class Line:
    """A message, or a remark (`{"#": …}`)."""

    mark: str
    message: Json

    @property
    def loose(self) -> bool:
        """How many of these there are, and when, is a matter of chance."""
        return self.message.get("method") in {"session/delta", "session/changed", "provider/changed"}

    @property
    def is_reply(self) -> bool:
        return self.mark == "←" and "id" in self.message


# The page


def names_in(page: str) -> list[str]:
    return [found["name"] for found in _BLOCK.finditer(page)]


def lines_of(page: str, name: str) -> list[Line]:
    """The messages of one conversation."""
    (text,) = (found["text"] for found in _BLOCK.finditer(page) if found["name"] == name)
    whole = re.sub(r"\n {2}", " ", text)
    return [_read(line) for line in whole.splitlines() if line != "…"]


def _read(line: str) -> Line:
    return Line(line[0], {"#": line[2:]} if line[0] == "#" else json.loads(line[2:]))


def page_with(page: str, name: str, lines: Iterable[Line]) -> str:
    """The page with another conversation of this name."""

    def fresh(found: re.Match[str]) -> str:
        if found["name"] != name:
            return found[0]
        return f"<!-- recorded: {name} -->\n```text\n{''.join(_shown(lines))}```\n<!-- end -->"

    return _BLOCK.sub(fresh, page)


def _shown(lines: Iterable[Line]) -> Iterator[str]:
    """Of messages that come by chance, the first one of each kind, and again after a remark."""
    seen: set[str] = set()
    elided = False
    for line in lines:
        if line.mark == "#":
            seen.clear()
        kind = json.dumps([line.message.get("method"), line.message.get("params", {}).get("kind")])
        if line.loose and kind in seen:
            if not elided and line.message["method"] == "session/delta":
                yield "…\n"
                elided = True
            continue
        seen.add(kind)
        elided = False
        text = line.message["#"] if line.mark == "#" else json.dumps(line.message, ensure_ascii=False)
        yield from _folded(f"{line.mark} {text}")


def _folded(line: str) -> Iterator[str]:
    """At most `WIDTH` characters a line, broken between two members."""
    row = ""
    for part in _BREAK.split(line):
        if row and len(row) + len(part) > WIDTH:
            yield f"{row}\n"
            row = " "
        row += f" {part}" if row else part
    yield f"{row}\n"


# What is left out

_DULL_EVENTS = frozenset({"status_change", "thinking", "usage"})
_DULL_MEMBERS = frozenset({"jsonrpc", "timestamp", "nativeId", "provider", "model", "by", "durationMs"})
_TOLD_OF_SESSION = frozenset({"sessionId", "name", "status", "permissionMode", "logId", "seq", "turn"})
_TOLD_OF_APPROVAL = frozenset({"approvalId", "status", "answers", "resolvedBy"})


def abridged(lines: Iterable[Line]) -> list[Line]:
    """Without what tells nothing about the matter at hand; the page says what that is."""
    return [attrs.evolve(line, message=_short(line.message)) for line in lines if not _dull(line.message)]


def _dull(message: Json) -> bool:
    params = message.get("params", {})
    return (
        message.get("method") in {"session/changed", "provider/changed"}
        or params.get("eventType") in _DULL_EVENTS
        or (message.get("method") == "session/delta" and params.get("kind") == "thinking")
    )


def _short(value: Any) -> Any:
    match value:
        case {"logId": _, "cwd": _}:
            return {name: value[name] for name in value if name in _TOLD_OF_SESSION}
        case {"approvalId": _, "resolvedBy": _}:
            return {name: _short(item) for name, item in value.items() if name in _TOLD_OF_APPROVAL}
        case dict():
            return {name: _short(item) for name, item in value.items() if name not in _DULL_MEMBERS}
        case list():
            return [_short(item) for item in value]
        case _:
            return value


# Two conversations


def compare(documented: list[Line], came: list[Line]) -> None:
    """Replies, notifications and what is sent are each in order; between them there is no order."""
    for kind in (_is_sent, _is_reply, _is_told):
        shapes = [[shape(line.message) for line in lines if kind(line)] for lines in (documented, came)]
        assert shapes[0] == shapes[1]
    members = [_members(line.message) for line in came if line.loose]
    assert all(_members(line.message) in members for line in documented if line.loose)


def _is_sent(line: Line) -> bool:
    return line.mark in "→#"


def _is_reply(line: Line) -> bool:
    return line.is_reply


def _is_told(line: Line) -> bool:
    return line.mark == "←" and not line.is_reply and not line.loose


_MATCHED = frozenset({
    *("#", "jsonrpc", "id", "method", "eventType", "kind", "status", "reason", "origin", "disposition", "optionId"),
    *("from", "to", "scope", "permissionMode", "seq", "turn", "head", "provider", "name", "expectedTurn", "whenBusy"),
    *("answers", "updatedInput", "interrupted", "hasMore", "code", "label", "retryable"),
})
"""Members whose value a client matches on, or that are the same each time."""


def shape(value: Any, key: str = "") -> Any:
    """What a message is made of: its members, and of their values what does not change from time to time."""
    match value:
        case _ if key in _MATCHED:
            return value
        case dict():
            return {_known(name): shape(item, name) for name, item in value.items()}
        case list():
            return [shape(item) for item in value]
        case bool() | None:
            return value
        case int() | float():
            return "a number"
        case _:
            return "a text"


def _known(name: str) -> str:
    """An id may be a key."""
    return "an id" if re.fullmatch(r"[a-z]{3}_[a-z2-7]{16}", name) else name


def _members(value: Any) -> Any:
    """What a message by chance is made of: its members alone."""
    return {name: _members(item) for name, item in value.items()} if isinstance(value, dict) else None
