from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jelmored.client.terminal.clusters import width
from jelmored.client.terminal.statusline import Now, status_line

from .stage import view

USED = {"inputTokens": 12_000, "outputTokens": 345, "cacheReadTokens": 0, "cacheWriteTokens": 0, "costUsd": 0.0421}
FULL: dict[str, Any] = {
    "name": "tests",
    "usage": USED,
    "backgroundTasks": 2,
    "context": {"tokens": 46_000, "window": 200_000},
}
WORKS = Now(doing="works", since=12.4, elsewhere=2)


def text(columns: int, now: Now = WORKS, **more: Any) -> str:
    return "".join(span.text for span in status_line(view(**more), now, columns))


@pytest.mark.parametrize(
    ("columns", "shown"),
    [
        (
            200,
            "ses_aaaa (tests) · claude · claude-test-1 · works 12 s · 12.3k tokens · $0.0421 · context 23% · "
            "2 in the background · 2 others wait: jelmore next · ? keys",
        ),
        (80, "ses_aaaa (tests) · works 12 s · context 23% · 2 others wait: jelmore next"),
        (60, "ses_aaaa (tests) · works 12 s · 2 others wait: jelmore next"),
        (40, "works 12 s · 2 others wait: jelmore next"),
        (20, "works 12 s"),
        (6, "works…"),
    ],
)
def test_the_least_important_goes_first(columns: int, shown: str) -> None:
    assert text(columns, **FULL) == shown


@given(st.integers(1, 120), st.text(alphabet="a日🎈\n", max_size=40))
def test_it_always_fits(columns: int, name: str) -> None:
    assert width(text(columns, name=name)) <= columns


def test_what_is_not_known_is_not_said() -> None:
    assert text(99, Now(doing="idle"), model=None) == "ses_aaaa · claude · idle · ? keys"
    assert "context 46.0k tokens" in text(99, context={"tokens": 46_000})
    assert "1 other waits: jelmore next" in text(99, Now(doing="idle", elsewhere=1))
    assert "works 2 min 5 s" in text(99, Now(doing="works", since=125))
