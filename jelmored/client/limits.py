"""A session's limits as they are given on the command line, and in words."""

from __future__ import annotations

from jelmored.domain.sessions import Limits


def limited(
    former: Limits, *, max_turns: int | None, max_cost: float | None, turn_seconds: float | None
) -> Limits | None:
    """The limits with those that are given; None if none is. 0 lifts one."""
    if max_turns is None and max_cost is None and turn_seconds is None:
        return None
    return Limits(
        max_turns=former.max_turns if max_turns is None else max_turns or None,
        max_cost_usd=former.max_cost_usd if max_cost is None else max_cost or None,
        turn_seconds=former.turn_seconds if turn_seconds is None else turn_seconds or None,
    )


def words(limits: Limits) -> list[str]:
    """Those that there are."""
    told = []
    if limits.max_turns is not None:
        told.append(f"at most {limits.max_turns} calls a turn")
    if limits.turn_seconds is not None:
        told.append(f"at most {limits.turn_seconds:g} s a turn")
    if limits.max_cost_usd is not None:
        told.append(f"at most ${limits.max_cost_usd:g} in all")
    return told
