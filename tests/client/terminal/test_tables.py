from __future__ import annotations

from jelmored.client.terminal.tables import table
from jelmored.client.terminal.text import width


def test_columns_stand_under_their_heads_also_with_wide_characters() -> None:
    assert table(("NAME", "AGE"), [("日本", "now"), ("a", "1 min ago")], None) == (
        "NAME  AGE\n日本  now\na     1 min ago"  #
    )


def test_a_narrow_terminal_cuts_the_last_column() -> None:
    lines = table(("NAME", "DIRECTORY"), [("a", "/a/very/long/directory")], 16).splitlines()
    assert lines[1] == "a     /a/very/l…"
    assert all(width(line) <= 16 for line in lines)


def test_a_name_cannot_leave_its_row() -> None:
    assert table(("NAME",), [("one\n\x1b[2Jtwo",)], None) == "NAME\none ␛[2Jtwo"
