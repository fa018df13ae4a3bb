from __future__ import annotations

import os
import queue
import resource
import subprocess
import threading

from jelmored.process import procfs
from jelmored.process.procfs import Process
from tests.process.trees import foreign, until

NOBODY = 2**22 + 1  # above the highest pid there is


async def test_a_family() -> None:
    with foreign("sh", "-c", "sleep 1000 & sleep 1000 & wait", env={"A": "b"}) as shell:
        await until(lambda: len(procfs.children_of(shell.pid)) == 2)
        assert shell.pid in procfs.children_of(os.getpid())
        assert set(procfs.children_of(shell.pid)) < set(procfs.descendants_of(os.getpid()))
        assert procfs.parent_of(shell.pid) == os.getpid()
        assert (procfs.started_at(shell.pid) or 0) >= (procfs.started_at(os.getpid()) or 0) > 0
        assert b"A=b" in procfs.environment_of(shell.pid)
        os.killpg(shell.pid, 9)


def test_without_a_descriptor_to_look_with_there_is_nothing() -> None:
    usual = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, usual[1]))
    try:
        assert procfs.children_of(os.getpid()) == procfs.descendants_of(os.getpid()) == []
        assert procfs.parent_of(os.getpid()) is None
        assert procfs.environment_of(os.getpid()) == [b""]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, usual)


def test_the_children_of_every_thread() -> None:
    started: queue.Queue[int] = queue.Queue()
    done = threading.Event()

    def start() -> None:
        with foreign("sleep", "1000") as child:
            started.put(child.pid)
            done.wait(5)
            child.kill()

    thread = threading.Thread(target=start)
    thread.start()
    assert started.get(timeout=5) in procfs.children_of(os.getpid())
    done.set()
    thread.join()


def test_a_name_may_look_like_the_rest() -> None:
    with subprocess.Popen(["sh", "-c", "printf ') R 1 (' > /proc/$$/comm; echo; read x"], stdin=-1, stdout=-1) as shell:
        assert shell.stdout is not None
        shell.stdout.readline()
        assert procfs.parent_of(shell.pid) == os.getpid()
        shell.kill()


def test_what_is_gone_reads_as_nothing() -> None:
    assert procfs.children_of(NOBODY) == procfs.descendants_of(NOBODY) == []
    assert procfs.parent_of(NOBODY) is None
    assert procfs.started_at(NOBODY) is None
    assert procfs.environment_of(NOBODY) == [b""]


async def test_a_process_for_ever() -> None:
    child = foreign("sleep", "1000")
    process = Process.of(child.pid)
    try:
        assert process is not None
        assert process.is_alive
        assert child.pid in procfs.everyone()
        assert procfs.owner_of(child.pid) == os.getuid()
        assert not Process(child.pid, process.started - 1).is_alive
        await until(lambda: procfs.name_of(child.pid) == "sleep")  # without its arguments
    finally:
        child.kill()
    await until(lambda: not process.is_alive)
    assert procfs.started_at(child.pid) == process.started, "a zombie has its pid still"
    child.wait()
    assert Process.of(NOBODY) is None
    assert procfs.owner_of(NOBODY) is None
    assert procfs.name_of(NOBODY) == ""
