"""Values to JSON and back."""

from __future__ import annotations

import pytest

from jelmored.domain.permissions import PermissionMode
from jelmored.wire import codec


def test_a_word_of_an_enumeration_becomes_its_member() -> None:
    assert codec.from_json("deny", PermissionMode) is PermissionMode.DENY


def test_another_word_is_refused() -> None:
    with pytest.raises(codec.InvalidValue, match=r"expected one of ask, .* got 'always'"):
        codec.from_json("always", PermissionMode)
