"""What must not be read is not read, however it is written, and in whatever pieces it comes."""

from __future__ import annotations

import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jelmored.control.tokens import _TEXT
from jelmored.domain.scopes import Scope
from jelmored.secrecy import MOST, REDACTED, SHORTEST, Secrets, make

KEY = "sk-ant-api03-0123456789"
ODD = 'pass"word\\with\nall öf it'
"""A secret that JSON writes in another way."""


@pytest.mark.parametrize("secret", [KEY, ODD])
@pytest.mark.parametrize("ascii_only", [True, False])
def test_it_is_found_also_in_json_in_json(secret: str, ascii_only: bool) -> None:
    known, text = Secrets([secret]), f"a {secret} b"
    for _ in range(3):
        assert known.stand_in(orjson.dumps({"content": text}))
        hidden = known.hidden(text)
        assert REDACTED in hidden
        assert secret not in hidden
        text = json.dumps({"text": text}, ensure_ascii=ascii_only)


def test_one_that_is_too_short_is_none() -> None:
    known = Secrets(["a" * (SHORTEST - 1), "", " " * SHORTEST])
    assert known.hidden("a" * 20) == "a" * 20
    assert not known.stand_in(b"a" * 20)


def test_of_two_that_begin_alike_the_longer_one_goes_as_a_whole() -> None:
    assert Secrets(["0123456789", "0123456789abcdef"]).hidden("0123456789abcdef") == REDACTED


@pytest.mark.parametrize("kind", [*Scope, "server"])
def test_what_we_make_ourselves_is_known_by_its_shape(kind: str) -> None:
    made = make(kind)
    assert Secrets().hidden(f"({made})") == f"({REDACTED})"
    assert Secrets().stand_in(orjson.dumps(made))


@pytest.mark.parametrize("scope", list(Scope))
def test_a_token_has_that_shape(scope: Scope) -> None:
    assert _TEXT.fullmatch(make(scope))


def test_what_is_learnt_counts_from_then_on_and_what_was_one_stays_one() -> None:
    known = Secrets(["first-secret"])
    known.learn(["second-secret"])
    assert known.hidden("first-secret second-secret") == f"{REDACTED} {REDACTED}"


def test_no_more_are_known_than_that() -> None:
    known = Secrets(f"secret-{number:06}" for number in range(MOST + 1))
    assert known.hidden("secret-000000") == "secret-000000"
    assert known.hidden(f"secret-{MOST:06}") == REDACTED


def shown(known: Secrets, pieces: list[str]) -> tuple[str, str]:
    """What was shown of a text that came in pieces, and what waits."""
    told, held = "", ""
    for piece in pieces:
        more, held = known.parted(told[-3:], held + piece)
        told += more
    return told, held


def test_in_pieces_nothing_waits_that_is_no_beginning() -> None:
    known = Secrets([KEY])
    assert known.parted("", "plain text, and a sk-") == ("plain text, and a sk-", "")
    assert known.parted("", "plain text, and sk-a") == ("plain text, and ", "sk-a")
    assert known.parted("", "the operator.") == ("the ", "operator.")
    assert known.parted("", "operator. That") == ("operator. That", "")


TOKEN = make("admin")


@given(data=st.data())
def test_in_whatever_pieces_it_comes_no_secret_is_shown(data: st.DataObject) -> None:
    words = st.sampled_from([KEY, ODD, TOKEN, "sk-ant-", "some text ", "admin", ".", "s", "operator", "-0123456789"])
    text = "".join(data.draw(st.lists(words, max_size=8)))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=12)))
    pieces = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    told, held = shown(Secrets([KEY, ODD]), pieces)
    for secret in (KEY, ODD, TOKEN):
        assert secret[4:] not in told
    assert len(held) < 64


@given(cuts=st.lists(st.integers(0, 60), max_size=6))
def test_the_pieces_together_are_the_whole(cuts: list[int]) -> None:
    """To the letter, but where a piece ends within the first three of a secret."""
    text, known = f"before {KEY} and after it, and more", Secrets([KEY])
    start = text.index(KEY)
    ends = sorted(cut for cut in cuts if cut <= len(text) and not start < cut < start + 4)
    told, held = shown(known, [text[a:b] for a, b in zip([0, *ends], [*ends, len(text)], strict=True)])
    assert told + held == known.hidden(text)
