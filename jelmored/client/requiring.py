"""What a session requires, as a person writes it: `model=opus,capabilities=images+thinking,context=200k`."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from typing import Any

from jelmored.domain.requirements import Optimize, Requirements

WANTED = "KEY=VALUE,…"
WORDS = (
    "model, capabilities (joined by +), context (tokens; 200k, 1m), cost (USD of a typical turn), "
    "optimize (load, cost, latency)"
)

_FACTORS = {"k": 1_000, "m": 1_000_000}


def requirements(text: str) -> Requirements:
    """
    Raises:
        ArgumentTypeError: it makes no sense, and why.
    """
    found: dict[str, Any] = {}
    for pair in filter(None, text.split(",")):
        key, equals, value = (part.strip() for part in pair.partition("="))
        if key not in _KEYS or not equals or not value:
            raise argparse.ArgumentTypeError(f"{pair!r} is no KEY=VALUE with one of: {', '.join(_KEYS)}")
        name, read = _KEYS[key]
        try:
            found[name] = read(value)
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"{key}: {error}") from None
    return Requirements(**found)


def _names(value: str) -> tuple[str, ...]:
    return tuple(filter(None, value.split("+")))


def _tokens(value: str) -> int:
    factor = _FACTORS.get(value[-1].lower(), 1)
    return int(float(value if factor == 1 else value[:-1]) * factor)


_KEYS: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "model": ("model", str),
    "capabilities": ("capabilities", _names),
    "context": ("min_context", _tokens),
    "cost": ("max_cost_usd", float),
    "optimize": ("optimize", Optimize),
}
