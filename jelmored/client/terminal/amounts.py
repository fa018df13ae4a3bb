"""Amounts in few words: tokens, money, durations, ages."""

from __future__ import annotations

from datetime import datetime

MINUTE, HOUR, DAY = 60, 3600, 86400


def tokens(count: int) -> str:
    """`950 tokens`, `12.3k tokens`, `1.2M tokens`."""
    return f"{short_count(count)} token" + "s" * (count != 1)


def short_count(count: int) -> str:
    """`950`, `12.3k`, `1.2M`."""
    if count < 1000:
        return str(count)
    return f"{count / 1000:.1f}k" if count < 999_950 else f"{count / 1_000_000:.1f}M"


def money(usd: float, *, estimated: bool = False, notional: bool = False) -> str:
    """`$0.0421`; `~` before an estimate; what a subscription pays for is said."""
    return f"{'~' if estimated else ''}${usd:.4f}{' (subscription)' if notional else ''}"


def duration(seconds: float) -> str:
    """`8.4 s`, `2 min 5 s`, `3 h 12 min`, `2 d 4 h`."""
    if seconds < MINUTE:
        return f"{seconds:.1f} s"
    whole = int(seconds)
    if whole < HOUR:
        return f"{whole // MINUTE} min {whole % MINUTE} s"
    if whole < DAY:
        return f"{whole // HOUR} h {whole % HOUR // MINUTE} min"
    return f"{whole // DAY} d {whole % DAY // HOUR} h"


def seconds(elapsed: float) -> str:
    """`8 s`: a duration that still grows, in whole seconds."""
    return f"{int(elapsed)} s" if elapsed < MINUTE else duration(elapsed)


def age(moment: datetime, now: datetime) -> str:
    """`now`, `5 min ago`, `3 h ago`, `2 d ago`."""
    seconds = (now - moment).total_seconds()
    return "now" if seconds < MINUTE else f"{brief(seconds)} ago"


def brief(seconds: float) -> str:
    """`8 s`, `5 min`, `3 h`, `2 d`: never wider than six columns, for a thousand days."""
    for unit, name in ((DAY, "d"), (HOUR, "h"), (MINUTE, "min")):
        if seconds >= unit:
            return f"{int(seconds) // unit} {name}"
    return f"{max(0, int(seconds))} s"
