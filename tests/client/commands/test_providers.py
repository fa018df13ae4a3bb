from __future__ import annotations

from datetime import UTC, datetime, timedelta

from jelmored.client.exits import Exit
from tests.client.daemon import FakeDaemon
from tests.client.expected import expected
from tests.client.machine import Machine


async def test_providers_and_models(daemon: FakeDaemon, machine: Machine) -> None:
    assert (await machine.jelmore("providers")).out == expected(__file__, "providers")
    assert (await machine.jelmore("providers", "--check", "--json")).json["providers"][1]["remedy"]
    assert [request["params"]["name"] for request in daemon.asked if request["method"] == "provider/check"] == [
        "claude",
        "demo",
    ]
    assert (await machine.jelmore("models")).out == expected(__file__, "models")
    assert (await machine.jelmore("models", "--provider", "claude", "--json")).json["models"][0]["contextLength"]


def moment(**ahead: float) -> str:
    """On the wire; half a minute more, so that a slow machine says the same."""
    return (datetime.now(UTC) + timedelta(seconds=30, **ahead)).isoformat().replace("+00:00", "Z")


async def test_what_is_the_matter_and_until_when_is_said_under_each(daemon: FakeDaemon, machine: Machine) -> None:
    daemon.providers = {
        "claude": {
            "health": "degraded",
            "reason": "usage limit reached",
            "coolingUntil": moment(minutes=12),
            "latencyMs": 1234.5,
            "runs": {"active": 2, "max": 10},
            "quota": [
                {"window": "five_hour", "usedPercent": 72, "resetsAt": moment(hours=3)},
                {"window": "week", "resetsAt": moment(days=-1)},
            ],
        },
        "work": {"health": "unhealthy", "breaker": "open", "openUntil": moment(minutes=2)},
        "other": {"health": "degraded", "breaker": "half_open", "draining": True},
    }
    lines = (await machine.jelmore("providers", TZ="UTC")).out.splitlines()
    assert lines[1].split() == ["claude", "degraded", "2/10", "1.2", "s", "2.1.197", "3", "0", "$0.5000"]
    assert lines[2] == "  usage limit reached"
    assert lines[3].startswith("  cooling until ")
    assert lines[3].endswith(" (in 12 min)")
    assert lines[4].startswith("  quota five_hour ███████░░░ 72 %, new at ")
    assert lines[5] == "  quota week"
    assert "  breaker open until " in lines[9]
    assert lines[9].endswith(" (in 2 min)")
    assert lines[-2:] == ["  breaker half open: the next prompt is its trial", "  draining: starts no more agents"]


async def test_health_has_a_colour(daemon: FakeDaemon, machine: Machine) -> None:
    daemon.providers = {"claude": {}, "work": {"health": "offline"}, "demo": {"health": "unhealthy"}}
    terminal = await machine.at_terminal("providers")
    assert await terminal.end() == 0
    terminal.close()
    assert "\x1b[32m  healthy" in terminal.seen
    assert "\x1b[1;33m  offline" in terminal.seen
    assert "\x1b[31m  unhealthy" in terminal.seen


async def test_an_operator_drains_and_restarts(daemon: FakeDaemon, machine: Machine) -> None:
    drained = await machine.jelmore("providers", "drain", "claude")
    assert (drained.code, drained.out.splitlines()[-1]) == (Exit.OK, "  draining: starts no more agents")
    assert not (await machine.jelmore("providers", "undrain", "claude", "--json")).json["draining"]
    restarted = await machine.jelmore("providers", "--check", "restart", "claude")
    assert restarted.out.splitlines()[-1].startswith("claude    healthy")
    asked = [request["method"] for request in daemon.asked if request["method"].startswith("provider/")]
    assert asked == ["provider/drain", "provider/undrain", "provider/restart", "provider/check"]
