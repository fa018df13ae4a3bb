"""What has befallen similar programs, one test each: the door as it was left open there is shut here.

A port is attacked as it stands, by clients that know it; that what is not loopback is never bound: test_listeners.py.
"""

from __future__ import annotations

import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from jelmored.config.checks import loopback
from jelmored.control import server
from jelmored.domain.commands import CreateSession
from jelmored.domain.scopes import Scope
from jelmored.errors import Refused
from jelmored.supervision.terms import Terms

from .stage import Stage, staged
from .wire import HELLO, Wire, dial, dial_port, head, request, upgraded

EVIL = ("Origin", "https://evil.example")


@asynccontextmanager
async def opened(stage: Stage) -> AsyncIterator[Wire]:
    assert stage.port is not None
    async with await dial_port(stage.port.host, stage.port.port) as wire:
        yield wire


def at_port(stage: Stage, *more: tuple[str, str], host: str = "", token: str = "") -> bytes:
    assert stage.port is not None
    shown = [("Authorization", f"Bearer {token}")] if token else []
    return head("/v1", ("Host", host or f"127.0.0.1:{stage.port.port}"), *shown, *more, without="Host")


async def status_of(stage: Stage, data: bytes) -> tuple[int, str]:
    """And the whole answer."""
    async with opened(stage) as wire:
        await wire.send(data)
        answer = b""
        while b"\r\n\r\n" not in answer or not answer.startswith(b"HTTP/1.1 101"):
            chunk = await wire.stream.receive_some()
            if not chunk:
                break
            answer += chunk
    return int(answer.split()[1]), answer.decode()


async def asked(wire: Wire, *methods: str) -> list[str]:
    """After hello: `yes`, or the kind of the error."""
    await wire.send(request("initialize", 0, **HELLO))
    await wire.message()
    kinds = []
    for method in methods:
        await wire.send(request(method, 1, cwd="/", sessionId="ses_x", prompt="x"))
        answer = await wire.message()
        kinds.append(answer["error"]["data"]["kind"] if "error" in answer else "yes")
    return kinds


async def test_cve_2025_52882_a_web_page_opens_the_local_websocket() -> None:
    """Extensions of Claude Code: any page could connect."""
    async with staged(host="127.0.0.1") as stage:
        assert (await status_of(stage, at_port(stage, EVIL)))[0] == 403
        assert (await status_of(stage, at_port(stage, EVIL, token=stage.token)))[0] == 403
        assert (await status_of(stage, at_port(stage, ("Origin", "null"), token=stage.token)))[0] == 403
        async with await dial(stage.socket) as wire:
            await wire.send(head("/v1", EVIL))
            assert (await wire.head())[0] == 403


async def test_cve_2026_22812_a_page_posts_commands_to_the_port() -> None:
    """OpenCode: no password, and CORS for everyone. Here nothing is done by plain HTTP, and no page reads an answer."""
    async with staged(host="127.0.0.1") as stage:
        assert stage.port is not None
        for method, target in (("POST", "/session"), ("OPTIONS", "/v1"), ("GET", "/v1"), ("POST", "/v1"), ("GET", "/")):
            body = b'{"jsonrpc":"2.0","id":1,"method":"session/create"}'
            plain = f"{method} {target} HTTP/1.1\r\nHost: 127.0.0.1:{stage.port.port}\r\nContent-Type: text/plain\r\n"
            for origin in ("", "Origin: https://evil.example\r\n"):
                status, answer = await status_of(stage, f"{plain}{origin}\r\n".encode())
                assert status in {401, 403, 404}
                assert "access-control" not in answer.lower()
                with_body = f"{plain}{origin}Content-Length: {len(body)}\r\n\r\n".encode() + body
                assert (await status_of(stage, with_body))[0] == 400
        assert stage.directory.sessions == {}


async def test_cve_2026_22813_what_is_said_to_us_comes_back_as_a_page() -> None:
    """OpenCode's page showed what agents had written. Here is no page, and no refusal repeats what it was sent."""
    script = "<script>x()</script>"
    async with staged(host="127.0.0.1") as stage:
        assert stage.port is not None
        for data in (
            f"GET /{script} HTTP/1.1\r\nHost: 127.0.0.1:{stage.port.port}\r\n\r\n".encode(),
            at_port(stage, host=script),
            at_port(stage, ("Origin", script)),
            at_port(stage, token=script),
            at_port(stage, ("Sec-WebSocket-Protocol", "x"), token=stage.token),
        ):
            status, answer = await status_of(stage, data)
            assert status >= 400
            assert "Content-Type: text/plain; charset=utf-8\r\n" in answer
            assert script not in answer


