"""Values from where everything is a string, such as the environment: the key says what is meant by one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .documents import value_of

TRUE, FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")


class Word(str):
    """A value that was given as a string, whatever it is meant to be."""

    __slots__ = ()


def meant(value: Any, kind: type) -> Any:
    """The value that a word stands for, if it can stand for one of this kind; anything else as it is."""
    if not isinstance(value, Word) or kind not in _READERS:
        return value
    try:
        return _READERS[kind](value)
    except ValueError:
        return value


def _boolean(word: str) -> bool:
    known = {**dict.fromkeys(TRUE, True), **dict.fromkeys(FALSE, False)}
    if (found := known.get(word.strip().lower())) is None:
        raise ValueError(word)
    return found


def _array(word: str) -> list[Any]:
    """Of TOML; words without brackets are divided by commas."""
    if not word.lstrip().startswith("["):
        return [part.strip() for part in word.split(",") if part.strip()]
    return list(_such(list, value_of(word)))


def _table(word: str) -> dict[str, Any]:
    return dict(_such(dict, value_of(word)))


def _such(kind: type, value: Any) -> Any:
    if not isinstance(value, kind):
        raise ValueError(kind.__name__)
    return value


_READERS: Mapping[type, Callable[[str], Any]] = {
    bool: _boolean,
    int: int,
    float: float,
    list: _array,
    dict: _table,
    object: value_of,
}
