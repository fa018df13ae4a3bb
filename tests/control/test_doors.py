"""The handshake matrix: what each door answers to whom, over real sockets, byte for byte."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from jelmored.control import guessing
from tests.eventually import eventually

from .stage import Stage, staged
from .test_gate import LET_IN, ORIGIN, REFUSED, SUBPROTOCOL
from .wire import Wire, dial, dial_port, head

EDITOR = "https://editor.example"
AUTHORIZATION = "Authorization"
HOST, PORT, TOKEN = "{host}", "{port}", "{token}"
"""What stands for the port's own in a case."""

OTHERWISE = {
    "any host": 421,
    "a token in its header": 401,
    "no host": 421,
    "host that is no IDNA": 421,
}
"""Where a port answers something else than the socket does."""

Case = tuple[bytes, int]


def plain(*more: tuple[str, str | bytes], target: str = "/v1") -> bytes:
    """Nothing of a port in it that is not said."""
    return head(target, *more, without="Host")


def at(host: str, *more: tuple[str, str | bytes], target: str = "/v1") -> bytes:
    return plain(("Host", host), (AUTHORIZATION, f"Bearer {TOKEN}"), *more, target=target)


def showing(*more: tuple[str, str | bytes]) -> bytes:
    """The right host, and whatever token."""
    return plain(("Host", f"{HOST}:{PORT}"), *more)


PORT_ONLY: Mapping[str, Case] = {
    "by number": (at(f"127.0.0.1:{PORT}"), 101),
    "by name": (at(f"localhost:{PORT}"), 101),
    "by name, loud": (at(f"LOCALHOST:{PORT}"), 101),
    "by the other number": (at(f"[::1]:{PORT}"), 101),
    "small bearer": (showing((AUTHORIZATION, f"bearer {TOKEN}")), 101),
    "a page's token": (showing((ORIGIN, EDITOR), (SUBPROTOCOL, f"jelmored.v1, jelmored.token.{TOKEN}")), 101),
    "a page's token first": (showing((ORIGIN, EDITOR), (SUBPROTOCOL, f"jelmored.token.{TOKEN}, jelmored.v1")), 101),
    "a program beside a page's origin": (at(f"{HOST}:{PORT}", (ORIGIN, EDITOR), (SUBPROTOCOL, "jelmored.v1")), 101),
    # the host
    "no port": (at("127.0.0.1"), 421),
    "another port": (at("127.0.0.1:1"), 421),
    "a name that was bound to us": (at(f"evil.example:{PORT}"), 421),
    "a name that begins like ours": (at(f"127.0.0.1.evil.example:{PORT}"), 421),
    "a name that ends like ours": (at(f"evil-localhost:{PORT}"), 421),
    "a dot behind": (at(f"localhost.:{PORT}"), 421),
    "every address": (at(f"0.0.0.0:{PORT}"), 421),
    "another loopback": (at(f"127.0.0.2:{PORT}"), 421),
    "a short number": (at(f"127.1:{PORT}"), 421),
    "one number": (at(f"2130706433:{PORT}"), 421),
    "someone at our name": (at(f"a@127.0.0.1:{PORT}"), 421),
    "a path behind": (at(f"127.0.0.1:{PORT}/"), 421),
    "two in one": (at(f"127.0.0.1:{PORT}, evil.example"), 421),
    "empty": (at(""), 421),
    # the token
    "none": (showing(), 401),
    "empty token": (showing((AUTHORIZATION, "Bearer ")), 401),
    "bearer alone": (showing((AUTHORIZATION, "Bearer")), 401),
    "another way": (showing((AUTHORIZATION, f"Basic {TOKEN}")), 401),
    "bare": (showing((AUTHORIZATION, TOKEN)), 401),
    "cut": (showing((AUTHORIZATION, f"Bearer {TOKEN}"[:-1])), 401),
    "one letter more": (showing((AUTHORIZATION, f"Bearer {TOKEN}x")), 401),
    "two": (showing((AUTHORIZATION, f"Bearer {TOKEN} {TOKEN}")), 401),
    "its scope alone": (showing((AUTHORIZATION, "Bearer admin.")), 401),
    "a quoted one": (showing((AUTHORIZATION, f'Bearer "{TOKEN}"')), 401),
    "in a cookie": (showing(("Cookie", f"token={TOKEN}")), 401),
    "in two headers": (showing((AUTHORIZATION, f"Bearer {TOKEN}"), (AUTHORIZATION, f"Bearer {TOKEN}")), 400),
    "in the URL": (at(f"{HOST}:{PORT}", target=f"/v1?token={TOKEN}"), 400),
    "a page's wrong one": (showing((ORIGIN, EDITOR), (SUBPROTOCOL, "jelmored.v1, jelmored.token.x")), 401),
    "a page's, of no page": (showing((SUBPROTOCOL, f"jelmored.v1, jelmored.token.{TOKEN}")), 401),
    "a page's, of another page": (
        showing((ORIGIN, "https://evil.example"), (SUBPROTOCOL, f"jelmored.v1, jelmored.token.{TOKEN}")),
        403,
    ),
    "a page's, alone": (showing((ORIGIN, EDITOR), (SUBPROTOCOL, f"jelmored.token.{TOKEN}")), 400),
    "a page's, twice": (
        showing((ORIGIN, EDITOR), (SUBPROTOCOL, f"jelmored.v1, jelmored.token.{TOKEN}, jelmored.token.{TOKEN}")),
        400,
    ),
    "both ways": (at(f"{HOST}:{PORT}", (ORIGIN, EDITOR), (SUBPROTOCOL, f"jelmored.v1, jelmored.token.{TOKEN}")), 400),
    # the order
    "path before host": (at("evil.example", target="/v2"), 404),
    "URL before host": (at("evil.example", target="/v1?"), 400),
    "host before origin": (at("evil.example", (ORIGIN, "https://evil.example")), 421),
    "host before token": (plain(("Host", "evil.example")), 421),
    "origin before token": (showing((ORIGIN, "https://evil.example")), 403),
    "token before subprotocol": (showing((SUBPROTOCOL, "other")), 401),
    "subprotocol before the rest": (at(f"{HOST}:{PORT}", (SUBPROTOCOL, "other")), 400),
    "token before upgrade": (showing().replace(b"Upgrade: websocket\r\n", b""), 401),
}


