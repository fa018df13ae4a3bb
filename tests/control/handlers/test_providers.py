"""What clients ask of providers, over a real socket."""

from __future__ import annotations

from structlog.typing import EventDict

from tests.client_raw import connect
from tests.control.asking import refused
from tests.control.stage import staged


async def test_providers_and_models() -> None:
    async with staged() as stage, connect(stage.socket) as client:
        listed = (await client.request("provider/list"))["providers"]
        assert [one["name"] for one in listed] == ["claude", "broken"]
        assert await client.request("provider/get", name="claude") == listed[0]
        assert (await client.request("provider/check", name="claude"))["health"] == "healthy"
        assert (await client.request("provider/drain", name="claude"))["draining"]
        assert not (await client.request("provider/undrain", name="claude"))["draining"]
        assert (await client.request("provider/restart", name="claude"))["name"] == "claude"
        models = (await client.request("model/list", provider="claude"))["models"]
        assert [(one["name"], one["contextLength"]) for one in models] == [("sonnet", 200_000)]
        await refused(client.request("provider/get", name="none"), -32002, "not-found", "name")
        await refused(client.request("provider/get"), -32602, "invalid-params", "name")


async def test_an_error_of_ours_is_answered_and_logged(logged: list[EventDict]) -> None:
    async with staged() as stage, connect(stage.socket) as client:
        error = await refused(client.request("provider/check", name="broken"), -32603, "internal")
        assert "bug" not in error.message
        assert await client.request("ping") == {}
    assert [(one["method"], one["error"]) for one in logged if one["log_level"] == "error"] == [
        ("provider/check", "ZeroDivisionError")
    ]


async def test_a_choice_is_rehearsed() -> None:
    async with staged() as stage, connect(stage.socket) as client:
        told = await client.request("provider/rank", requirements={"capabilities": ["streaming"]})
        assert not stage.directory.sessions
    assert [(one["provider"], one["accepted"], one.get("obstacle")) for one in told["ranking"]] == [
        ("claude", True, None),
        ("broken", False, "unhealthy"),
    ]
    assert told["ranking"][0]["reasons"] == ["healthy", "3 of 10 places taken", "the default provider"]


async def test_what_an_agent_keeps_is_listed_and_goes_on_here() -> None:
    async with staged() as stage, connect(stage.socket) as client:
        page = await client.request("provider/pastSessions", name="claude", limit=1)
        kept = {"nativeId": "native-1", "cwd": "/work", "title": "long ago", "updatedAt": "2026-01-02T00:00:00.000Z"}
        assert page == {"sessions": [kept], "nextCursor": "native-1"}
        last = await client.request("provider/pastSessions", name="claude", cursor=page["nextCursor"])
        assert last == {"sessions": []}
        adopted = await client.request("session/adopt", provider="claude", nativeId="native-1", title="mine")
        assert (adopted["title"], stage.directory.did[-1]) == ("mine", "adopt native-1")
        await refused(
            client.request("provider/pastSessions", name="claude", limit=0), -32602, "invalid-params", "limit"
        )
