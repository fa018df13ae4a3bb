"""Who is recognised: users, tokens, guesses, and processes of our own agents, by real ones."""

from __future__ import annotations

import os
import sys
from http import HTTPStatus
from pathlib import Path

import pytest
import trio
from structlog.typing import EventDict

import jelmored
from jelmored import sockets
from jelmored.actors.running import running
from jelmored.control import guards
from jelmored.control.gate import Refusal
from jelmored.control.guards import ByToken, ByUser
from jelmored.control.guessing import MAX_FAILURES
from jelmored.control.head import Head, parse
from jelmored.control.keyring import Keyring
from jelmored.control.methods import METHODS
from jelmored.control.principal import NetPeer, Peer, Visitor
from jelmored.control.stream import CloseCode
from jelmored.control.tokens import Token, TokenFiles
from jelmored.domain.scopes import Scope
from jelmored.process.child import Child
from jelmored.process.command import Command
from jelmored.process.descent import Origin
from jelmored.process.environment import child_environment
from tests.process.trees import everything, marker

from .stage import Stage, staged
from .wire import HELLO, Wire, dial_port, head, request

ROOT = str(Path(jelmored.__file__).parents[1])
FOR_AGENTS = {"initialize", "ping", "daemon/status"}
ASKED = ("ping", "daemon/status", "session/list", "rpc.discover", "approval/list", "session/create", "daemon/shutdown")
ONLY_LOOKING = ["ping yes", "daemon/status yes", *(f"{method} forbidden" for method in ASKED[2:])]


# Tokens


def showing(token: str) -> Head:
    found = parse(head("/v1", ("Authorization", f"Bearer {token}")))
    assert found is not None
    return found


async def test_ten_wrong_tokens_a_minute_are_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, logged: list[EventDict]
) -> None:
    """Of 10,000 in a row. Whoever comes as another user, or has the right one a minute later, is let in; and so is the
    owner, whatever the agents have shown: they are counted apart."""
    keyring = Keyring(TokenFiles(tmp_path / "tokens"), lambda _: None)
    uid = [7]
    monkeypatch.setattr(sockets, "find", lambda *_: sockets.Socket(1, uid[0]))
    origin = [Origin.AGENT]
    monkeypatch.setattr(guards, "origin_of_socket", lambda _: origin[0])
    compared: list[str] = []
    original = keyring.find

    def find(text: str) -> Token | None:
        compared.append(text)
        return original(text)

    monkeypatch.setattr(keyring, "find", find)
    now = [0.0]
    monkeypatch.setattr(trio, "current_time", lambda: now[0])
    guard, peer = ByToken(keyring), NetPeer(("127.0.0.1", 1), ("127.0.0.1", 2))
    async with running(keyring.run):
        right = keyring.files.path("admin").read_text().strip()
        statuses = [await guard._compared(f"admin.{number:043}", sockets.Socket(1, 7)) for number in range(10_000)]
        refused = [one.status for one in statuses if isinstance(one, Refusal)]
        assert refused == [HTTPStatus.UNAUTHORIZED] * MAX_FAILURES + [HTTPStatus.TOO_MANY_REQUESTS] * 9_990
        assert len(compared) == MAX_FAILURES
        assert len([entry for entry in logged if entry["log_level"] == "warning"]) == MAX_FAILURES
        assert "admin." not in str(logged)
        last = await guard.recognise(showing(right), peer)
        assert isinstance(last, Refusal)
        assert dict(last.headers) == {"Retry-After": "60"}
        origin[0] = Origin.UNKNOWN
        assert isinstance(await guard.recognise(showing(right), peer), Refusal)
        origin[0] = Origin.ELSEWHERE
        owner = await guard.recognise(showing(right), peer)
        assert isinstance(owner, Visitor)
        assert not owner.confined
        origin[0], uid[0] = Origin.AGENT, 8
        assert isinstance(await guard.recognise(showing(right), peer), Visitor)
        uid[0], now[0] = 7, 61.0
        assert isinstance(await guard.recognise(showing(right), peer), Visitor)


async def test_a_guard_stands_at_its_own_door_only(tmp_path: Path) -> None:
    keyring = Keyring(TokenFiles(tmp_path / "tokens"), lambda _: None)
    here, there = Peer(os.getpid(), os.getuid()), NetPeer(("127.0.0.1", 1), ("127.0.0.1", 2))
    assert isinstance(await ByToken(keyring).recognise(showing("x"), here), Refusal)
    assert ByToken(keyring).misdirected(showing("x"), here) is not None
    assert isinstance(await ByUser({os.getuid(): Scope.ADMIN}).recognise(showing("x"), there), Refusal)


@pytest.mark.parametrize("scope", Scope)
async def test_a_token_is_good_for_its_scope(scope: Scope) -> None:
    async with staged(host="127.0.0.1") as stage:
        stage.tokens.add("own", scope)
        async with await entered(stage, "own") as wire:
            assert (await hello(wire))["scope"] == scope


