"""Variables that go along with a new session."""

from __future__ import annotations

import pytest

from jelmored.client.bringing import brought
from jelmored.client.errors import Misused

HERE = {"PATH": "/bin", "LANG": "de", "EDITOR": "vi", "ODD": "\udcff", "SECRET": "s"}


def test_what_the_daemon_takes_goes_along_and_nothing_else() -> None:
    assert brought(HERE, ["PATH", "LANG", "VIRTUAL_ENV", "ODD"], []) == {"PATH": "/bin", "LANG": "de"}


def test_what_is_given_wins() -> None:
    given = ["LANG=C", "EDITOR", "EMPTY=", "EQUAL=a=b"]
    assert brought(HERE, ["LANG"], given) == {"LANG": "C", "EDITOR": "vi", "EMPTY": "", "EQUAL": "a=b"}


@pytest.mark.parametrize("word", ["", "=x", "NOT_SET", "ODD", "A=\udcff"])
def test_what_can_not_be_sent(word: str) -> None:
    with pytest.raises(Misused):
        brought(HERE, [], [word])