async def test_cve_2025_49596_the_caller_says_what_is_started() -> None:
    """MCP Inspector: a proxy that asked nobody, and took the command from the request."""
    async with staged(host="127.0.0.1") as stage:
        assert (await status_of(stage, at_port(stage)))[0] == 401
    async with staged(scope=Scope.OBSERVER) as stage, await upgraded(stage.socket) as wire:
        assert await asked(wire, "session/create", "session/prompt") == ["forbidden"] * 2
        assert stage.directory.sessions == {}
    with pytest.raises(Refused, match="LD_PRELOAD"):
        await Terms(names=("PATH",)).located(CreateSession(cwd="/", environment={"LD_PRELOAD": "/tmp/x.so"}))


@pytest.mark.parametrize("name", ["evil.example", "127.0.0.1.nip.example", "localhost.evil.example"])
async def test_cve_2026_42559_a_name_of_the_attackers_leads_to_us(name: str) -> None:
    """DNS rebinding (rmcp, and CVE-2026-11624 in MCP servers): the page is of the same origin as we are, then."""
    async with staged(host="127.0.0.1") as stage:
        assert stage.port is not None
        host = f"{name}:{stage.port.port}"
        assert (await status_of(stage, at_port(stage, host=host, token=stage.token)))[0] == 421
        assert (await status_of(stage, at_port(stage, ("Origin", f"http://{host}"), host=host)))[0] == 421


async def test_cve_2024_28179_the_upgrade_is_not_asked_what_requests_are() -> None:
    """jupyter-server-proxy. Here the upgrade is the only request there is; what follows a refusal is not heard."""
    async with staged(host="127.0.0.1") as stage:
        frames = request("initialize", 0, **HELLO) + request("session/create", 1, cwd="/")
        for data in (at_port(stage), at_port(stage, token="x"), at_port(stage) + frames):
            status, answer = await status_of(stage, data + frames if data.endswith(b"\r\n\r\n") else data)
            assert status in {400, 401}
            assert "jsonrpc" not in answer
        assert (stage.connections.count, stage.directory.sessions) == (0, {})


async def test_cve_2026_52869_an_id_lets_its_bearer_in() -> None:
    """MCP Python SDK: who knew a session's id was taken for its owner. Here ids are no secrets, and open nothing."""
    async with staged(host="127.0.0.1") as stage, await upgraded(stage.socket) as wire:
        await wire.send(request("initialize", 0, **HELLO))
        welcome = (await wire.message())["result"]
        session = stage.directory.open()
        for known in (welcome["connectionId"], welcome["instanceId"], session.id):
            assert (await status_of(stage, at_port(stage, token=known)))[0] == 401


async def test_cve_2026_59951_the_table_of_clients_has_no_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """MCP Python SDK again."""
    monkeypatch.setattr(server, "MAX_CLIENTS", 3)
    async with staged(host="127.0.0.1") as stage:
        inside = [await upgraded(stage.socket) for _ in range(3)]
        assert (await status_of(stage, at_port(stage, token=stage.token)))[0] == 503
        assert stage.connections.count == 3
        for wire in inside:
            await wire.stream.aclose()


async def test_jupyter_4_3_there_is_a_token_if_nobody_has_thought_of_one() -> None:
    async with staged(host="127.0.0.1") as stage:
        assert stage.token.startswith("admin.")
        assert (await status_of(stage, at_port(stage)))[0] == 401
        assert (await status_of(stage, at_port(stage, token=stage.token)))[0] == 101


@pytest.mark.parametrize("address", ["0.0.0.0:2375", "[::]:2375", "192.0.2.7:2375"])
async def test_docker_a_port_for_the_whole_network_and_a_socket_for_a_group(address: str) -> None:
    with pytest.raises(ValueError, match="not loopback"):
        loopback(address)
    async with staged() as stage:
        assert stat.S_IMODE(stage.socket.stat().st_mode) & 0o077 == 0
