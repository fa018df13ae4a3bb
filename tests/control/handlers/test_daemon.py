"""What clients ask of the daemon, over a real socket: what it gives, and how it refuses."""

from __future__ import annotations

from tests.client_raw import connect
from tests.control.asking import refused
from tests.control.stage import staged


async def test_ping() -> None:
    async with staged() as stage, connect(stage.socket) as client:
        assert await client.request("ping") == {}


async def test_daemon_status() -> None:
    async with staged() as stage, connect(stage.socket) as client, connect(stage.socket):
        stage.directory.open()
        status = await client.request("daemon/status")
    assert status.pop("uptimeSeconds") >= 0
    assert status.pop("tasks") > 1
    assert status == {
        "version": "0.0.test",
        "instanceId": "ins_test",
        "pid": 4711,
        "providers": {"claude": "healthy", "broken": "unhealthy"},
        "sessions": {"idle": 1},
        "runs": 3,
        "connections": 2,
        "journal": {"ok": True, "bytes": 0, "lagMs": 0.0},
        "draining": False,
        "logLost": 0,
    }


async def test_the_daemon_is_drained_and_undrained() -> None:
    async with staged() as stage, connect(stage.socket) as client:
        assert (await client.request("daemon/drain"))["draining"] is True
        assert (await client.request("daemon/status"))["draining"] is True
        assert (await client.request("daemon/undrain"))["draining"] is False


async def test_the_configuration_is_shown_and_read_again() -> None:
    async with staged() as stage, connect(stage.socket) as client:
        assert await client.request("config/get") == {
            "settings": [{"key": "load_balancing", "value": True, "origin": "/c.toml:1", "counts": "live"}]
        }
        assert await client.request("daemon/reload") == {
            "applied": ["load_balancing"],
            "nextRun": [],
            "needsRestart": ["journal.synchronous"],
        }


async def test_daemon_shutdown() -> None:
    async with staged() as stage, connect(stage.socket) as client:
        assert await client.request("daemon/shutdown", graceSeconds=1.5) == {}
        assert await client.request("daemon/shutdown") == {}
        await refused(client.request("daemon/shutdown", graceSeconds=-1), -32602, "invalid-params", "graceSeconds")
        assert stage.shutdowns.asked == [1.5, None]
