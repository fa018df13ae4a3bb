"""The rules of the conversation: hello first, order, limits, errors (protocol 1, sections 2 and 5)."""

from __future__ import annotations

import json
from typing import Any

import pytest
import trio

from jelmored import secrecy
from jelmored.control import guards
from jelmored.control.dialogue import INITIALIZE_SECONDS, MAX_IN_FLIGHT
from jelmored.domain.scopes import Scope
from jelmored.domain.times import utc_now
from jelmored.errors import Crashed, ErrorKind, JournalError, ProviderError, Stopped
from jelmored.process.descent import Origin
from tests.client_raw import RpcError, connect
from tests.eventually import eventually

from .stage import staged
from .wire import BINARY, HELLO, PING, PONG, TEXT, Wire, frame, request, upgraded


async def test_the_welcome() -> None:
    async with staged() as stage, await upgraded(stage.socket) as wire:
        await wire.send(request("initialize", 7, **HELLO, capabilities={"deltas": False, "future": 1}, more=[]))
        reply = await wire.message()
    assert reply["result"].pop("connectionId").startswith("con_")
    assert reply == {
        "jsonrpc": "2.0",
        "id": 7,
        "result": {
            "protocolVersion": 1,
            "serverInfo": {"name": "jelmored", "version": "0.0.test"},
            "instanceId": "ins_test",
            "scope": "admin",
            "limits": {"maxMessageBytes": 16 * 1024 * 1024},
            "forwardEnv": ["LANG"],
        },
    }


async def test_nothing_goes_before_hello_and_hello_goes_once() -> None:
    async with staged() as stage, await upgraded(stage.socket) as wire:
        assert await error_of(wire, request("ping")) == (-32600, "not-initialized")
        assert await error_of(wire, request("no/method")) == (-32600, "not-initialized")
        assert await error_of(wire, request("initialize", **(HELLO | {"protocolVersion": 2}))) == (
            1001,
            "unsupported-protocol",
        )
        assert await error_of(wire, request("initialize", protocolVersion=1)) == (-32602, "invalid-params")
        nameless = HELLO | {"clientInfo": {"name": "x" * 201, "version": "1"}}
        assert await error_of(wire, request("initialize", **nameless)) == (-32602, "invalid-params")
        await wire.send(request("initialize", **HELLO))
        assert "result" in await wire.message()
        assert await error_of(wire, request("initialize", **HELLO)) == (-32600, "invalid-message")
        await wire.send(request("ping"))
        assert (await wire.message())["result"] == {}


async def test_another_version_learns_which_are_spoken() -> None:
    async with staged() as stage, await upgraded(stage.socket) as wire:
        await wire.send(request("initialize", protocolVersion=99, clientInfo="of another shape"))
        assert (await wire.message())["error"]["data"]["supported"] == [1]


async def test_no_hello(autojump_clock: trio.abc.Clock) -> None:
    async with staged() as stage, await upgraded(stage.socket) as wire:
        start = trio.current_time()
        await wire.send(request("ping"))
        assert (await wire.message())["error"]["data"]["kind"] == "not-initialized"
        assert await wire.close_code(60) == 1002
        assert trio.current_time() - start == pytest.approx(INITIALIZE_SECONDS, abs=0.5)


@pytest.mark.parametrize(
    ("text", "key", "code", "kind"),
    [
        ("{", None, -32700, "parse-error"),
        ("", None, -32700, "parse-error"),
        ("[" * 100_000, None, -32700, "parse-error"),
        ('{"a":"\\ud800"}', None, -32700, "parse-error"),
        ("[]", None, -32600, "invalid-message"),
        ('[{"jsonrpc":"2.0","id":1,"method":"ping"}]', None, -32600, "invalid-message"),
        ("null", None, -32600, "invalid-message"),
        ('{"id":1,"method":"ping"}', 1, -32600, "invalid-message"),
        ('{"jsonrpc":"1.0","id":1,"method":"ping"}', 1, -32600, "invalid-message"),
        ('{"jsonrpc":"2.0","id":1}', 1, -32600, "invalid-message"),
        ('{"jsonrpc":"2.0","id":null,"method":"ping"}', None, -32600, "invalid-message"),
        ('{"jsonrpc":"2.0","id":1.5,"method":"ping"}', None, -32600, "invalid-message"),
        ('{"jsonrpc":"2.0","id":true,"method":"ping"}', None, -32600, "invalid-message"),
        ('{"jsonrpc":"2.0","id":"a","method":"ping","params":[]}', "a", -32602, "invalid-params"),
        ('{"jsonrpc":"2.0","id":"a","method":"Ping"}', "a", -32601, "method-not-found"),
        ('{"jsonrpc":"2.0","id":1,"method":"rpc.undo"}', 1, -32601, "method-not-found"),
    ],
)
async def test_what_is_no_request(text: str, key: object, code: int, kind: str) -> None:
    async with staged() as stage, await upgraded(stage.socket, hello=True) as wire:
        await wire.send(frame(TEXT, text.encode()))
        reply = await wire.message()
        assert (reply["id"], reply["error"]["code"], reply["error"]["data"]["kind"]) == (key, code, kind)
        await wire.send(request("ping", 2))
        assert (await wire.message())["result"] == {}


