"""With real sockets: a server, a proxy, and a port where nobody is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import pytest
import trio

from jelmored.providers import reaching
from jelmored.providers.reaching import next_hop, reaches

API = "https://api.example.org"


@asynccontextmanager
async def listening() -> AsyncIterator[int]:
    async def accept(stream: trio.SocketStream) -> None:
        await stream.aclose()

    async with trio.open_nursery() as nursery:
        (listener,) = await nursery.start(partial(trio.serve_tcp, accept, 0, host="127.0.0.1"))
        yield listener.socket.getsockname()[1]
        nursery.cancel_scope.cancel()


async def nobody() -> int:
    """A port where nobody listens."""
    async with listening() as port:
        return port


async def test_a_server_that_is_there_and_one_that_is_not() -> None:
    async with listening() as port:
        assert await reaches(f"http://127.0.0.1:{port}/v1", {}) is True
    assert await reaches(f"http://127.0.0.1:{port}/v1", {}) is False


async def test_behind_a_proxy_it_is_the_proxy_that_counts() -> None:
    async with listening() as port:
        assert await reaches(API, {"HTTPS_PROXY": f"http://127.0.0.1:{port}"}) is True
    assert await reaches(API, {"https_proxy": f"127.0.0.1:{port}"}) is False


async def test_what_hangs_is_not_there(monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock) -> None:
    async def hang(host: str, port: int) -> trio.SocketStream:
        await trio.sleep_forever()
        raise AssertionError

    monkeypatch.setattr(trio, "open_tcp_stream", hang)
    assert await reaches(API, {}) is False
    assert trio.current_time() == reaching.DEADLINE


@pytest.mark.parametrize("url", ["", "https://host:port", "ftp+x://host", "not an address"])
async def test_an_address_in_ruins_is_not_known(url: str) -> None:
    assert await reaches(url, {}) is None


@pytest.mark.parametrize(
    ("environ", "hop"),
    [
        ({}, "api.example.org"),
        ({"HTTPS_PROXY": ""}, "api.example.org"),
        ({"HTTP_PROXY": "http://other:1"}, "api.example.org"),
        ({"HTTPS_PROXY": "http://proxy:3128"}, "proxy"),
        ({"ALL_PROXY": "socks5://proxy:1080"}, "proxy"),
        ({"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": "localhost,.example.org"}, "api.example.org"),
        ({"HTTPS_PROXY": "http://proxy:3128", "no_proxy": "*"}, "api.example.org"),
        ({"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": "other.org"}, "proxy"),
    ],
)
def test_where_the_connection_is_made_to(environ: dict[str, str], hop: str) -> None:
    assert next_hop(API, environ).hostname == hop
