"""Where the server is found, and which servers are taken."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

from jelmored.errors import ErrorKind, ProviderError, ProviderUnavailableError, SessionError
from jelmored.process.child import Command
from jelmored.providers.opencode.client import OpencodeClient
from jelmored.providers.opencode.launch import Home, Launch
from jelmored.providers.opencode.server import Berth, Server, attach, serve
from jelmored.providers.opencode.surroundings import Surroundings

from .fake import FakeServer, Says, serving

HEALTH = Says({"healthy": True, "version": "1.18.33"})


async def _attached(server: FakeServer, password: str, berth: Berth) -> None:
    server.answers["GET /global/health"] = HEALTH
    await attach(server.url, password, berth)


async def test_a_server_that_runs_already_is_used() -> None:
    berth = Berth()
    async with serving() as (server, _), trio.open_nursery() as nursery:
        nursery.start_soon(_attached, server, "right", berth)
        assert (await berth.server(5)).version == "1.18.33"
        nursery.cancel_scope.cancel()


async def test_a_server_that_lets_anybody_in_is_refused() -> None:
    async with serving(password=None) as (server, _):
        with pytest.raises(ProviderUnavailableError, match="wants no password") as caught:
            await _attached(server, "right", Berth())

    assert caught.value.kind is ErrorKind.AUTH_REQUIRED
    assert "OPENCODE_SERVER_PASSWORD" in str(caught.value.remedy)


async def test_a_wrong_password_is_told_with_what_to_do() -> None:
    async with serving() as (server, _):
        with pytest.raises(ProviderUnavailableError) as caught:
            await _attached(server, "wrong", Berth())

    assert (caught.value.kind, "api_key" in str(caught.value.remedy)) == (ErrorKind.AUTH_REQUIRED, True)


async def test_a_run_waits_for_the_next_server_but_not_for_ever() -> None:
    berth = Berth()
    async with serving() as (_, client), trio.open_nursery() as nursery:
        berth.lacks(SessionError(ErrorKind.AGENT_CRASHED, "it ended by itself"))
        with pytest.raises(SessionError, match="ended by itself"):
            await berth.server(0.05)
        nursery.start_soon(_come_later, berth, client)
        assert (await berth.server(5)).version == "1"
        nursery.cancel_scope.cancel()
    with pytest.raises(ProviderError, match="not up within"):
        await berth.server(0.05)


async def _come_later(berth: Berth, client: OpencodeClient) -> None:
    await trio.sleep(0.05)
    async with berth.holding(Server.of(client, "1", Surroundings(Path("/nowhere")))):
        await trio.sleep_forever()


async def test_what_only_a_person_can_mend_is_told_at_once() -> None:
    berth = Berth()
    berth.lacks(ProviderUnavailableError(ErrorKind.NOT_INSTALLED, "it is not there"))

    with trio.fail_after(1), pytest.raises(ProviderUnavailableError, match="not there"):
        await berth.server(30)


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (("sh", "-c", "echo no port >&2; exit 3"), "exit code 3"),
        (("sh", "-c", "echo opencode server listening on x; sleep 600"), "is gone"),
    ],
    ids=["it ends", "it says that it listens and does not"],
)
async def test_a_server_that_does_not_come_up_says_why(argv: tuple[str, ...], words: str) -> None:
    command = Command(argv=argv, cwd="/", env={"PATH": "/usr/bin:/bin"})
    launch = Launch(command=command, home=Home(None), url="http://127.0.0.1:9", password="x")  # type: ignore[arg-type]

    with trio.fail_after(10), pytest.raises(ProviderError, match=words) as caught:
        await serve(launch, Berth(), name="opencode")
    assert caught.value.kind is ErrorKind.AGENT_CRASHED
