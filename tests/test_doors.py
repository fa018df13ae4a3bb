"""The doors of a whole daemon: its port, its tokens, other users; with the client that people use."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
import trio

import jelmored
from jelmored.cli import Exit
from jelmored.client import open_client
from jelmored.client.finding import Finder

from .client_raw import connect
from .control.wire import HELLO, head, request
from .eventually import eventually
from .test_daemon import Daemon, started
from .test_daemon import root as root  # the fixture

PYTHON = {"PYTHONPATH": str(Path(jelmored.__file__).parents[1])}


def told(daemon: Daemon) -> dict[str, str]:
    """What daemon.json says."""
    found = json.loads((daemon.root / "r" / "daemon.json").read_text())
    assert isinstance(found, dict)
    return found


def by_port(daemon: Daemon) -> dict[str, str]:
    return {"JELMORE_URL": told(daemon)["url"], "JELMORE_TOKEN_FILE": told(daemon)["tokenFile"]}


def made(directory: Path) -> list[str]:
    return os.listdir(directory)


@pytest.fixture
def passable(root: Path) -> Path:
    """Other users get through it."""
    root.chmod(0o711)
    return root


async def run(*words: str, environ: Mapping[str, str], stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    env = {**os.environ, **PYTHON, **environ}
    with trio.fail_after(30):
        return await trio.run_process(
            [sys.executable, "-m", *words], env=env, stdin=stdin, capture_stdout=True, capture_stderr=True, check=False
        )


async def test_clients_come_by_the_port(root: Path) -> None:
    async with started(root, control='tcp = "127.0.0.1:0"') as daemon:
        await daemon.ready()
        notice = told(daemon)
        assert notice["url"].startswith("ws://127.0.0.1:")
        assert notice["tokenFile"] == str(root / "s" / "tokens" / "admin")
        assert stat.S_IMODE(os.stat(notice["tokenFile"]).st_mode) == 0o600
        async with open_client(finder=Finder.of(by_port(daemon), spawn=False)) as client:
            assert (await client.status()).pid == daemon.process.pid
        done = await run("jelmored.client.main", "status", "--json", environ=by_port(daemon))
        assert json.loads(done.stdout)["pid"] == daemon.process.pid
        hello = {"protocolVersion": 1, "clientInfo": {"name": "t", "version": "1"}}
        line = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello}).encode() + b"\n"
        done = await run("jelmored.client.main", "connect", environ=by_port(daemon), stdin=line)
        assert json.loads(done.stdout)["result"]["scope"] == "admin"


async def test_a_token_is_rotated_under_a_client_that_comes_back(root: Path) -> None:
    async with started(root, control='tcp = "[::1]:0"') as daemon:
        await daemon.ready()
        async with open_client(finder=Finder.of(by_port(daemon), spawn=False)) as client:
            before = client.welcome.connection_id
            done = await run("jelmored", "token", "rotate", "--state-dir", str(root / "s"), environ={})
            assert done.returncode == Exit.OK
            await eventually(lambda: client.welcome.connection_id != before, 10)
            assert (await client.status()).pid == daemon.process.pid


@pytest.mark.parametrize("address", ["0.0.0.0:0", "[::]:0", "192.0.2.1:80"])
async def test_nothing_but_loopback_is_bound(root: Path, address: str) -> None:
    where = ["--state-dir", str(root / "s"), "--runtime-dir", str(root / "r")]
    done = await run("jelmored", "serve", "--tcp", address, *where, environ={"HOME": str(root)})
    assert done.returncode == Exit.CONFIG
    assert b"jelmored: --tcp: control.tcp: expected an address of loopback" in done.stderr
    assert b"ssh BOX jelmore connect" in done.stderr
    assert "r" not in made(root)


@pytest.mark.parametrize(("mode", "of_file"), [(0o644, True), (0o640, True), (0o755, False), (0o710, False)])
async def test_it_does_not_open_with_a_token_that_others_can_read(root: Path, mode: int, of_file: bool) -> None:
    await run("jelmored", "token", "add", "ci", "--state-dir", str(root / "s"), environ={})
    (root / "s" / "tokens" / ("ci" if of_file else ".")).chmod(mode)
    async with started(root, control='tcp = "127.0.0.1:0"', stderr=subprocess.PIPE) as daemon:
        assert await daemon.ended() == Exit.PLACE
        assert daemon.process.stderr is not None
        said = await daemon.process.stderr.receive_some(100_000)
        assert re.search(rb"/s/tokens\S* is open to others .*: run `chmod [67]00 ", said)
        await daemon.process.stderr.aclose()
    assert "daemon.json" not in made(root / "r")


NOSY = """#!{python} -IS
import json, os, socket
for door in json.load(open("{root}/doors")) if os.path.exists("{root}/doors") else []:
    client = socket.socket(socket.AF_UNIX if isinstance(door["where"], str) else socket.AF_INET)
    client.connect(door["where"] if isinstance(door["where"], str) else tuple(door["where"]))
    client.sendall(bytes.fromhex(door["head"]))
    heard = client.recv(4096)
    client.sendall(bytes.fromhex(door["asked"]))
    while b'"id":2' not in heard:
        heard += client.recv(4096)
    open("{root}/seen", "ab").write(heard)
