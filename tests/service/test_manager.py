from __future__ import annotations

import socket
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from jelmored.service.manager import Manager

from .ear import listening


@pytest.mark.parametrize("abstract", [True, False])
def test_what_is_said_arrives_by_either_kind_of_name(abstract: bool, tmp_path: Path) -> None:
    with listening(None if abstract else tmp_path / "n") as ear:
        manager = Manager(ear.address)
        manager.ready()
        manager.status("3 sessions")
        manager.alive()
        manager.extend(1.5)
        manager.stopping(2)
        assert ear.listen() == [
            ["READY=1"],
            ["STATUS=3 sessions"],
            ["WATCHDOG=1"],
            ["EXTEND_TIMEOUT_USEC=1500000"],
            ["STOPPING=1", "STATUS=stopping", "EXTEND_TIMEOUT_USEC=2000000"],
        ]


def test_a_reload_says_when_it_began() -> None:
    with listening() as ear:
        Manager(ear.address).reloading()
        [[word, since]] = ear.listen()
    assert word == "RELOADING=1"
    assert int(since.removeprefix("MONOTONIC_USEC=")) > 0


def test_without_a_manager_nothing_is_said() -> None:
    with capture_logs() as logged:
        Manager().ready()
    assert not Manager().is_there
    assert not logged


def test_one_that_is_gone_does_no_harm() -> None:
    with listening() as ear:
        pass
    with capture_logs() as logged:
        Manager(ear.address).ready()
    assert [entry["words"] for entry in logged] == ["READY=1"]


def test_one_that_does_not_listen_makes_nobody_wait_for_long() -> None:
    with listening() as ear, capture_logs() as logged:
        ear._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        for _ in range(1000):
            Manager(ear.address).alive()
            if logged:
                return
    raise AssertionError("it took all of that")
