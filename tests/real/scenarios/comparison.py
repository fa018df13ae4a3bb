"""Where a live run says something else than the capture."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from .capture import Capture
from .essence import Plain
from .scenario import Scenario

NEVER = r"(?!)"


def differences(scenario: Scenario, lived: Capture) -> list[str]:
    """Lines as of `diff`: `-` what was captured, `+` what was lived. None if all is the same."""
    known, seen = (Plain(capture, scenario.varies) for capture in (scenario.expected, lived))
    by_chance = re.compile("|".join(scenario.chance) or NEVER)

    def certain(lines: Iterable[str]) -> list[str]:
        kept = [line for line in lines if not by_chance.search(line)]
        return sorted(kept) if scenario.race else kept

    return [
        *_differing("messages", certain(known.messages()), certain(seen.messages())),
        *_differing("streams", certain(known.streams()), certain(seen.streams())),
        *_differing("run events", certain(known.events()), certain(seen.events())),
        *_differing("facts", certain(known.facts()), certain(seen.facts())),
        *_differing("deltas", certain(known.deltas()), certain(seen.deltas())),
        *_differing("stderr", sorted(known.complaints()), sorted(seen.complaints())),
        *_differing("end", *_ends(scenario.expected, lived)),
    ]


def _differing(what: str, captured: Sequence[str], lived: Sequence[str]) -> Iterator[str]:
    return difflib.unified_diff(captured, lived, f"{what}, captured", f"{what}, lived", n=0, lineterm="")


def _ends(captured: Capture, lived: Capture) -> tuple[Sequence[str], Sequence[str]]:
    """Only what somebody looked at when it was captured."""
    if captured.end is None or lived.end is None:
        return (), ()
    looked = "children_alive" in captured.end
    return _end(captured.end, looked=looked), _end(lived.end, looked=looked)


def _end(end: Mapping[str, Any], *, looked: bool) -> Sequence[str]:
    alive = (str(command).split() for command in end.get("children_alive", ()))
    tools = [" ".join(words) for words in alive if words[0] == "sleep"]
    return [f"exit {end['exit']}", *(f"left: {tool}" for tool in tools if looked)]
