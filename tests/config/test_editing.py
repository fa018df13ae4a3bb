"""A setting is changed, and nothing else of the file."""

from __future__ import annotations

import stat
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jelmored.config.editing import read_text, with_value, without_value, write
from jelmored.errors import ConfigError, PlaceError

FILE = """\
# mine
load_balancing = true   # yes

[sessions]   # of all
# a minute
hibernate_after = 60
failover = { order = ["a"] }  # inline

[providers."my work"]
type = "claude"
[providers."my work".environment]
A = '''
# no comment
'''
"""


@pytest.mark.parametrize(
    ("key", "value", "was", "now"),
    [
        ("load_balancing", False, "load_balancing = true   # yes", "load_balancing = false   # yes"),
        ("sessions.hibernate_after", 90, "hibernate_after = 60\n", "hibernate_after = 90\n"),
        ("sessions.failover.order", ["b"], 'order = ["a"] }  # in', 'order = ["b"] }  # in'),
        ("providers.my work.type", "demo", 'type = "claude"', 'type = "demo"'),
        ("providers.my work.environment.B", "x", "comment\n'''\n", "comment\n'''\nB = \"x\"\n"),
    ],
)
def test_comments_and_order_stay(key: str, value: object, was: str, now: str) -> None:
    assert with_value(FILE, tuple(key.split(".")), value) == FILE.replace(was, now)


def test_what_is_new_comes_to_its_table() -> None:
    fresh = with_value(FILE, ("max_total_sessions",), 3)
    fresh = with_value(fresh, ("providers", "claude", "environment", "A"), "x")

    read = tomllib.loads(fresh)
    assert read["max_total_sessions"] == 3
    assert read["providers"]["claude"] == {"environment": {"A": "x"}}
    assert all(line in fresh.splitlines() for line in FILE.splitlines())
    assert with_value("", ("a", "b"), 1) == "[a]\nb = 1\n"


def test_what_is_taken_out_leaves_the_rest() -> None:
    assert without_value(FILE, ("sessions", "hibernate_after")) == FILE.replace("hibernate_after = 60\n", "")
    for key in (("nope",), ("sessions", "nope"), ("load_balancing", "x"), ("a", "b", "c")):
        with pytest.raises(ConfigError, match="is not set there"):
            without_value(FILE, key)


@pytest.mark.parametrize("key", [("load_balancing", "x"), ("sessions", "hibernate_after", "x", "y")])
def test_a_value_that_would_have_to_be_a_table_stays(key: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError, match="by hand"):
        with_value(FILE, key, 1)


_KEYS = st.lists(st.sampled_from(["a", "b", "sessions", "providers", "my work", "é.x"]), min_size=1, max_size=3)
_VALUES = (
    st.booleans() | st.integers(-9, 9) | st.text("ab\n\"'\\# é", max_size=6) | st.lists(st.text("ab'", max_size=3))
)


@given(st.lists(st.tuples(_KEYS.map(tuple), _VALUES), max_size=6))
def test_whatever_is_changed_the_file_says_that_and_no_more(changes: list[tuple[tuple[str, ...], object]]) -> None:
    text = FILE
    for key, value in changes:
        before = tomllib.loads(text)
        try:
            text = with_value(text, key, value)
        except ConfigError:
            continue
        inner: object = tomllib.loads(text)
        for part in key:
            assert isinstance(inner, dict)
            inner = inner[part]
        assert inner == value
        if key[0] != "load_balancing":
            assert tomllib.loads(text)["load_balancing"] == before["load_balancing"]
        assert "# mine" in text
        assert "# yes" in text


def test_it_is_written_whole_with_its_mode_behind_its_link(tmp_path: Path) -> None:
    real, link = tmp_path / "real.toml", tmp_path / "config.toml"
    real.write_text("a = 1")
    real.chmod(0o640)
    link.symlink_to(real)
    write(link, "a = 2\r\n")

    assert link.is_symlink()
    assert real.read_bytes() == b"a = 2\r\n"
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    assert sorted(tmp_path.iterdir()) == [link, real]


def test_a_new_one_is_for_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "jelmored" / "config.toml"
    write(file, "a = 1")

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_what_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "config.toml").mkdir()
    with pytest.raises(PlaceError, match="can't be written"):
        write(tmp_path / "config.toml", "a = 1")
    assert [file.name for file in tmp_path.iterdir()] == ["config.toml"]


def test_only_toml_is_changed(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="by hand"):
        read_text(tmp_path / "config.json")
    assert read_text(tmp_path / "config.toml") == ""
    (tmp_path / "config.toml").write_text("a = ")
    with pytest.raises(ConfigError, match=":1: "):
        read_text(tmp_path / "config.toml")
