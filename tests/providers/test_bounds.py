from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jelmored.providers.bounds import MAX_DEPTH, MAX_INPUT, MAX_RAW, bounded_input, bounded_raw, cut, one_line
from jelmored.wire.codec import to_json


@given(st.text(alphabet="aé€😀\n"), st.integers(min_value=64, max_value=200))
def test_a_cut_text_fits_and_begins_as_it_did(text: str, limit: int) -> None:
    kept, is_cut = cut(text * 20, limit)
    assert len(kept.encode()) <= limit
    assert is_cut is (len((text * 20).encode()) > limit)
    head = kept.rpartition("\n[cut: ")[0] if is_cut else kept
    assert (text * 20).startswith(head)


def test_the_cut_is_named_with_the_full_size() -> None:
    assert cut("é" * 100, 64)[0].endswith("\n[cut: 200 bytes in all]")


def test_a_line_is_one_line() -> None:
    assert one_line("  echo a\necho b ") == "echo a …"
    assert len(one_line("x" * 5000)) < 210


def deep() -> Any:
    value: Any = "x"
    for _ in range(600):
        value = [value]
    return value


@pytest.mark.parametrize("raw", [{"a": "x" * MAX_RAW}, deep(), {"a": deep()}, "é" * MAX_RAW])
def test_a_raw_message_can_always_be_written_and_is_bounded(raw: Any) -> None:
    assert len(orjson.dumps(bounded_raw(raw))) <= MAX_RAW


def test_a_small_raw_message_is_kept_as_it_is() -> None:
    raw = {"type": "new", "deep": [{"a": None}]}
    assert bounded_raw(raw) is raw


@pytest.mark.parametrize(
    "value",
    [{f"key {i}": "x" * 100 for i in range(20_000)}, {"x" * MAX_INPUT * 4: 1}, {str(i): i for i in range(300_000)}],
)
def test_an_input_of_too_many_or_too_long_keys_is_bounded_too(value: dict[str, Any]) -> None:
    bounded = bounded_input(value)
    assert len(orjson.dumps(bounded)) <= MAX_RAW
    assert "[cut: " in bounded["raw"]


@pytest.mark.parametrize(
    "value",
    [
        {"file_path": "/a", "content": "é" * MAX_INPUT},
        {"file_path": "/a", "edits": [{"old_string": "x" * MAX_INPUT}]},
        {"x": deep()},
    ],
)
def test_a_large_input_keeps_its_small_parts(value: dict[str, Any]) -> None:
    bounded = bounded_input(value)
    assert len(orjson.dumps(bounded)) <= 2 * MAX_INPUT
    assert bounded.get("file_path", "/a") == value.get("file_path", "/a")


def nested(depth: int) -> Any:
    value: Any = "x"
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize("depth", [MAX_DEPTH - 2, MAX_DEPTH, MAX_DEPTH + 1, 250, 254, 255, 990, 1020])
def test_what_is_kept_can_be_written_wherever_it_stands(depth: int) -> None:
    for bounded in (bounded_raw(nested(depth)), bounded_input({"x": nested(depth)})):
        assert orjson.dumps(to_json({"a": [{"b": bounded}]}))
    assert (bounded_raw(nested(depth)) == nested(depth)) == (depth <= MAX_DEPTH)