async def test_an_error_is_told_without_secrets_to_whoever_has_asked() -> None:
    token = secrecy.make("admin")
    async with staged() as stage, await upgraded(stage.socket, hello=True) as wire:
        text = json.dumps({"jsonrpc": "2.0", "id": token, "method": f"no/{token}"}).encode()
        await wire.send(frame(TEXT, text))
        reply = await wire.message()
        assert reply["id"] == token
        assert token not in str(reply["error"])


async def test_notifications_and_binary_frames_get_no_answer() -> None:
    async with staged() as stage, await upgraded(stage.socket, hello=True) as wire:
        for message in ('{"jsonrpc":"2.0","method":"ping"}', '{"jsonrpc":"2.0","method":"no/such","params":{}}'):
            await wire.send(frame(TEXT, message.encode()))
        await wire.send(frame(BINARY, b"\x00\xff"))
        await wire.send(request("ping", 5))
        assert (await wire.message())["id"] == 5


async def test_unknown_params_are_ignored() -> None:
    async with staged() as stage, connect(stage.socket) as client:
        assert await client.request("ping", future=True) == {}
        assert (await client.request("session/create", cwd="/", future=1))["cwd"] == "/"


async def test_requests_of_one_session_take_effect_in_order() -> None:
    async with staged() as stage, await upgraded(stage.socket, hello=True) as wire:
        one, two = stage.directory.open().id, stage.directory.open().id
        asked: list[tuple[str, dict[str, str]]] = [
            ("session/interrupt", {"sessionId": one}),
            ("session/prompt", {"sessionId": one, "prompt": "second"}),
            ("session/queue", {"sessionId": one}),
            ("session/prompt", {"sessionId": two, "prompt": "first of another"}),
            ("ping", {}),
        ]
        for key, (method, params) in enumerate(asked):
            await wire.send(request(method, key, **params))
        assert {(await wire.message())["id"], (await wire.message())["id"]} == {3, 4}
        stage.directory.gate.set()
        replies = [await wire.message() for _ in range(3)]
        assert [reply["id"] for reply in replies] == [0, 1, 2]
        assert [prompt["prompt"] for prompt in replies[2]["result"]["prompts"]] == ["second"]
        assert stage.directory.did == ["interrupt begins", "first of another", "interrupt ends", "second"]


async def test_an_answer_to_an_approval_stands_in_the_line_of_its_session() -> None:
    async with staged() as stage, await upgraded(stage.socket, hello=True) as wire:
        session = stage.directory.open()
        approval = await session.ask()
        await wire.send(request("session/interrupt", 1, sessionId=session.id))
        await wire.send(request("approval/resolve", 2, approvalId=approval.approval_id, optionId="allow"))
        await wire.send(request("ping", 3))
        assert (await wire.message())["id"] == 3
        stage.directory.gate.set()
        assert [(await wire.message())["id"] for _ in range(2)] == [1, 2]


async def test_too_many_requests_in_flight() -> None:
    async with staged() as stage, await upgraded(stage.socket, hello=True) as wire:
        session = stage.directory.open().id
        for key in range(MAX_IN_FLIGHT + 2):
            await wire.send(request("session/interrupt", key, sessionId=session))
        for key in (MAX_IN_FLIGHT, MAX_IN_FLIGHT + 1):
            reply = await wire.message()
            assert (reply["id"], reply["error"]["code"]) == (key, -32001)
            assert reply["error"]["data"] == {"kind": "overloaded", "retryable": True}
        stage.directory.gate.set()
        assert [(await wire.message())["id"] for _ in range(MAX_IN_FLIGHT)] == list(range(MAX_IN_FLIGHT))
        await wire.send(request("ping", 99))
        assert (await wire.message())["result"] == {}


