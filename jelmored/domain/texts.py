"""What a text may be that is kept with a session and told to everyone again and again."""

from __future__ import annotations

from typing import Annotated

import attrs


@attrs.frozen
class AtMost:
    """The bound of a text; use it in `Annotated`."""

    characters: int


LINE = 200
INSTRUCTIONS = 100_000

Line = Annotated[str, AtMost(LINE)]
"""A name, a title, a key."""
Instructions = Annotated[str, AtMost(INSTRUCTIONS)]
"""What an agent is told before all else."""


def is_text(value: str) -> bool:
    """What the system hands over that is no UTF-8 comes as half characters, which no message and no file can carry."""
    return not any("\ud800" <= character <= "\udfff" for character in value)
