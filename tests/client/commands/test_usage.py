from __future__ import annotations

from typing import Any

from jelmored.client.commands.usage import total
from jelmored.domain.sessions import SessionView
from jelmored.wire import codec
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
    assert "docs" not in (await machine.jelmore("usage", "tests")).out


async def test_what_a_subscription_pays_for_is_kept_apart(daemon: FakeDaemon, machine: Machine) -> None:
    some(daemon)
    told = (await machine.jelmore("usage", "--json")).json
    assert told["total"]["billed"]["costUsd"] == 1.75
    assert told["total"]["notional"]["costUsd"] == 2.0
    assert told["total"]["sessions"] == 4
    assert set(told["providers"]) == {"claude", "claude-work"}
    assert [one["usage"]["costUsd"] for one in told["sessions"]] == [0.5, 1.25, 2.0, 0.0]


async def test_only_the_costliest_unless_all_are_asked_for(daemon: FakeDaemon, machine: Machine) -> None:
    for number in range(1, 15):
        daemon.add(number, name=f"n{number}", usage=used(number, 1))
    short = (await machine.jelmore("usage")).out
    assert "… 2 more: `jelmore usage --all`" in short
    assert " n14 " in short
    assert " n1 " not in short
    assert " n1 " in (await machine.jelmore("usage", "-a")).out


def test_the_sum_of_none() -> None:
    nothing: list[SessionView] = []
    assert codec.to_json(total(nothing))["sessions"] == 0
