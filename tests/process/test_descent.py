"""Who comes from an agent, with real processes: children, grandchildren, those that hide, and those that are gone."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Iterator

import attrs
import pytest
import trio

from jelmored import sockets
from jelmored.process import cgroups, procfs, reaper
from jelmored.process.child import Child
from jelmored.process.descent import Origin, origin_of, origin_of_socket
from jelmored.process.reaper import Reaper
from tests.process.trees import foreign, is_alive, marker, python, sh, until

ELSEWHERE, AGENT, UNKNOWN = Origin


async def test_whatever_an_agent_starts_comes_from_it(nursery: trio.Nursery) -> None:
    other = foreign("sleep", "1000")
    child = Child(sh("( setsid sh -c 'echo $$; sleep 1000 & wait' & ); exec sleep 1000"), name="x")
    await nursery.start(child.run)
    forgotten = int((await child.read_lines())[0])
    await until(lambda: len(procfs.children_of(forgotten)) == 1)
    family = [child.pid or 0, forgotten, *procfs.children_of(forgotten)]
    assert [origin_of(pid) for pid in family] == [AGENT] * 3
    child.kill()
    await child.wait()
    assert [origin_of(pid) for pid in family] == [UNKNOWN] * 3
    assert [origin_of(pid) for pid in (other.pid, os.getpid(), os.getppid(), 1, 0)] == [ELSEWHERE] * 5
    other.kill()
    other.wait()


async def test_a_program_of_the_operators_is_none_of_an_agent(nursery: trio.Nursery) -> None:
    child = Child(attrs.evolve(sh("exec sleep 1000"), operators=True), name="x")
    await nursery.start(child.run)
    assert origin_of(child.pid or 0) is ELSEWHERE
    child.kill()
    await child.wait()


async def test_what_a_killed_warden_leaves_is_still_an_agents(nursery: trio.Nursery) -> None:
    """It has shed its mark and its session while the warden lived, so that nobody buries it."""
    script = "( env -i setsid sh -c 'env -i setsid sleep 1000 & echo $!; wait' & ); exec sleep 1000"
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as reaping:
            await reaping.start(Reaper(marker()).run)
            child = Child(sh(script), name="x")
            await nursery.start(child.run)
            left = int((await child.read_lines())[0])
            for pid in (procfs.parent_of(left) or 0, procfs.parent_of(child.pid or 0) or 0):
                os.kill(pid, signal.SIGKILL)
            await child.wait()
            if is_alive(left):  # the burial may have been quicker
                assert procfs.parent_of(left) == os.getpid()
                assert origin_of(left) is AGENT
                os.kill(left, signal.SIGKILL)
            scope.cancel()


def test_an_ancestor_that_always_has_just_gone_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = foreign("true")
    gone.wait()
    monkeypatch.setattr(procfs, "parent_of", lambda pid: gone.pid if pid == os.getppid() else None)
    assert origin_of(os.getppid()) is UNKNOWN


def test_without_a_descriptor_to_look_with_it_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(procfs, "parent_of", lambda _: None)
    assert origin_of(os.getppid()) is UNKNOWN


def test_another_users_that_we_may_not_see_is_from_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(pid: int, number: int) -> None:
        raise PermissionError

    monkeypatch.setattr(procfs, "parent_of", lambda _: None)
    monkeypatch.setattr(os, "kill", denied)
    assert origin_of(os.getppid()) is ELSEWHERE


def test_an_orphan_of_the_first_process_is_an_agents_if_that_is_we(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a container, where a warden that was killed leaves to us what it had."""
    orphan = foreign("sleep", "1000")
    monkeypatch.setattr(procfs, "parent_of", {orphan.pid: 1, 1: 0}.get)
    assert origin_of(orphan.pid) is ELSEWHERE
    monkeypatch.setattr(os, "getpid", lambda: 1)
    assert origin_of(orphan.pid) is AGENT
    orphan.kill()
    orphan.wait()


# By the socket

CONNECT = """
import socket, sys, os, time
s = socket.create_connection(("127.0.0.1", PORT))
print(s.getsockname()[1], flush=True)
HIDE
time.sleep(1000)
"""
HIDDEN = {
    "in hand": "",
    "in a child's hand": "\nif os.fork(): s.close()",
    "in a hand that nobody may look at": "\nimport ctypes; ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)",
    "on its way to itself": """
a, b = socket.socketpair(socket.AF_UNIX)
socket.send_fds(a, [b"x"], [s.fileno()])
s.close()
""",
}


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as made:
        yield made


@pytest.mark.parametrize("way", HIDDEN)
async def test_an_agents_socket_is_never_from_elsewhere(
    nursery: trio.Nursery, listener: socket.socket, way: str
) -> None:
    port = listener.getsockname()[1]
    script = CONNECT.replace("PORT", str(port)).replace("HIDE", f"{HIDDEN[way]}\nprint('done', flush=True)")
    child = Child(python(script), name="x")
    await nursery.start(child.run)
    said: list[bytes] = []
    while b"done" not in said:
        said += await child.read_lines()
    found = sockets.find(("127.0.0.1", int(said[0])), ("127.0.0.1", port))
    assert found is not None
    expected = {UNKNOWN} if way == "on its way to itself" else {AGENT, UNKNOWN} if "may look" in way else {AGENT}
    assert origin_of_socket(found) in expected
    child.kill()
    await child.wait()


def test_our_own_socket_is_from_elsewhere(listener: socket.socket) -> None:
    with socket.create_connection(listener.getsockname()) as client:
        found = sockets.find(client.getsockname(), listener.getsockname())
        assert found == sockets.Socket(os.fstat(client.fileno()).st_ino, os.getuid())
        assert origin_of_socket(found) is ELSEWHERE


def test_no_socket_any_more_is_unknown() -> None:
    assert origin_of_socket(None) is UNKNOWN


async def test_nobody_s_socket_is_unknown_if_an_agent_could_have_made_it(nursery: trio.Nursery) -> None:
    assert origin_of_socket(sockets.Socket(2**40, os.getuid())) is UNKNOWN
    assert origin_of_socket(sockets.Socket(2**40, 4711)) is ELSEWHERE
    if os.getuid():
        return
    child = Child(sh("exec setpriv --reuid 4711 --clear-groups sleep 1000"), name="x")
    await nursery.start(child.run)
    await until(lambda: procfs.owner_of(child.pid or 0) == 4711)
    assert origin_of_socket(sockets.Socket(2**40, 4711)) is UNKNOWN
    child.kill()
    await child.wait()
    assert not reaper.WARDENS


def test_it_is_asked_on_linux_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert origin_of(os.getpid()) is origin_of_socket(None) is ELSEWHERE


async def test_one_that_is_hidden_is_from_elsewhere_if_it_is_in_none_of_our_groups(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As it is under systemd with PrivateUsers= and ProtectProc=invisible."""
    other = foreign("sleep", "1000")
    monkeypatch.setattr(procfs, "parent_of", lambda pid: None)
    for outside, origin in ((False, UNKNOWN), (True, ELSEWHERE)):
        monkeypatch.setattr(cgroups, "is_outside", lambda pid, outside=outside: outside and pid == other.pid)
        assert origin_of(other.pid) is origin
    other.kill()
    other.wait()
