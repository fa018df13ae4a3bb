from __future__ import annotations

import json
import os
import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import attrs
import pytest

from jelmored.client import open_client
from jelmored.client.errors import Rejected
from jelmored.client.finding import Finder
from jelmored.errors import ConfigError
from jelmored.service.sockets import received
from tests.client_raw import connect

from .managed import managed

FIRST = 200
"""The descriptors from 3 on are pytest's."""


@attrs.frozen
class Handing:
    """What a manager would do before it starts us."""

    place: Path

    def bound(self, name: str = "control.sock", kind: int = socket.SOCK_STREAM) -> socket.socket:
        made = socket.socket(socket.AF_UNIX, kind)
        made.bind(str(self.place / name))
        return made

    def listening(self, name: str = "control.sock") -> socket.socket:
        made = self.bound(name)
        made.listen()
        return made

    def hand(self, *sockets: socket.socket, **more: str) -> dict[str, str]:
        """The variables."""
        for number, one in enumerate(sockets):
            os.dup2(one.fileno(), FIRST + number, inheritable=True)
            one.close()
        return {"LISTEN_FDS": str(len(sockets)), "LISTEN_PID": str(os.getpid()), **more}


@pytest.fixture
def handing(root: Path) -> Iterator[Handing]:
    yield Handing(root)
    for descriptor in range(FIRST, FIRST + 8):
        with suppress(OSError):
            os.close(descriptor)


def test_they_are_taken_in_order_and_inherited_by_nobody(handing: Handing) -> None:
    given = handing.hand(handing.listening("a"), handing.listening("b"))
    taken = received(given, first=FIRST)
    assert [one.getsockname() for one in taken] == [str(handing.place / name) for name in "ab"]
    assert not any(os.get_inheritable(one.fileno()) for one in taken)
    for one in taken:
        one.close()


def test_a_port_on_loopback_is_taken_too(handing: Handing) -> None:
    given = handing.hand(handing.listening(), tcp(handing, "127.0.0.1"))
    taken = received(given, first=FIRST)
    assert [one.family for one in taken] == [socket.AF_UNIX, socket.AF_INET]
    for one in taken:
        one.close()


def test_those_of_another_process_are_not_touched(handing: Handing) -> None:
    given = handing.hand(handing.listening())
    assert received({**given, "LISTEN_PID": "1"}, first=FIRST) == ()
    assert received({"LISTEN_FDS": "1"}, first=FIRST) == ()
    assert received({**given, "LISTEN_FDS": "many"}, first=FIRST) == ()
    assert os.get_inheritable(FIRST)


def tcp(_: Handing, host: str = "0.0.0.0") -> socket.socket:
    made = socket.socket()
    made.bind((host, 0))
    made.listen()
    return made


def abstract(_: Handing) -> socket.socket:
    made = socket.socket(socket.AF_UNIX)
    made.bind("\0jelmored-test-abstract")
    made.listen()
    return made


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (tcp, "0\\.0\\.0\\.0 is not loopback"),
        (abstract, "no path"),
        (lambda handing: handing.bound(), "Accept=no"),
        (lambda handing: handing.bound(kind=socket.SOCK_DGRAM), "ListenStream="),
    ],
)
def test_what_is_no_door_of_ours_is_refused_by_its_name(
    make: Callable[[Handing], socket.socket], words: str, handing: Handing
) -> None:
    given = handing.hand(handing.listening("ok"), make(handing), LISTEN_FDNAMES="control:other")
    with pytest.raises(ConfigError, match=words) as refused:
        received(given, first=FIRST)
    assert [fault.partition(" (")[0] for fault in refused.value.faults] == ["socket other"]


def test_every_one_that_is_wrong_is_told(handing: Handing) -> None:
    given = handing.hand(tcp(handing), abstract(handing))
    with pytest.raises(ConfigError) as refused:
        received({**given, "LISTEN_FDS": "3"}, first=FIRST)
    assert len(refused.value.faults) == 3  # and the third is not there
    assert "socket unknown" in refused.value.faults[2]


@pytest.mark.skipif(
    shutil.which("systemd-socket-activate") is None and "TEST_SYSTEMD" not in os.environ,
    reason="needs systemd-socket-activate",
)
async def test_a_daemon_that_systemd_starts_for_the_first_who_comes(root: Path) -> None:
    path = root / "door.sock"
    passed = ("-E", "NOTIFY_SOCKET", "-E", "PYTHONPATH")
    before = ("systemd-socket-activate", "--fdname=control", f"--listen={path}", *passed)
    async with managed(root, before=before, called=path) as unit:
        async with connect(path) as client:
            assert (await client.request("daemon/status"))["pid"] == unit.process.pid
        assert not unit.socket.exists(), "it makes none beside the one that it was given"
        assert str(path) in (root / "r" / "daemon.json").read_text()
        assert await unit.stop() == 0
    assert path.exists(), "it is not the daemon's to remove"


@pytest.mark.skipif(
    shutil.which("systemd-socket-activate") is None and "TEST_SYSTEMD" not in os.environ,
    reason="needs systemd-socket-activate",
)
async def test_a_port_that_systemd_listens_at_asks_for_the_token_as_ours_does(root: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    path, passed = root / "door.sock", ("-E", "NOTIFY_SOCKET", "-E", "PYTHONPATH")
    doors = (f"--listen={path}", f"--listen=127.0.0.1:{port}")
    async with managed(root, before=("systemd-socket-activate", *doors, *passed), called=path) as unit:
        notice = json.loads((root / "r" / "daemon.json").read_text())
        assert notice["url"] == f"ws://127.0.0.1:{port}/v1"
        by_port = {"JELMORE_URL": notice["url"], "JELMORE_TOKEN_FILE": notice["tokenFile"]}
        async with open_client(finder=Finder.of(by_port, spawn=False)) as client:
            assert (await client.status()).pid == unit.process.pid
        (root / "wrong").write_text("admin-nothing")
        with pytest.raises(Rejected, match="401"):
            async with open_client(
                finder=Finder.of({**by_port, "JELMORE_TOKEN_FILE": str(root / "wrong")}, spawn=False)
            ):
                pass
        assert await unit.stop() == 0
