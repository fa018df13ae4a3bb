from __future__ import annotations

import os
import socket
import threading
from pathlib import Path

import pytest
import trio

from jelmored.client.addresses import UnixAddress
from jelmored.client.glimpse import glimpse

from .daemon import FakeDaemon


async def ask(daemon: FakeDaemon, *methods: str) -> list[object]:
    def in_thread() -> list[object]:
        with glimpse(UnixAddress(str(daemon.socket)), 5) as look:
            return [look.ask(method, {}) for method in methods]

    return await trio.to_thread.run_sync(in_thread)


async def test_several_questions_on_one_connection(daemon: FakeDaemon) -> None:
    daemon.add(1, name="job")
    pong, page = await ask(daemon, "ping", "session/list")
    assert pong == {}
    assert isinstance(page, dict)
    assert page["sessions"][0]["name"] == "job"
    assert daemon.connections == 1


async def test_an_answer_of_many_frames(daemon: FakeDaemon) -> None:
    daemon.add(1, name="x" * 1_000_000)
    [page] = await ask(daemon, "session/list")
    assert isinstance(page, dict)
    assert len(page["sessions"][0]["name"]) == 1_000_000


async def test_a_refusal_is_an_error(daemon: FakeDaemon) -> None:
    with pytest.raises(ValueError, match="there is no method nothing"):
        await ask(daemon, "nothing")
    daemon.version = 2
    with pytest.raises(ValueError, match="speaks another protocol"):
        await ask(daemon, "ping")


async def test_a_daemon_that_goes(daemon: FakeDaemon) -> None:
    daemon.breaks_at.add("ping")
    with pytest.raises(OSError):
        await ask(daemon, "ping")


def test_nobody_is_there(tmp_path: Path) -> None:
    with pytest.raises(OSError), glimpse(UnixAddress(str(tmp_path / "none")), 1):
        pass


@pytest.mark.parametrize("answer", [b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", b"220 mail\r\n\r\n", None])
def test_who_answers_is_none_of_ours_or_says_nothing(tmp_path: Path, answer: bytes | None) -> None:
    place = str(tmp_path / "sock")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(place)
        listening.listen()

        def serve() -> None:
            peer, _ = listening.accept()
            with peer:
                if answer is not None:
                    peer.recv(65536)
                    peer.sendall(answer)
                peer.recv(65536)
                os.read(waiting, 1)

        waiting, done = os.pipe()
        server = threading.Thread(target=serve)
        server.start()
        try:
            with pytest.raises(ValueError if answer else TimeoutError), glimpse(UnixAddress(place), 0.3):
                pass
        finally:
            os.write(done, b".")
            server.join()
            os.close(waiting)
            os.close(done)
