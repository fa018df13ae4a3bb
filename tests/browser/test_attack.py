"""A page that attacks the port from inside a real browser: it gets refusals, and nothing begins; one that may gets in.

Chromium is what a browser does to `Host`, `Origin`, preflights and sandboxes, and what no test of ours had thought of.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio

from jelmored.control import server
from jelmored.control.gate import Upgrade, judge
from jelmored.control.head import parse
from tests.control.stage import staged

pytestmark = pytest.mark.browser

HERE = Path(__file__).parent
PATIENCE = 40
NAMES = "MAP evil.test 127.0.0.1, MAP editor.test 127.0.0.1"
QUIET = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def chromium() -> str:
    names = (os.environ.get("CHROMIUM"), "chromium", "chromium-browser", "google-chrome")
    found = next(filter(None, (shutil.which(name) for name in names if name)), None)
    assert found, "this needs a Chromium: install Debian's `chromium`, or name one by CHROMIUM"
    return found


@attrs.frozen
class Pages:
    """The attacker's web server: it gives its pages by whatever name, and takes what they report."""

    plan: dict[str, Any]
    reports: dict[str, Mapping[str, str]] = attrs.field(factory=dict)
    told: trio.Event = attrs.field(factory=trio.Event)

    def page(self, name: str) -> str:
        return (HERE / f"{name}.html").read_text().replace("PLAN", json.dumps(self.plan))

    async def answer(self, stream: trio.SocketStream) -> None:
        async with stream:
            head = await _up_to(stream, b"\r\n\r\n")
            if not head:  # a browser connects before it knows what for
                return
            method, target, *_ = head.decode("latin-1").split(" ")
            body = b""
            if method == "POST":
                size = int(head.lower().partition(b"content-length:")[2].split()[0])
                self._take(target.rpartition("/")[2], await _exactly(stream, head, size))
            elif target in {"/attack", "/editor"}:
                body = self.page(target[1:]).encode()
            lines = ("HTTP/1.1 200 OK", "Content-Type: text/html", f"Content-Length: {len(body)}", "Connection: close")
            await stream.send_all("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    def _take(self, who: str, body: bytes) -> None:
        self.reports[who] = json.loads(body)
        if {"editor", self.plan["who"]} <= set(self.reports):
            self.told.set()


async def _up_to(stream: trio.SocketStream, end: bytes) -> bytes:
    data = b""
    while end not in data and (chunk := await stream.receive_some()):
        data += chunk
    return data


async def _exactly(stream: trio.SocketStream, head: bytes, size: int) -> bytes:
    body = head.partition(b"\r\n\r\n")[2]
    while len(body) < size:
        body += await stream.receive_some()
    return body


@asynccontextmanager
async def browsing(url: str, profile: Path) -> AsyncIterator[None]:
    """A browser with this page, and nothing of anybody's in it."""
    words = [chromium(), *QUIET, f"--host-resolver-rules={NAMES}", f"--user-data-dir={profile}", url]
    environ = {"HOME": str(profile), "PATH": os.defpath}
    with (profile / "log").open("wb") as log:
        process = await trio.lowlevel.open_process(words, stdout=log, stderr=log, env=environ)
    try:
        yield
    finally:
        process.terminate()
        with trio.move_on_after(5, shield=True):
            await process.wait()
        process.kill()


@pytest.mark.parametrize("who", ["evil", "file"])
async def test_a_page_that_attacks(who: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    verdicts: list[tuple[str, int]] = []

    async def judging(data: bytes | None, *args: Any, **options: Any) -> Any:
        verdict = await judge(data, *args, **options)
        head = parse(data) if data else None
        origin = "".join(head.all("origin")) if head else "no request"
        verdicts.append((origin, 101 if isinstance(verdict, Upgrade) else verdict.status.value))
        return verdict

    monkeypatch.setattr(server, "judge", judging)
    async with trio.open_nursery() as nursery:
        pages = Pages({"who": who})
        listeners = await nursery.start(partial(trio.serve_tcp, pages.answer, 0, host="127.0.0.1"))
        port = listeners[0].socket.getsockname()[1]
        editor = f"http://editor.test:{port}"
        async with staged(host="127.0.0.1", allowed_origins=[editor]) as stage:
            assert stage.port is not None
            pages.plan.update(
                port=stage.port.port, token=stage.token, pages=f"http://evil.test:{port}", editor=f"{editor}/editor"
            )
            url = f"http://evil.test:{port}/attack"
            if who == "file":
                (tmp_path / "attack.html").write_text(pages.page("attack"))
                url = f"file://{tmp_path}/attack.html"
            async with browsing(url, tmp_path):
                with trio.move_on_after(PATIENCE):
                    await pages.told.wait()
            assert not stage.directory.sessions, "a session was begun"
        nursery.cancel_scope.cancel()
    print(f"{len(verdicts)} requests came; {sorted(set(verdicts))}")
    assert pages.told.is_set(), (pages.reports, (tmp_path / "log").read_text()[-2000:])
    assert pages.reports["editor"] == {"editor": "jelmored.v1 admin"}
    got = {name: what for name, what in pages.reports[who].items() if not what.startswith("refused")}
    assert not got
    assert [origin for origin, status in verdicts if status == 101] == [editor]
    assert {403, 421} <= {status for _, status in verdicts}
    assert len(verdicts) > len(pages.reports[who])
