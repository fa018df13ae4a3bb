from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import pytest

from jelmored.providers.lenient import MISFITS, lenient_converter, named


@attrs.frozen(kw_only=True)
class Told:
    name: str
    size: int | None = None
    ratio: float = 0.0
    own_words: str = named("ownWords", "")
    more: Mapping[str, Any] = attrs.field(factory=dict)


def test_what_fits_is_taken_by_its_name_on_the_wire() -> None:
    value = {"name": "a", "size": 3, "ratio": 1, "ownWords": "b", "more": {"c": [1]}, "other": 0}
    assert lenient_converter().structure(value, Told) == Told(name="a", size=3, ratio=1, own_words="b", more={"c": [1]})


def test_a_default_stands_in_for_what_does_not_fit() -> None:
    value = {"name": "a", "size": "3", "ratio": True, "ownWords": None, "more": []}
    assert lenient_converter().structure(value, Told) == Told(name="a")


@pytest.mark.parametrize("value", [{}, {"name": 7}, None, 7, ["name"]])
def test_without_what_it_needs_there_is_no_value(value: Any) -> None:
    with pytest.raises(MISFITS):
        lenient_converter().structure(value, Told)
