from __future__ import annotations

import fcntl
import json
import socket
import tempfile
from pathlib import Path

import pytest

from jelmored.client import NoDaemon, Places
from jelmored.client.addresses import TcpAddress, UnixAddress, awaited, named, running


@pytest.mark.parametrize(
    ("environ", "runtime", "state"),
    [
        ({"HOME": "/h"}, "/h/.local/state/jelmored/run", "/h/.local/state/jelmored"),
        ({"HOME": "/h", "XDG_STATE_HOME": "/s"}, "/s/jelmored/run", "/s/jelmored"),
        ({"HOME": "/h", "XDG_RUNTIME_DIR": "/r"}, "/r/jelmored", "/h/.local/state/jelmored"),
        ({"HOME": "/h", "RUNTIME_DIRECTORY": "/a:/b", "STATE_DIRECTORY": "/c:/d"}, "/a", "/c"),
        ({"HOME": "/h", "STATE_DIRECTORY": "/c"}, "/c/run", "/c"),
    ],
)
def test_the_places_are_those_of_the_daemon(environ: dict[str, str], runtime: str, state: str) -> None:
    assert Places.of(environ) == Places(runtime=Path(runtime), state=Path(state))


def test_only_the_held_lock_proves_that_a_daemon_lives(tmp_path: Path) -> None:
    places = Places(runtime=tmp_path, state=tmp_path)
    assert not places.alive()
    _write_notice(tmp_path)
    assert not places.alive()
    assert running(places) is None
    with (tmp_path / "daemon.lock").open("w") as lock:
        assert not places.alive()
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert places.alive()
        assert running(places) == UnixAddress("/run/x/control.sock")
    assert not places.alive()


def test_who_looks_does_not_mislead_who_looks_too(tmp_path: Path) -> None:
    (tmp_path / "daemon.lock").touch()
    with (tmp_path / "daemon.lock").open() as other:
        fcntl.flock(other, fcntl.LOCK_SH)
        assert not Places(runtime=tmp_path, state=tmp_path).alive()


def test_a_service_manager_s_socket_is_an_address_though_no_daemon_lives() -> None:
    with tempfile.TemporaryDirectory() as made:
        places = Places(runtime=Path(made), state=Path(made))
        assert awaited(places) is None
        with socket.socket(socket.AF_UNIX) as manager:
            manager.bind(str(places.socket))
            assert awaited(places) is None
            manager.listen(1)
            for _ in range(4):  # the last ones find no room to wait in
                assert awaited(places) == UnixAddress(str(places.socket))
        assert awaited(places) is None, "what a dead one has left"
    assert awaited(Places(runtime=Path("/" + "x" * 200), state=Path("/"))) is None


def test_a_notice_that_is_none_is_told_by_its_path(tmp_path: Path) -> None:
    (tmp_path / "daemon.json").write_text("{}")
    with pytest.raises(NoDaemon, match=r"daemon\.json is not a daemon's notice"):
        Places(runtime=tmp_path, state=tmp_path).notice()


def test_the_environment_names_an_address(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("secret\n")
    assert named({}) is None
    assert named({"JELMORE_SOCKET": "/s"}) == UnixAddress("/s")
    assert named({"JELMORE_URL": "ws+unix:///r/control.sock:/v1"}) == UnixAddress("/r/control.sock")
    tcp = named({"JELMORE_URL": "ws://127.0.0.1:8080/v1", "JELMORE_TOKEN_FILE": str(token)})
    assert tcp == TcpAddress("127.0.0.1", 8080, "secret")
    assert "secret" not in repr(tcp)


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"JELMORE_URL": "https://example.org"}, "no address of a daemon"),
        ({"JELMORE_URL": "ws://127.0.0.1:1/v1"}, "needs JELMORE_TOKEN_FILE"),
        ({"JELMORE_URL": "ws://127.0.0.1:1/v1", "JELMORE_TOKEN_FILE": "/nowhere/token"}, "can't be read"),
    ],
)
def test_what_is_no_address_is_told(environ: dict[str, str], words: str) -> None:
    with pytest.raises(NoDaemon, match=words):
        named(environ)


def _write_notice(runtime: Path) -> None:
    notice = {"version": "1", "pid": 1, "instanceId": "i", "socket": "/run/x/control.sock", "protocolVersions": [1]}
    (runtime / "daemon.json").write_text(json.dumps(notice))