print("2.1.197 (Claude Code)")
"""
"""An agent's program that tries the doors whenever it is started."""


@pytest.fixture
def nosy(root: Path) -> Path:
    program = root / "nosy"
    program.write_text(NOSY.format(python=sys.executable, root=root))
    program.chmod(0o700)
    return program


def show_doors(daemon: Daemon) -> None:
    """Tell that program where they are, with the token, and what to say."""
    host, _, port = told(daemon)["url"].removeprefix("ws://").removesuffix("/v1").rpartition(":")
    token = Path(told(daemon)["tokenFile"]).read_text().strip()
    shown = (("Host", f"{host}:{port}"), ("Authorization", f"Bearer {token}"))
    asked = request("initialize", 0, **HELLO) + request("ping", 1) + request("session/list", 2)
    doors = [(str(daemon.socket), head()), ((host, int(port)), head("/v1", *shown, without="Host"))]
    told_it = [{"where": where, "head": data.hex(), "asked": asked.hex()} for where, data in doors]
    (daemon.root / "doors").write_text(json.dumps(told_it))


async def test_what_an_agent_starts_may_only_look(root: Path, nosy: Path) -> None:
    control = f'tcp = "127.0.0.1:0"\n[providers.mine]\ntype = "claude"\nclaude_bin = "{nosy}"'
    async with started(root, control=control) as daemon:
        await daemon.ready()
        show_doors(daemon)
        async with connect(daemon.socket) as client:
            await client.request("provider/check", name="mine")
            assert await client.request("session/list") == {"sessions": []}
    came_in, refused = seen(root).count(b"HTTP/1.1 101"), seen(root).count(b'"kind":"forbidden"')
    assert came_in == refused >= 2
    assert came_in == seen(root).count(b'"id":1,"result":{}')


def seen(root: Path) -> bytes:
    return (root / "seen").read_bytes()


USERS = 'allow_users = [{ name = "nobody" }]'


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be somebody else")
async def test_another_user_who_is_allowed_and_one_who_is_not(passable: Path) -> None:
    root = passable
    asked = ("ping", "session/list", "session/create", "daemon/shutdown")
    async with started(root, control=USERS) as daemon:
        await daemon.ready()
        where = str(daemon.socket)
        assert stat.S_IMODE((root / "r").stat().st_mode) == 0o711
        assert stat.S_IMODE((root / "r" / "daemon.json").stat().st_mode) == 0o600
        nobody = await run("tests.control.insider", "as-nobody", where, *asked, environ={})
        assert nobody.stdout.decode().splitlines() == [
            "ping yes",
            "session/list yes",
            "session/create forbidden",
            "daemon/shutdown forbidden",
        ]
        stranger = await run("tests.control.insider", "as-daemon", where, *asked, environ={})
        assert stranger.stdout == b"refused 403\n"
        assert (await run("tests.control.insider", "plainly", where, "session/list", environ={})).stdout.endswith(
            b"yes\n"
        )


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be somebody else")
async def test_if_none_is_allowed_nobody_gets_as_far_as_the_socket(passable: Path) -> None:
    async with started(passable) as daemon:
        await daemon.ready()
        done = await run("tests.control.insider", "as-nobody", str(daemon.socket), "ping", environ={})
        assert done.stdout == b"PermissionError\n"
