"""Nothing that an agent prints can steer the terminal, and nothing of what it says is hidden."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jelmored.client.terminal.text import harmless, harmless_json, one_line, shorten, width

BIDI = set("\u061c\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
ATTACKS = [
    "\x1b[2J\x1b[H",  # clears the screen
    "\x1b]0;title\x07",  # renames the window
    "\x1b]52;c;cm0gLXJmIC8=\x1b\\",  # writes the clipboard
    "\x1b]8;;https://example.org\x1b\\link\x1b]8;;\x1b\\",
    "\x9b31m",  # CSI in one character
    "\x9d0;title\x9c",
    "\x1bP$q\x1b\\",
    "safe\rrm -rf",  # overwrites what was read
    "abc\b\b\bxyz",
    "\u202egnp.exe",  # reads backwards
    "one\u2028line",
]
agents_text = st.text() | st.lists(st.sampled_from(ATTACKS) | st.text(max_size=5)).map("".join)


def steers(character: str) -> bool:
    return (unicodedata.category(character) == "Cc" and character not in "\n\t") or character in BIDI


@given(agents_text)
def test_no_character_is_left_that_a_terminal_obeys(text: str) -> None:
    assert not any(map(steers, harmless(text)))


@given(agents_text)
def test_nothing_is_left_out(text: str) -> None:
    text = text.replace("\r\n", "\n")
    assert len(harmless(text)) == len(text)
    assert [after for before, after in zip(text, harmless(text), strict=True) if not steers(before)] == [
        character for character in text if not steers(character)
    ]


@given(agents_text)
def test_what_is_harmless_stays_as_it_is(text: str) -> None:
    assert harmless(harmless(text)) == harmless(text)


@given(st.lists(agents_text, max_size=5))
def test_pieces_are_as_harmless_as_the_whole(pieces: list[str]) -> None:
    assert not any(map(steers, "".join(map(harmless, pieces))))


@given(agents_text)
def test_json_says_the_same_and_steers_nothing(text: str) -> None:
    line = harmless_json(json.dumps({"text": text}, ensure_ascii=False))
    assert json.loads(line) == {"text": text}
    assert not any(map(steers, line))


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_can_be_seen(attack: str) -> None:
    assert harmless(attack) != attack


@given(agents_text)
def test_one_line_is_one(text: str) -> None:
    assert "\n" not in one_line(text)


@given(st.text(), st.integers(0, 20))
def test_what_was_shortened_fits(text: str, columns: int) -> None:
    assert width(shorten(text, columns)) <= columns
    assert width(text) > columns or shorten(text, columns) == text


@pytest.mark.parametrize(
    ("text", "columns"), [("abc", 3), ("日本", 4), ("e\u0301", 1), ("🎈", 2), ("a\u200bb", 2), ("", 0)]
)
def test_widths_are_those_of_a_terminal(text: str, columns: int) -> None:
    assert width(text) == columns


def test_a_wide_character_is_not_cut_in_half() -> None:
    assert shorten("日本語", 4) == "日…"
