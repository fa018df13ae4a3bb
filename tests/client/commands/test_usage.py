from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from jelmored.client.commands.usage import first_day, total
from jelmored.domain.usage import UsageRow
from tests.client.daemon import FakeDaemon
from tests.client.expected import expected
from tests.client.machine import Machine


def used(cost: float, tokens: int, **more: Any) -> dict[str, Any]:
    counts = {"inputTokens": tokens, "outputTokens": 10, "cacheReadTokens": 2 * tokens, "cacheWriteTokens": 0}
    return counts | {"costUsd": cost, **more}


def some(daemon: FakeDaemon) -> None:
    daemon.add(1, name="docs", usage=used(0.5, 1200))
    daemon.add(2, name="tests", usage=used(1.25, 40_000), status="terminated")
    daemon.add(3, name="work", usage=used(2.0, 3_000_000, notional=True), provider="claude-work")
    daemon.add(4, name="new")


async def test_by_session_by_provider_and_in_all(daemon: FakeDaemon, machine: Machine) -> None:
    assert (await machine.jelmore("usage")).out == "Nothing was used yet.\n"
    some(daemon)
    assert (await machine.jelmore("usage")).out == expected(__file__, "usage")
    alone = (await machine.jelmore("usage", "tests")).out
    assert "tests" in alone
    assert "docs" not in alone


async def test_by_what_is_asked_for_and_since_when(daemon: FakeDaemon, machine: Machine) -> None:
    some(daemon)
    by_day = (await machine.jelmore("usage", "--by", "day", "--since", "2026-11-01")).out
    assert by_day.splitlines()[0].split()[0] == "DAY"
    assert by_day.splitlines()[1].split()[:2] == ["2026-11-23", "3"]
    [asked] = [request["params"] for request in daemon.asked if request["method"] == "usage/get"]
    assert asked == {"by": "day", "since": "2026-11-01"}
    assert (await machine.jelmore("usage", "--since", "yesterday")).code == 2


async def test_what_a_subscription_pays_for_is_kept_apart(daemon: FakeDaemon, machine: Machine) -> None:
    some(daemon)
    told = (await machine.jelmore("usage", "--by", "provider", "--json")).json
    assert [row["key"] for row in told["rows"]] == ["claude", "claude-work"]
    assert (told["total"]["costUsd"], told["total"]["notionalUsd"], told["total"]["turns"]) == (1.75, 2.0, 3)


async def test_only_the_costliest_unless_all_are_asked_for(daemon: FakeDaemon, machine: Machine) -> None:
    for number in range(1, 15):
        daemon.add(number, name=f"n{number}", usage=used(number, 1))
    short = (await machine.jelmore("usage")).out
    assert "… 2 more: `jelmore usage --all`" in short
    assert " n14 " in short
    assert " n1 " not in short
    assert " n1 " in (await machine.jelmore("usage", "-a")).out


def test_the_sum_of_none() -> None:
    assert total([]) == UsageRow(key="all")


@pytest.mark.parametrize(
    ("word", "day"), [("1d", "2026-11-27"), ("7d", "2026-11-21"), ("2026-02-28", "2026-02-28"), ("30d", "2026-10-29")]
)
def test_since_when(word: str, day: str) -> None:
    assert first_day(word, date(2026, 11, 27)) == day
