"""What stands for a thing on the command line. Help shows these words; completion offers what goes by them."""

from __future__ import annotations

import enum


class Operand(enum.StrEnum):
    """Used as `metavar` in the command line."""

    SESSION = "SESSION"
    ARCHIVED = "ARCHIVED"
    APPROVAL = "APPROVAL|SESSION"
    PROVIDER = "PROVIDER"
    MODEL = "MODEL"
    DIRECTORY = "DIR"
    FILE = "FILE"


LIVE = frozenset({Operand.SESSION, Operand.ARCHIVED, Operand.APPROVAL, Operand.PROVIDER, Operand.MODEL})
"""What only the daemon knows."""