async def test_a_token_that_is_replaced_closes_what_came_by_it() -> None:
    async with staged(host="127.0.0.1") as stage:
        stage.tokens.add("ci", Scope.OBSERVER)
        async with await entered(stage, "ci") as old, await entered(stage, "admin") as other:
            await hello(old)
            stage.tokens.rotate("ci")
            assert await old.close_code(3) == 4001
            async with await entered(stage, "ci") as new:
                stage.tokens.revoke("ci")
                assert await new.close_code(3) == CloseCode.TOKEN
            await hello(other)


async def test_who_is_just_coming_in_by_it_goes_too() -> None:
    async with staged(host="127.0.0.1") as stage, await entered(stage, "admin") as wire:
        token = stage.tokens.token("admin")
        for seat in stage.connections._seats.values():
            seat.connection, connection = None, seat.connection
            stage.connections.expel([token.digest])
            assert seat.expelled
            seat.connection = connection
            seat.expel()
        assert await wire.close_code() == CloseCode.TOKEN


async def entered(stage: Stage, name: str) -> Wire:
    """By a token, as soon as the daemon knows it."""
    assert stage.port is not None
    with trio.fail_after(5):
        while True:
            wire = await dial_port(stage.port.host, stage.port.port)
            token = stage.tokens.path(name).read_text().strip()
            host = ("Host", f"{stage.port.host}:{stage.port.port}")
            await wire.send(head("/v1", host, ("Authorization", f"Bearer {token}"), without="Host"))
            if (await wire.head())[0] == 101:
                return wire
            await wire.stream.aclose()
            await trio.sleep(0.3)


async def hello(wire: Wire) -> dict[str, object]:
    await wire.send(request("initialize", 0, **HELLO))
    result = (await wire.message())["result"]
    assert isinstance(result, dict)
    return result


# Our own agents


def test_what_agents_may_ask() -> None:
    assert {name for name, method in METHODS.items() if method.for_agents} == FOR_AGENTS


def doors(stage: Stage) -> dict[str, str]:
    assert stage.port is not None
    return {"socket": str(stage.socket), "port": f"{stage.port.host}:{stage.port.port}:{stage.token}"}


def insider(how: str, where: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "tests.control.insider", how, where, *ASKED)


@pytest.mark.parametrize("door", ["socket", "port"])
@pytest.mark.parametrize("how", ["plainly", "twice-forked", "orphaned", "abandoned"])
async def test_an_agents_process_may_only_look(nursery: trio.Nursery, door: str, how: str) -> None:
    async with staged(host="127.0.0.1") as stage:
        env = child_environment(os.environ, {"PYTHONPATH": ROOT}, instance_id=marker())
        words = " ".join(insider(how, doors(stage)[door]))
        command = Command(argv=("sh", "-c", f"{words}; sleep 3"), cwd="/", env=env)
        child = Child(command, name="agent")
        await nursery.start(child.run)
        lines: list[bytes] = []
        with trio.fail_after(20):
            while len(lines) < len(ASKED) and (more := await child.read_lines()):
                lines += more
        assert [line.decode() for line in lines] == ONLY_LOOKING
        assert stage.directory.sessions == {}
        assert not stage.shutdowns.asked
        child.kill()
        await child.wait()


@pytest.mark.parametrize("door", ["socket", "port"])
async def test_others_may_do_what_they_may_do(door: str) -> None:
    async with staged(host="127.0.0.1") as stage:
        done = await trio.run_process(
            [*insider("plainly", doors(stage)[door])[:5], "session/list", "daemon/shutdown"],
            env={**os.environ, "PYTHONPATH": ROOT},
            capture_stdout=True,
        )
        assert done.stdout.decode().split("\n")[:2] == ["session/list yes", "daemon/shutdown yes"]


async def test_who_has_connected_and_gone_is_not_known_any_more() -> None:
    """Not an agent's at all; but that can't be told."""
    async with staged() as stage:
        done = await trio.run_process(
            [*insider("abandoned", str(stage.socket))],
            env={**os.environ, "PYTHONPATH": ROOT},
            capture_stdout=True,
        )
        assert done.stdout.decode().splitlines() == ONLY_LOOKING


async def test_a_program_of_the_operators_may_do_everything(nursery: trio.Nursery) -> None:
    async with staged() as stage:
        env = child_environment(os.environ, {"PYTHONPATH": ROOT}, instance_id=marker())
        argv = (*insider("plainly", str(stage.socket))[:5], "session/list")
        child = Child(Command(argv=argv, cwd="/", env=env, operators=True), name="notify")
        await nursery.start(child.run)
        assert await everything(child) == [b"session/list yes"]
        await child.wait()
