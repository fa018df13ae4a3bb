"""The first conversation in the protocol page, as it stands there, and what two such messages have in common.

`→` is what a client sends, `←` what it gets, one message each; a long one goes on in indented lines. A line of `…`
stands for deltas that are left out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import attrs

from .pages import DOCS

PAGE = DOCS / "protocol.md"
PROJECT = "/home/you/project"
WIDTH = 116

_BLOCK = re.compile(r"(?<=<!-- recorded: transcript -->\n```text\n).*?(?=```\n<!-- end -->)", re.DOTALL)
_ID = re.compile(r"(ses|prm|apr|con|ins|log)_[a-z2-7]{16}")
_BREAK = re.compile(r'(?<=,) (?=["{])')

Json = dict[str, Any]


@attrs.frozen
class Line:
    sent: bool
    message: Json

    @property
    def loose(self) -> bool:
        """How many of these there are, and when, is a matter of chance."""
        return self.message.get("method") in {"session/delta", "session/changed", "provider/changed"}


# The page


def lines_of(page: str) -> list[Line]:
    """The messages of the transcript."""
    found = _BLOCK.search(page)
    assert found is not None, "the page has no transcript"
    whole = re.sub(r"\n {2}", " ", found[0])
    return [Line(line[0] == "→", json.loads(line[2:])) for line in whole.splitlines() if line[0] in "→←"]


def page_with(page: str, lines: Iterable[Line]) -> str:
    return _BLOCK.sub(lambda _: "".join(_shown(lines)), page)


def _shown(lines: Iterable[Line]) -> Iterator[str]:
    """Of messages that come by chance, the first one of each kind."""
    seen: set[str] = set()
    elided = False
    for line in lines:
        kind = json.dumps([line.message.get("method"), line.message.get("params", {}).get("kind")])
        if line.loose and kind in seen:
            if not elided and line.message["method"] == "session/delta":
                yield "…\n"
                elided = True
            continue
        seen.add(kind)
        elided = False
        yield from _folded(("→ " if line.sent else "← ") + json.dumps(line.message, ensure_ascii=False))


def _folded(line: str) -> Iterator[str]:
    """At most `WIDTH` characters a line, broken between two members."""
    row = ""
    for part in _BREAK.split(line):
        if row and len(row) + len(part) > WIDTH:
            yield f"{row}\n"
            row = " "
        row += f" {part}" if row else part
    yield f"{row}\n"


# Two messages


def translated(value: Any, known: Mapping[str, str]) -> Any:
    """A message with the ids of this time."""
    match value:
        case dict():
            return {key: translated(item, known) for key, item in value.items()}
        case list():
            return [translated(item, known) for item in value]
        case str():
            return known.get(value, value)
        case _:
            return value


def compare(documented: Json, message: Json, known: dict[str, str]) -> None:
    assert shape(documented) == shape(message), f"documented: {documented}\nit came: {message}"
    _learn(documented, message, known)


def _learn(documented: Any, message: Any, known: dict[str, str]) -> None:
    """Which id stands for which; the shapes are the same."""
    match documented:
        case dict():
            for key, item in documented.items():
                _learn(item, message[key], known)
        case list():
            for item, other in zip(documented, message, strict=True):
                _learn(item, other, known)
        case str() if _ID.fullmatch(documented):
            assert known.setdefault(documented, message) == message


_MATCHED = frozenset({
    *("jsonrpc", "id", "method", "eventType", "kind", "status", "reason", "origin", "disposition", "optionId"),
    *("from", "to", "scope", "permissionMode", "seq", "turn", "head", "provider", "name"),
})
"""Members whose value a client matches on, or that are the same each time."""


def shape(value: Any, key: str = "") -> Any:
    """What a message is made of: its members, and of their values what does not change from time to time."""
    match value:
        case dict():
            return {name: shape(item, name) for name, item in value.items()}
        case list():
            return [shape(item) for item in value]
        case bool() | None:
            return value
        case _ if key in _MATCHED:
            return value
        case int() | float():
            return "a number"
        case _:
            return "a text"


def members(value: Any) -> Any:
    """What a message by chance is made of: its members alone."""
    return {name: members(item) for name, item in value.items()} if isinstance(value, dict) else None
