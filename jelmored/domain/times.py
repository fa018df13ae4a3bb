"""Wall-clock times as they stand on the wire: RFC 3339, UTC, milliseconds (protocol 1, section 3)."""

from __future__ import annotations

from datetime import UTC, datetime


def utc_now() -> datetime:
    """Now, cut to the milliseconds that the wire keeps, so that a value survives the way there and back."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


def to_rfc3339(moment: datetime) -> str:
    """`2026-11-23T00:56:01.250Z`. The moment must be aware."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def from_rfc3339(text: str) -> datetime:
    """The inverse of `to_rfc3339`; raises `ValueError` for anything that names no moment."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone")
    return moment.astimezone(UTC)
