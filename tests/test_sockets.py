"""The kernel's table of connections, on the kernel itself."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable

import pytest

from jelmored import sockets
from jelmored.process.descent import has
from jelmored.sockets import Socket

Find = Callable[[tuple[str, int], tuple[str, int]], Socket | None]

both = pytest.mark.parametrize("find", [sockets.asked, sockets.read])


@both
@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1"])
def test_the_other_end_is_found(host: str, find: Find) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as listener:
        ours = listener.getsockname()[:2]
        with socket.create_connection(ours) as client:
            theirs = client.getsockname()[:2]
            found = find(theirs, ours)
            assert found == Socket(os.fstat(client.fileno()).st_ino, os.getuid())
            assert has(os.getpid(), found)
            assert not has(os.getppid(), found)
            assert find(ours, ours) is None
            assert find((theirs[0], theirs[1]), (ours[0], 1)) is None
        assert find(theirs, ours) is None


@both
def test_one_that_comes_to_an_old_address_by_a_new_socket_is_found_too(find: Find) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket(socket.AF_INET6) as client:
        client.connect(("::ffff:127.0.0.1", listener.getsockname()[1]))
        accepted, theirs = listener.accept()
        with accepted:
            assert find(theirs, accepted.getsockname()) == Socket(os.fstat(client.fileno()).st_ino, os.getuid())


def test_where_the_kernel_can_t_be_asked_its_table_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(sockets, "asked", denied)
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as client:
        found = sockets.find(client.getsockname(), listener.getsockname())
        assert found == Socket(os.fstat(client.fileno()).st_ino, os.getuid())
