"""A daemon is started on demand; the program is a stand-in, everything around it is real."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest
import trio

from jelmored.client import Finder, NoDaemon, Places, Starter, open_client
from jelmored.client.addresses import UnixAddress
from jelmored.client.managing import Unit
from jelmored.client.starting import TAIL_LINES, tail

from .daemon import FakeDaemon

READY = """
import fcntl, json, os, sys, time
runtime = sys.argv[sys.argv.index("--runtime-dir") + 1]
os.makedirs(runtime, exist_ok=True)
lock = open(os.path.join(runtime, "daemon.lock"), "w")
fcntl.flock(lock, fcntl.LOCK_EX)
print("session", os.getsid(0) == os.getpid(), "stdin", os.read(0, 1), "arguments", sys.argv[1:2], flush=True)
notice = {"version": "1", "pid": os.getpid(), "instanceId": "i", "socket": runtime + "/s", "protocolVersions": [1]}
with open(os.path.join(runtime, "new"), "w") as file:
    json.dump(notice, file)
os.rename(os.path.join(runtime, "new"), os.path.join(runtime, "daemon.json"))
signal = __import__("signal")
signal.pause()
"""


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(runtime=tmp_path / "run", state=tmp_path / "state")


def starter(places: Places, program: str, seconds: float = 20) -> Starter:
    return Starter(places, program=(sys.executable, "-c", program), seconds=seconds)


def end(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


async def test_it_is_started_detached_and_found(places: Places) -> None:
    address = await starter(places, READY).start()
    notice = places.notice()
    assert notice is not None
    try:
        assert address == UnixAddress(f"{places.runtime}/s")
        assert tail(places, 1) == "session True stdin b'' arguments ['serve']"
        assert places.state.stat().st_mode & 0o777 == 0o700
    finally:
        end(notice.pid)


async def test_a_daemon_that_ends_at_once_is_told_with_its_log(places: Places) -> None:
    with pytest.raises(NoDaemon) as failed:
        await starter(
            places, "import sys; sys.stderr.write('line\\n' * 50); sys.exit('the configuration is wrong: ...')"
        ).start()
    assert "exit code 1" in str(failed.value)
    assert str(failed.value).endswith("the configuration is wrong: ...")
    assert str(failed.value).count("line") == TAIL_LINES - 1


async def test_a_signal_is_told_by_its_name(places: Places) -> None:
    with pytest.raises(NoDaemon, match="SIGKILL"):
        await starter(places, "import os; os.kill(os.getpid(), 9)").start()


async def test_a_daemon_that_never_gets_ready_is_not_waited_for_long(places: Places) -> None:
    program = "import os, time; print(os.getpid(), flush=True); time.sleep(30)"
    with pytest.raises(NoDaemon, match=r"not ready within 0\.5 s"):
        await starter(places, program, seconds=0.5).start()
    pid = int(tail(places, 1))
    end(pid)


async def test_a_program_that_is_not_there_is_told(places: Places) -> None:
    with pytest.raises(NoDaemon, match="can't be started"):
        await Starter(places, program=("/nowhere/jelmored",)).start()


async def test_who_loses_the_race_takes_the_winners_daemon(places: Places, daemon: FakeDaemon, tmp_path: Path) -> None:
    assert places.runtime == daemon.runtime
    assert await starter(places, "raise SystemExit(4)").start() == UnixAddress(str(daemon.socket))


async def test_where_a_service_manager_waits_none_is_started(places: Places) -> None:
    places.runtime.mkdir()
    listening = trio.socket.socket(trio.socket.AF_UNIX)
    with listening:
        await listening.bind(str(places.socket))
        listening.listen()
        assert await starter(places, "raise SystemExit(4)").start() == UnixAddress(str(places.socket))
        finder = Finder(named=None, places=places, starter=None)
        await finder.prepare()
        assert finder.find() == UnixAddress(str(places.socket))
    assert not places.state.exists()


async def test_where_it_is_installed_systemd_starts_it(places: Places) -> None:
    """`unit` is what systemctl does: it returns when the daemon is ready."""
    places.runtime.mkdir()
    begun = f"{sys.executable} -c '{READY}' --runtime-dir {places.runtime} </dev/null >/dev/null 2>&1 &"
    unit = Unit(
        ("sh", "-c", f"{begun} while [ ! -e {places.runtime}/daemon.json ]; do sleep 0.02; done"), "jelmored.service"
    )
    address = await Starter(places, program=("/nowhere",), unit=unit).start()
    notice = places.notice()
    assert notice is not None
    os.kill(notice.pid, signal.SIGKILL)
    assert address == UnixAddress(f"{places.runtime}/s")


async def test_what_systemd_says_when_it_can_t_is_told(places: Places) -> None:
    with pytest.raises(NoDaemon, match=r"no such unit; jelmored\.service: .*journalctl"):
        await Starter(places, unit=Unit(("sh", "-c", "echo no such unit >&2; exit 5"), "jelmored.service")).start()


async def test_a_large_log_is_set_aside(places: Places) -> None:
    places.state.mkdir()
    places.log.write_bytes(b"x" * (9 * 1024 * 1024))
    with pytest.raises(NoDaemon):
        await starter(places, "raise SystemExit('new')").start()
    assert places.log.read_text() == "new\n"
    assert places.log.with_suffix(".log.1").stat().st_size == 9 * 1024 * 1024


async def test_without_leave_none_is_started(places: Places) -> None:
    with pytest.raises(NoDaemon, match="no daemon runs"):
        async with open_client(finder=Finder(named=None, places=places, starter=None)):
            pass
    assert not places.state.exists()


async def test_a_named_address_is_meant_and_no_other(places: Places, daemon: FakeDaemon) -> None:
    finder = Finder.of({"JELMORE_SOCKET": "/nowhere.sock", "RUNTIME_DIRECTORY": str(daemon.runtime)}, spawn=True)
    with trio.fail_after(5), pytest.raises(NoDaemon, match="can't be reached"):
        async with open_client(finder=finder):
            pass
    async with open_client(finder=Finder.of({"JELMORE_SOCKET": str(daemon.socket)}, spawn=False)) as client:
        await client.ping()


async def test_a_daemon_that_is_about_to_open_its_door_is_waited_for(daemon: FakeDaemon, finder: Finder) -> None:
    socket = daemon.socket.rename(daemon.runtime / "later")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_rename_soon, socket, daemon.socket)
        async with open_client(finder=finder) as client:
            await client.ping()


async def _rename_soon(before: Path, after: Path) -> None:
    await trio.sleep(0.2)
    await trio.Path(before).rename(after)


async def test_another_protocol_is_refused_by_name(daemon: FakeDaemon, finder: Finder) -> None:
    daemon.version = 2
    with pytest.raises(Exception, match="speaks another protocol"):
        async with open_client(finder=finder):
            pass
