"""What an examination finds: a line each, with what to do where something is wrong."""

from __future__ import annotations

import enum
from collections.abc import Iterable

import attrs


class Level(enum.StrEnum):
    GOOD = "good"
    NOTE = "note"
    """Worth to know; it works like this."""
    BAD = "bad"
    """Something does not work, or will not for long."""


@attrs.frozen
class Finding:
    """One line.

    Args:
        area: what was looked at, in a word.
        level: how it is.
        text: what was found, for a person.
        remedy: what to do about it. Whatever is bad has one.
    """

    area: str
    level: Level
    text: str
    remedy: str | None = None

    def __attrs_post_init__(self) -> None:
        if self.level is Level.BAD and not self.remedy:
            raise ValueError(f"bad, and nothing to do about it: {self.text}")


@attrs.frozen
class Area:
    """Makes the findings of one area."""

    name: str

    def good(self, text: str) -> Finding:
        return Finding(self.name, Level.GOOD, text)

    def note(self, text: str, remedy: str | None = None) -> Finding:
        return Finding(self.name, Level.NOTE, text, remedy)

    def bad(self, text: str, remedy: str) -> Finding:
        return Finding(self.name, Level.BAD, text, remedy)


def sound(findings: Iterable[Finding]) -> bool:
    """Nothing is bad."""
    return all(finding.level is not Level.BAD for finding in findings)
