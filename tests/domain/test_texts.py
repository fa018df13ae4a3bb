"""What a text may be."""

from __future__ import annotations

import os

import pytest

from jelmored.domain.texts import is_text


@pytest.mark.parametrize(
    ("data", "sound"), [(b"", True), ("日本 🙂".encode(), True), (b"a\xff", False), (b"\xc3", False)]
)
def test_what_the_system_hands_over_is_text_or_not(data: bytes, sound: bool) -> None:
    assert is_text(os.fsdecode(data)) is sound
