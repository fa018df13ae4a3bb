from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jelmored.client.terminal.markdown import fence_after, inline, line
from jelmored.client.terminal.spans import Look, Span

P, B, C = Look.PROSE, Look.STRONG, Look.CODE


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("plain", [("plain", P)]),
        ("a **bold** word", [("a ", P), ("bold", B), (" word", P)]),
        ("call `f(x)` now", [("call ", P), ("f(x)", C), (" now", P)]),
        ("**run `make`**", [("run ", B), ("make", C)]),
        ("2 ** 3 ** 4", [("2 ** 3 ** 4", P)]),
        ("2**3**4", [("2**3**4", P)]),
        ("f(**a, **b)", [("f(**a, **b)", P)]),
        ("**kwargs", [("**kwargs", P)]),
        ("a ` tick", [("a ` tick", P)]),
        ("``a`b``", [("``a`b``", P)]),
        (r"\`no\`", [(r"\`no\`", P)]),
        ("snake_case_name *star*", [("snake_case_name *star*", P)]),
    ],
)
def test_bold_and_code_where_they_are_clearly_meant(text: str, spans: list[tuple[str, Look]]) -> None:
    assert list(inline(text)) == [Span(words, look) for words, look in spans]


@given(st.text(alphabet="ab *`#~-1.\\ ", max_size=30))
def test_only_marks_are_taken_away(text: str) -> None:
    shown = "".join(span.text for span in line(text, None).spans)
    assert "".join(shown.split()) == "".join(text.split()) or len(shown) < len(text)
    assert [letter for letter in shown if letter not in "*`"] == [letter for letter in text if letter not in "*`"]


def test_headings_are_strong_and_items_hang() -> None:
    assert line("## Title", None).spans == (Span("## Title", B),)
    assert line("#hashtag", None).spans == (Span("#hashtag", P),)
    assert (line("- item", None).hang, line("  12. item", None).hang, line("text", None).hang) == (2, 6, 0)


def test_code_is_indented_until_its_fence_closes() -> None:
    fence = None
    shown = []
    for text in ["```py", "a  **b**", "````", "x", "~~~", "```", "# a"]:
        shown.append(line(text, fence).code)
        fence = fence_after(text, fence)
    assert shown == [False, True, False, False, False, True, True]
    assert line("a  b", "```").spans == (Span("  "), Span("a  b", C))


def test_a_fence_in_a_line_is_none() -> None:
    assert fence_after("```a``` b", None) is None
    assert fence_after("text ```", None) is None
