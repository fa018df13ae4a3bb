"""The page names a test for each claim: each is there."""

from __future__ import annotations

import re

from .pages import DOCS, ROOT

_NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def test_each_test_that_is_named_is_there() -> None:
    named = _NAMED.findall((DOCS / "security.md").read_text("utf-8"))
    assert len(named) >= 25
    assert [name for file, name in named if f"def {name}(" not in (ROOT / file).read_text("utf-8")] == []
