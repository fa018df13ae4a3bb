"""On which line each key of a file stands. The file is known to be right: whoever asks has read it before, so this only
has to know where strings, arrays and tables begin and end."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Mapping

import attrs

Key = tuple[str, ...]
"""Where a value is in nested tables; a number, as a string, in an array."""

_BETWEEN = re.compile(r"(?:[\s,]|#[^\n]*)*")
_TEXT = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}' r"|'''.*?'{3,5}" r'|"(?:\\.|[^"\\])*"' r"|'[^']*'",  # long ones first
    re.DOTALL,
)
_BARE = re.compile(r"[\w-]+")
_SCALAR = re.compile(r"[^,\]}#\n]*")


def of_toml(text: str) -> Mapping[Key, int]:
    """Lines, from 1, of all keys and tables, and of what is in arrays."""
    scanner = _Scanner(text, lambda token: str(tomllib.loads(f"key = {token}")["key"]))
    scanner.document()
    return scanner.found


def of_json(text: str) -> Mapping[Key, int]:
    """The same of JSON."""
    scanner = _Scanner(text, lambda token: str(json.loads(token)))
    scanner.value(())
    return scanner.found


@attrs.define
class _Scanner:
    """Goes through the text once. `unquote`: a quoted key as it is meant."""

    text: str
    unquote: Callable[[str], str]
    at: int = 0
    found: dict[Key, int] = attrs.field(factory=dict)
    _counted: tuple[int, int] = (0, 1)
    """A place up to which lines were counted, and the line there."""
    _tables: dict[Key, int] = attrs.field(factory=dict)
    """How many `[[tables]]` there are of a name up to here."""

    def document(self) -> None:
        table: Key = ()
        while self.next():
            if self.next() == "[":
                table = self.header()
            else:
                self.pair(table)

    def header(self) -> Key:
        """`[table]`, or `[[table]]`, which is one more of them."""
        several = self.text.startswith("[[", self.at)
        line = self.line()
        self.at += 1 + several
        key = self.resolved(self.key())
        self.next()
        self.at += 1 + several
        if several:
            self.note(key, line)
            count = self._tables.get(key, 0)
            self._tables[key] = count + 1
            key = (*key, str(count))
        self.note(key, line)
        return key

    def resolved(self, key: Key) -> Key:
        """Below `[[tables]]` the last one of them is meant."""
        whole: Key = ()
        for part in key:
            whole = (*whole, part)
            if whole in self._tables and whole != key:
                whole = (*whole, str(self._tables[whole] - 1))
        return whole

    def pair(self, table: Key) -> None:
        """A key and its value, in a table."""
        line = self.line()
        key = (*table, *self.key())
        self.next()
        self.at += 1  # = or :
        self.note(key, line)
        self.value(key)

    def key(self) -> Key:
        parts: list[str] = []
        while self.next() not in "=:]":
            if quoted := _TEXT.match(self.text, self.at):
                parts.append(self.unquote(quoted[0]))
                self.at = quoted.end()
            elif bare := _BARE.match(self.text, self.at):
                parts.append(bare[0])
                self.at = bare.end()
            else:  # a dot
                self.at += 1
        return tuple(parts)

    def value(self, key: Key) -> None:
        first = self.next()
        if first == "{":
            self.at += 1
            while self.next() not in "}":
                self.pair(key)
            self.at += 1
        elif first == "[":
            self.at += 1
            self.array(key)
        elif text := _TEXT.match(self.text, self.at):
            self.at = text.end()
        elif scalar := _SCALAR.match(self.text, self.at):
            self.at = max(scalar.end(), self.at + 1)

    def array(self, key: Key) -> None:
        count = 0
        while self.next() not in "]":
            item = (*key, str(count))
            self.note(item, self.line())
            self.value(item)
            count += 1
        self.at += 1

    def next(self) -> str:
        """The next character that says something; at the end none, which is in every string."""
        between = _BETWEEN.match(self.text, self.at)
        self.at = between.end() if between else self.at
        return self.text[self.at : self.at + 1]

    def line(self) -> int:
        start, line = self._counted
        self._counted = (self.at, line + self.text.count("\n", start, self.at))
        return self._counted[1]

    def note(self, key: Key, line: int) -> None:
        """Tables that nothing else names begin here too."""
        for length in range(1, len(key)):
            self.found.setdefault(key[:length], line)
        self.found.setdefault(key, line)
