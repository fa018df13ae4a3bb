from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jelmored.client.terminal.clusters import clusters, cut, width

pieces = st.text(alphabet="a\u0301\u200d\ufe0f👩🚀🏽🇩🇪日#✈ \u1112\u1161\u11ab", max_size=12)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("ab", [("a", 1), ("b", 1)]),
        ("e\u0301x", [("e\u0301", 1), ("x", 1)]),
        ("日本", [("日", 2), ("本", 2)]),
        ("👩\u200d🚀!", [("👩\u200d🚀", 2), ("!", 1)]),
        ("👍🏽", [("👍🏽", 2)]),
        ("✈\ufe0f", [("✈\ufe0f", 2)]),
        ("✈", [("✈", 1)]),
        ("1\ufe0f\u20e3", [("1\ufe0f\u20e3", 2)]),
        ("🇩🇪🇫🇷", [("🇩🇪", 2), ("🇫🇷", 2)]),
        ("\u1112\u1161\u11ab", [("\u1112\u1161\u11ab", 2)]),
        ("\u05e9\u05dc\u05d5\u05dd", [("\u05e9", 1), ("\u05dc", 1), ("\u05d5", 1), ("\u05dd", 1)]),
        ("a\u200bb", [("a\u200b", 1), ("b", 1)]),
        ("", []),
    ],
)
def test_what_is_drawn_in_one_place(text: str, found: list[tuple[str, int]]) -> None:
    assert list(clusters(text)) == found


@given(pieces)
def test_together_they_are_the_text(text: str) -> None:
    assert "".join(cluster for cluster, _ in clusters(text)) == text


@given(pieces, st.integers(0, 12))
def test_what_is_cut_off_fits(text: str, columns: int) -> None:
    head, rest = cut(text, columns)
    assert head + rest == text
    assert width(head) <= columns
