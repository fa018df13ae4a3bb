"""What a client may do."""

from __future__ import annotations

import enum


class Scope(enum.StrEnum):
    """Watch, work, govern. Each includes the one before."""

    OBSERVER = "observer"
    OPERATOR = "operator"
    ADMIN = "admin"

    def includes(self, other: Scope) -> bool:
        order = tuple(Scope)
        return order.index(self) >= order.index(other)
