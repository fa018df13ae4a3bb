"""Lines of keys, also where a look at each line by itself would be wrong."""

from __future__ import annotations

import json
import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jelmored.config.lines import of_json, of_toml

HARD = '''
# [not.a.table]
title = "a # b"   # [nor.this]
text = """
[neither]
fake = 1 \\""" \\\\""""
raw = \'\'\'
other = 2\'\'\'
"quoted.key".'and \\this'."u\\u00e9" = 1
inline = { a = 1, b = { "c]" = [1, 2] } }
list = [
    "x", # ]
    { y = 3,  z = "}" },
]
when = 1979-05-27 07:32:00

[ table . "sub table" ]
key = 1
[[array]]
n = 1
[[array]]
n = 2
[array.below]
deep = true
[[array.inner]]
m = 1
'''


def test_of_toml() -> None:
    assert of_toml(HARD) == {
        ("title",): 3,
        ("text",): 4,
        ("raw",): 7,
        ("quoted.key",): 9,
        ("quoted.key", "and \\this"): 9,
        ("quoted.key", "and \\this", "ué"): 9,
        ("inline",): 10,
        ("inline", "a"): 10,
        ("inline", "b"): 10,
        ("inline", "b", "c]"): 10,
        ("inline", "b", "c]", "0"): 10,
        ("inline", "b", "c]", "1"): 10,
        ("list",): 11,
        ("list", "0"): 12,
        ("list", "1"): 13,
        ("list", "1", "y"): 13,
        ("list", "1", "z"): 13,
        ("when",): 15,
        ("table",): 17,
        ("table", "sub table"): 17,
        ("table", "sub table", "key"): 18,
        ("array",): 19,
        ("array", "0"): 19,
        ("array", "0", "n"): 20,
        ("array", "1"): 21,
        ("array", "1", "n"): 22,
        ("array", "1", "below"): 23,
        ("array", "1", "below", "deep"): 24,
        ("array", "1", "inner"): 25,
        ("array", "1", "inner", "0"): 25,
        ("array", "1", "inner", "0", "m"): 26,
    }
    assert _keys(tomllib.loads(HARD)) == set(of_toml(HARD))


def test_of_json() -> None:
    text = '{\n"a": {"b\\"\\u00e9": [1,\n{"c": null}]},\n"d": "}"}'

    assert of_json(text) == {
        ("a",): 2,
        ("a", 'b"é'): 2,
        ("a", 'b"é', "0"): 2,
        ("a", 'b"é', "1"): 3,
        ("a", 'b"é', "1", "c"): 3,
        ("d",): 4,
    }


@pytest.mark.parametrize("text", ["", "{", "[", '{"a"', "[[a", "a = [", "a = {b", "a = '", "]", "}", "a = [}", "= = ["])
def test_what_is_no_document_has_an_end_all_the_same(text: str) -> None:
    of_toml(text)
    of_json(text)


_TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(st.text(max_size=5), _TREES, max_size=4))
def test_every_key_of_json_has_the_line_on_which_it_is(tree: dict[str, Any]) -> None:
    text = json.dumps(tree, indent=1)
    found = of_json(text)

    assert set(found) == _keys(tree)
    written = text.split("\n")
    assert all(json.dumps(key[-1]) in written[line - 1] for key, line in found.items() if not key[-1].isdecimal())


def _keys(tree: Any, key: tuple[str, ...] = ()) -> set[tuple[str, ...]]:
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    found = {key} if key else set()
    return found.union(*(_keys(inner, (*key, str(name))) for name, inner in items))
