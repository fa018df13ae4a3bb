"""Which path lies in which, as text."""

from __future__ import annotations

import pytest

from jelmored.domain.paths import lies_in


@pytest.mark.parametrize(
    ("path", "inside"),
    [
        ("/a/b", True),
        ("/a/b/", True),
        ("/a/b/c", True),
        ("/a/b/../b/c", True),
        ("/a/bc", False),
        ("/a", False),
        ("/a/b/../c", False),
        ("/", False),
    ],
)
def test_below_a_directory(path: str, inside: bool) -> None:
    assert lies_in(path, ["/x", "/a/b"]) is inside


def test_all_lies_in_the_root_and_nothing_in_none() -> None:
    assert lies_in("/a", ["/"])
    assert not lies_in("/a", [])