async def test_a_client_that_leaves_takes_its_requests_and_subscriptions_along() -> None:
    async with staged() as stage:
        session = stage.directory.open()
        async with connect(stage.socket) as client:
            await client.request("session/subscribe", sessionId="*")
            await client.send_text(
                json.dumps({
                    "jsonrpc": "2.0",
                    "id": "x",
                    "method": "session/interrupt",
                    "params": {"sessionId": session.id},
                })
            )
            await eventually(lambda: stage.directory.did == ["interrupt begins"], 5)
            assert session.feed.subscribers
        await eventually(lambda: stage.connections.count == 0, 5)
        assert not session.feed.subscribers
        assert stage.directory.did == ["interrupt begins"]
        await stage.directory.open().say("nobody listens")


RETRY_AT = utc_now()


@pytest.mark.parametrize(
    ("error", "code", "data"),
    [
        (
            ProviderError(ErrorKind.AUTH_REQUIRED, "not logged in", remedy="run `claude /login`"),
            1301,
            {"kind": "auth-required", "retryable": False, "remedy": "run `claude /login`"},
        ),
        (
            ProviderError(ErrorKind.RATE_LIMITED, "slow down", retry_at=RETRY_AT),
            1303,
            {"kind": "rate-limited", "retryable": True, "retryAfterSeconds": 0.0},
        ),
        (JournalError(ErrorKind.JOURNAL_FULL, "no space"), 1500, {"kind": "journal-full", "retryable": True}),
        (Stopped(), -32001, {"kind": "overloaded", "retryable": True}),
        (Crashed(), -32603, {"kind": "internal", "retryable": False}),
        (ValueError("secret"), -32603, {"kind": "internal", "retryable": False}),
    ],
)
async def test_what_a_client_learns_of_failures_below(
    error: Exception, code: int, data: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with staged() as stage, connect(stage.socket) as client:

        async def fail(*_: object) -> None:
            raise error

        monkeypatch.setattr(stage.directory, "close", fail)
        with pytest.raises(RpcError) as caught:
            await client.request("session/close", sessionId="ses_x")
        assert (caught.value.code, caught.value.data) == (code, data)
        assert "secret" not in caught.value.message


async def test_an_answer_that_is_too_large() -> None:
    async with staged() as stage, connect(stage.socket) as client:
        session = stage.directory.open().id
        for _ in range(5):
            await client.request("session/prompt", sessionId=session, prompt="x" * 4_000_000)
        with pytest.raises(RpcError, match="larger than 16 MiB"):
            await client.request("session/queue", sessionId=session)


async def test_a_scope_that_does_not_reach() -> None:
    async with staged(scope=Scope.OBSERVER) as stage, connect(stage.socket) as client:
        assert client.hello["scope"] == "observer"
        assert await client.request("session/list") == {"sessions": []}
        for method in ("session/create", "daemon/shutdown"):
            with pytest.raises(RpcError) as caught:
                await client.request(method)
            assert (caught.value.code, caught.value.kind) == (1400, "forbidden")


async def test_an_agents_process_is_told_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async with staged() as stage, connect(stage.socket) as owner:
        monkeypatch.setattr(guards, "origin_of", lambda _: Origin.AGENT)
        async with connect(stage.socket) as agent:
            stage.directory.hub.broadcast("daemon/event", {"kind": "news", "content": "for people"})
            await eventually(lambda: any(note.method == "daemon/event" for note in owner.notes), 5)
            await agent.request("daemon/status")
            assert agent.notes == []


async def test_once_the_daemon_stops_it_tells_and_takes_nothing_more() -> None:
    async with staged() as stage, connect(stage.socket) as client:
        session = await client.request("session/create", cwd="/")
        await client.request("daemon/shutdown")
        for method, params in (("session/create", {"cwd": "/"}), ("session/prompt", {**session, "prompt": "go"})):
            with pytest.raises(RpcError) as caught:
                await client.request(method, **params)
            assert (caught.value.kind, caught.value.data["retryable"]) == ("overloaded", True)
        assert await client.request("session/list")
        assert await client.request("session/subscribe", sessionId=session["sessionId"])


async def test_pings_of_the_protocol_below_are_answered_in_between() -> None:
    async with staged() as stage, await upgraded(stage.socket, hello=True) as wire:
        await wire.send(frame(PING, b"are you there"))
        assert await wire.frame() == (PONG, b"are you there")


async def error_of(wire: Wire, data: bytes) -> tuple[int, str]:
    await wire.send(data)
    error = (await wire.message())["error"]
    return error["code"], error["data"]["kind"]
