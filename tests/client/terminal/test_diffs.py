from __future__ import annotations

from jelmored.client.terminal.diffs import COMPARED, count, unified
from jelmored.client.terminal.spans import Look
from jelmored.domain.permissions import Diff


def test_a_path_and_what_changes_around_it() -> None:
    diff = Diff(path="/home/me/a.py", old_text="1\n2\n3\n4\n5\n6\n", new_text="1\n2\n3\nfour\n5\n6\n")
    lines = [(line[0].text, line[0].look) for line in unified([diff], "/home/me")]
    assert lines == [
        ("~/a.py", Look.STRONG),
        ("@@ -2,5 +2,5 @@", Look.DIM),
        (" 2", Look.DIM),
        (" 3", Look.DIM),
        ("-4", Look.BAD),
        ("+four", Look.GOOD),
        (" 5", Look.DIM),
        (" 6", Look.DIM),
    ]
    assert count([diff, diff]) == (2, 2)


def test_what_takes_too_long_to_compare_is_not() -> None:
    many = "\n".join(map(str, range(COMPARED + 1)))
    [_, line] = unified([Diff(path="/a", old_text=many, new_text="")], "/home/me")
    assert line[0].text == "2001 lines become 1: too many to compare here"
