"""Files as they were written, and what can't be one."""

from __future__ import annotations

from pathlib import Path

import pytest

from jelmored.config.documents import LARGEST, Document, dotted, read, value_of
from jelmored.errors import ConfigError


def _fault(file: Path, content: bytes) -> str:
    file.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        read(file)
    [fault] = caught.value.faults
    return fault.removeprefix(f"{file.parent}/")


def test_a_place_is_that_of_the_key_or_of_the_nearest_around_it() -> None:
    document = Document("f", {"a": {"b": [{"c": 1}]}, "d": 1}, {("a",): "f:1", ("a", "b"): "f:2"})

    assert document.place(("a", "b", "0", "c")) == "f:2"
    assert document.place(("a",)) == "f:1"
    assert document.place(("d",)) == "f"
    assert document.place(("a", "x")) is None
    assert document.place(("a", "b", "1")) is None


@pytest.mark.parametrize(
    ("name", "content", "fault"),
    [
        ("c.toml", b"a = 1\nb = '\xff'", "c.toml:2: expected UTF-8"),
        ("c.toml", b"a = 1\na = 2\n", "c.toml:2: Cannot overwrite a value (column 6)"),
        ("c.toml", b"a = " + b"[" * 5000, "c.toml: tables and arrays are in each other more than 32 deep"),
        ("c.toml", b"a" + b".a" * 40 + b" = 1", "c.toml: tables and arrays are in each other more than 32 deep"),
        ("c.toml", b"#" * (LARGEST + 1), "c.toml: is larger than 1024 KiB"),
        ("c.toml", b"a = " + b"9" * 5000, "c.toml: Exceeds the limit"),
        ("c.json", b'{"a": ' + b"[" * 40 + b"]" * 40 + b"}", "c.json: tables and arrays are in each other"),
        ("c.json", b"", "c.json:1: "),
    ],
)
def test_what_cannot_be_read(tmp_path: Path, name: str, content: bytes, fault: str) -> None:
    assert _fault(tmp_path / name, content).startswith(fault)


def test_a_name_that_no_file_has() -> None:
    with pytest.raises(ConfigError, match="embedded null byte"):
        read(Path("a\0b"))


def test_what_some_editors_put_in_front_is_no_fault(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_bytes(b"\xef\xbb\xbfa = 1\r\nb = 2\r\n")

    document = read(tmp_path / "c.toml")
    assert document.tree == {"a": 1, "b": 2}
    assert document.place(("b",)) == f"{tmp_path}/c.toml:2"


@pytest.mark.parametrize(
    ("text", "value"), [("1", 1), ("'a'", "a"), ("{a = 1}", {"a": 1}), ('{"a": null}', {"a": None})]
)
def test_a_value_by_itself(text: str, value: object) -> None:
    assert value_of(text) == value


@pytest.mark.parametrize("text", ["word", "", "1\nb = 2", "[" * 40 + "]" * 40, "[" * 5000])
def test_what_is_no_value_by_itself(text: str) -> None:
    with pytest.raises(ValueError):
        value_of(text)


def test_a_key_is_quoted_where_it_must_be() -> None:
    assert dotted(("models", "kimi-k2.6", 'a"b')) == 'models."kimi-k2.6"."a\\"b"'
