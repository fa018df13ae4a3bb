"""Where the files lie, that they are ours alone, and the lock."""

from __future__ import annotations

import fcntl
import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio
import trio.testing
from trio.testing import wait_all_tasks_blocked

from jelmored.config.places import SOCKET_BYTES, Places, find
from jelmored.errors import AlreadyRunning, PlaceError

HOLD = """
import fcntl, os, sys
file = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
fcntl.flock(file, fcntl.LOCK_EX)
os.write(file, b"%d" % os.getpid())
print(os.getpid(), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def places(tmp_path: Path) -> Places:
    made = Places(state=tmp_path / "state", runtime=tmp_path / "run")
    made.prepare()
    return made


def _mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


@pytest.mark.parametrize(
    ("environ", "state", "runtime"),
    [
        ({}, "/h/.local/state/jelmored", "/h/.local/state/jelmored/run"),
        ({"XDG_STATE_HOME": "/s", "XDG_RUNTIME_DIR": "/run/user/7"}, "/s/jelmored", "/run/user/7/jelmored"),
        ({"STATE_DIRECTORY": "/var/lib/j:/x", "RUNTIME_DIRECTORY": "/run/j"}, "/var/lib/j", "/run/j"),
    ],
)
def test_found_by_the_environment(environ: dict[str, str], state: str, runtime: str) -> None:
    assert find(environ={"HOME": "/h", **environ}) == Places(state=Path(state), runtime=Path(runtime))


def test_what_is_asked_for_wins() -> None:
    environ = {"STATE_DIRECTORY": "/var/lib/j", "RUNTIME_DIRECTORY": "/run/j"}

    assert find(state=Path("/a"), runtime=Path("b"), environ=environ) == Places(
        state=Path("/a"), runtime=Path.cwd() / "b"
    )


def test_there_is_no_way_up_in_a_place() -> None:
    assert find(state=Path("/a/../b"), runtime=Path("/../c"), environ={}) == Places(
        state=Path("/b"), runtime=Path("/c")
    )


def test_directories_are_made_for_us_alone(places: Places) -> None:
    assert _mode(places.state) == _mode(places.runtime) == 0o700


def test_one_that_is_open_to_others_is_refused_with_the_remedy(places: Places) -> None:
    places.runtime.chmod(0o755)

    with pytest.raises(PlaceError, match=f"chmod 700 {places.runtime}"):
        places.prepare()


def test_one_of_somebody_else_is_refused(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: places.state.stat().st_uid + 1)

    with pytest.raises(PlaceError, match="belongs to uid"):
        places.prepare()


def test_one_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(PlaceError, match="can't be made: Not a directory"):
        Places(state=tmp_path / "file" / "x", runtime=tmp_path / "run").prepare()


def test_a_path_too_long_for_a_socket_is_refused(tmp_path: Path) -> None:
    fill = SOCKET_BYTES - len(str(tmp_path)) - len("//control.sock")
    Places(state=tmp_path / "s", runtime=tmp_path / ("x" * fill)).prepare()

    with pytest.raises(PlaceError, match="--runtime-dir"):
        Places(state=tmp_path / "s", runtime=tmp_path / ("x" * (fill + 1))).prepare()


def test_the_notice_is_private_and_replaces_the_old_one(places: Places) -> None:
    places.publish({"pid": 1})
    places.publish({"pid": 2})

    assert json.loads(places.notice.read_bytes()) == {"pid": 2}
    assert _mode(places.notice) == 0o600
    assert [file.name for file in places.runtime.iterdir()] == ["daemon.json"]


async def test_the_lock_tells_our_pid_and_the_notice_goes_with_it(places: Places) -> None:
    async with places.held():
        places.publish({"pid": os.getpid()})
        assert places.lock.read_text() == f"{os.getpid()}\n"

    assert not places.notice.exists()
    async with places.held():
        pass


async def test_what_is_in_the_way_of_the_lock_is_named(places: Places) -> None:
    places.lock.mkdir()

    with pytest.raises(PlaceError, match=f"{places.lock} can't be written: Is a directory"):
        async with places.held():
            pass


async def test_what_is_in_the_way_of_the_notice_is_named_and_stays(places: Places) -> None:
    places.notice.mkdir()

    with pytest.raises(PlaceError, match=f"{places.notice} can't be written: Is a directory"):
        async with places.held():
            places.publish({"pid": 1})
    assert places.notice.is_dir()


@pytest.fixture
def other(places: Places) -> Iterator[str]:
    """The pid of a process that holds the lock."""
    command = [sys.executable, "-c", HOLD, str(places.lock)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.communicate(timeout=10)


async def test_another_daemon_is_named_by_its_pid(
    places: Places, other: str, autojump_clock: trio.testing.MockClock
) -> None:
    with pytest.raises(AlreadyRunning, match=f"pid {other}"):
        async with places.held():
            pass


async def test_a_client_that_looks_is_no_daemon(places: Places) -> None:
    places.lock.touch(0o600)
    looker = os.open(places.lock, os.O_RDONLY)
    fcntl.flock(looker, fcntl.LOCK_SH)

    async def hold() -> None:
        async with places.held():
            pass

    async with trio.open_nursery() as nursery:
        nursery.start_soon(hold)
        await wait_all_tasks_blocked()
        os.close(looker)


def test_where_other_users_come_they_may_pass_and_not_read(places: Places) -> None:
    for shared, mode in ((False, 0o700), (True, 0o711), (True, 0o711), (False, 0o700)):
        places.prepare(shared=shared)
        assert stat.S_IMODE(places.runtime.stat().st_mode) == mode
        assert stat.S_IMODE(places.state.stat().st_mode) == 0o700


def test_what_keeps_other_users_from_the_socket_is_named(places: Places, tmp_path: Path) -> None:
    places.prepare(shared=True)
    tmp_path.chmod(0o700)
    assert places.closed_to_others() in (tmp_path, *tmp_path.parents)
    assert Places(state=Path("/"), runtime=Path("/usr/bin")).closed_to_others() is None
