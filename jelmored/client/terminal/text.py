"""Text from agents, made fit for a terminal: nothing that they say can steer it, and it fits into its columns."""

from __future__ import annotations

import re

from . import clusters

_BIDI = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_STEERING = re.compile(f"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029{_BIDI}]")
"""C0 but tab and newline, DEL, C1, Unicode's own line ends, and the marks that turn the direction of the text."""

_JSON_STEERING = re.compile(f"[\x7f-\x9f\u2028\u2029{_BIDI}]")


def harmless(text: str) -> str:
    """The text with every character that a terminal would obey replaced by one that can be seen.

    Nothing is left out: who is asked to allow a command sees all of it. Every control sequence (CSI, OSC, …) begins
    with one of these characters, so none is left whole. A carriage return before a newline is no more than that.
    """
    return _STEERING.sub(_seen, text.replace("\r\n", "\n"))


def harmless_json(text: str) -> str:
    """JSON with the same characters as escapes, so that it still says what it said."""
    return _JSON_STEERING.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def one_line(text: str) -> str:
    """Its lines as one, harmless."""
    return " ".join(harmless(text).split())


def width(text: str) -> int:
    """The columns that it takes."""
    return clusters.width(text)


def shorten(text: str, columns: int) -> str:
    """Not wider than so many columns; an ellipsis says that there is more."""
    if width(text) <= columns:
        return text
    return clusters.cut(text, columns - 1)[0] + "…" if columns > 0 else ""


def _seen(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x20:
        return chr(0x2400 + code)
    return "␡" if code == 0x7F else "\N{REPLACEMENT CHARACTER}"
