"""How long a text of a client may be that is kept with a session and told to everyone again and again."""

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