def adapted(data: bytes) -> bytes:
    """A case of the socket, for the port: with its host and the token, where the case has no own ones."""
    more = b"" if b"uthorization" in data else f"{AUTHORIZATION}: Bearer {TOKEN}\r\n".encode()
    return data.replace(b"Host: localhost\r\n", f"Host: {HOST}:{PORT}\r\n".encode() + more, 1)


SOCKET: Mapping[str, Case] = {
    **{name: (data, 101) for name, (data, _) in LET_IN.items()},
    **REFUSED,
}
LOOPBACK: Mapping[str, Case] = {
    **{name: (adapted(data), OTHERWISE.get(name, status)) for name, (data, status) in SOCKET.items()},
    **PORT_ONLY,
}


def test_there_are_cases_enough() -> None:
    assert len(SOCKET) >= 60
    assert len(LOOPBACK) >= 110


async def answered(wire: Wire, data: bytes) -> tuple[int, str]:
    async with wire:
        await wire.send(data)
        return await wire.head()


def selected(answer: str) -> list[str]:
    return [line.partition(": ")[2] for line in answer.split("\r\n") if line.startswith(SUBPROTOCOL)]


async def test_the_socket() -> None:
    async with staged(allowed_origins=(EDITOR,)) as stage:
        wrong = {}
        for name, (data, status) in SOCKET.items():
            got, answer = await answered(await dial(stage.socket), data)
            if got != status or (got != 101 and answer.count("\n") != 1):
                wrong[name] = got
            if got == 101:
                assert selected(answer) == [subprotocol for subprotocol in [LET_IN[name][1]] if subprotocol]
        assert wrong == {}
        await nothing_stays(stage)


async def test_other_web_origins_may_be_let_in_from_now_on() -> None:
    async with staged() as stage:
        for origins, status in (((), 403), ((EDITOR,), 101), ((), 403)):
            stage.connections.allow_origins(origins)
            got, _ = await answered(await dial(stage.socket), head("/v1", (ORIGIN, EDITOR)))
            assert got == status


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_the_port(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guessing, "MAX_FAILURES", 1000)
    async with staged(allowed_origins=(EDITOR,), host=host) as stage:
        wrong = {}
        for name, (case, status) in LOOPBACK.items():
            got, answer = await at_the_port(stage, case)
            if got != status or (got != 101 and answer.count("\n") != 1):
                wrong[name] = got
            assert stage.token not in answer
            if got == 101:
                assert selected(answer) in ([], ["jelmored.v1"])
        assert wrong == {}
        await nothing_stays(stage)


async def at_the_port(stage: Stage, case: bytes) -> tuple[int, str]:
    assert stage.port is not None
    host = f"[{stage.port.host}]" if ":" in stage.port.host else stage.port.host
    data = case
    for word, own in ((HOST, host), (PORT, str(stage.port.port)), (TOKEN, stage.token)):
        data = data.replace(word.encode(), own.encode())
    return await answered(await dial_port(stage.port.host, stage.port.port), data)


async def nothing_stays(stage: Stage) -> None:
    await eventually(lambda: stage.connections.count == 0, 5)
    assert not stage.connections.failures


async def test_another_user_is_refused() -> None:
    async with staged(user=4_000_000_000) as stage:
        assert (await answered(await dial(stage.socket), head()))[0] == 403
