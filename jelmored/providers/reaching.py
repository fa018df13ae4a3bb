"""Does a server answer? By a connection that is closed at once: to the server, or to the proxy that is in between."""

from __future__ import annotations

import urllib.request
from collections.abc import Mapping
from urllib.parse import SplitResult, urlsplit

import trio

DEADLINE = 5.0  # seconds, the look-up of its name included
PORTS = {"http": 80, "https": 443}


async def reaches(url: str, environ: Mapping[str, str]) -> bool | None:
    """True if somebody accepts a connection where requests to `url` go.

    Args:
        environ: of the program that asks there; `HTTPS_PROXY` and its like count.

    Returns:
        None if that is no place that one can connect to by TCP: a proxy of an unknown kind, an address in ruins.
    """
    try:
        target = next_hop(url, environ)
        host, port = target.hostname, target.port or PORTS.get(target.scheme)
    except ValueError:  # a port that is no number
        return None
    if host is None or port is None:
        return None
    with trio.move_on_after(DEADLINE):
        try:
            stream = await trio.open_tcp_stream(host, port)
        except OSError:
            return False
        await trio.aclose_forcefully(stream)
        return True
    return False


def next_hop(url: str, environ: Mapping[str, str]) -> SplitResult:
    """Where the connection for `url` is made to; raises `ValueError` for what is no address."""
    target = urlsplit(url)
    small = {name.lower(): value for name, value in environ.items() if value}
    proxy = small.get(f"{target.scheme}_proxy") or small.get("all_proxy")
    if not proxy or _passes_by(target.netloc, small.get("no_proxy", "")):
        return target
    return urlsplit(proxy if "://" in proxy else f"http://{proxy}")


def _passes_by(host: str, no_proxy: str) -> bool:
    return bool(urllib.request.proxy_bypass_environment(host, {"no": no_proxy}))  # type: ignore[attr-defined]
