"""What params must be beyond their types."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from jelmored.errors import ErrorKind, Refused

MAX_PAGE = 500


def check_limit(limit: int) -> None:
    """Raises `Refused`, as all of these: so many of a page."""
    if not 1 <= limit <= MAX_PAGE:
        raise Refused(ErrorKind.INVALID_PARAMS, f"limit is a number from 1 to {MAX_PAGE}", field="limit")


def check_date(field: str, value: str | None) -> None:
    """None is no date, and may be."""
    try:
        known = value is None or date.fromisoformat(value).isoformat() == value
    except ValueError:
        known = False
    if not known:
        raise Refused(ErrorKind.INVALID_PARAMS, f"{field} is a date like 2026-11-27, not {value!r}", field=field)


def check_one(given: Mapping[str, bool]) -> None:
    """Exactly one of these fields is given."""
    if sum(given.values()) != 1:
        *others, last = given
        raise Refused(
            ErrorKind.INVALID_PARAMS, f"exactly one of {', '.join(others)} and {last}", field=next(iter(given))
        )
