from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import orjson
import pytest

from jelmored.providers.lenient import MAX_VALUES, MISFITS, lenient_converter, loads, named


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


@pytest.mark.parametrize("number", [2**53, -(2**53), 10**400, 1e308, float("inf"), float("-inf"), float("nan")])
def test_a_number_that_nobody_means_does_not_fit(number: float) -> None:
    value = {"name": "a", "size": number, "ratio": number}
    assert lenient_converter().structure(value, Told) == Told(name="a")
    assert lenient_converter().structure({"name": "a", "size": 2**53 - 1}, Told).size == 2**53 - 1


@pytest.mark.parametrize("data", [b"[" + b"{}," * MAX_VALUES + b"{}]", b'{"a": [' + b"0," * MAX_VALUES + b"0]}"])
def test_what_would_take_too_much_memory_is_not_read(data: bytes) -> None:
    with pytest.raises(ValueError, match="values"):
        loads(data)


def test_a_long_text_is_one_value() -> None:
    text = '[{,"\\' * MAX_VALUES
    assert loads(orjson.dumps({"text": text})) == {"text": text}
