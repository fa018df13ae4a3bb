"""Lines that can't be written are lost and counted, whatever the log leads to; nobody waits for long."""

from __future__ import annotations

import errno
import io
import os
import pty
import socket
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jelmored.log_stream import PATIENCE, LogStream

LINE = b"x" * 99 + b"\n"
ENOUGH = 20_000
"""Lines that no pipe holds."""


def into(descriptor: int) -> tuple[LogStream, list[tuple[int, str]]]:
    told: list[tuple[int, str]] = []
    with open(descriptor, "w", closefd=False) as stream:
        return LogStream.of(stream, lambda number, why: told.append((number, why))), told


def pipe() -> tuple[int, int]:
    reader, writer = os.pipe()
    return reader, writer


def sockets() -> tuple[int, int]:
    one, other = socket.socketpair()
    return one.detach(), other.detach()


def terminal() -> tuple[int, int]:
    reader, writer = pty.openpty()
    tty.setraw(writer)
    return reader, writer


def everything(descriptor: int) -> bytes:
    os.set_blocking(descriptor, False)
    read = b""
    with suppress(OSError):
        while more := os.read(descriptor, 65536):
            read += more
    return read


KINDS = pytest.mark.parametrize("ends", [pipe, sockets, terminal])


@pytest.fixture
def opened() -> Iterator[list[int]]:
    descriptors: list[int] = []
    yield descriptors
    for descriptor in descriptors:
        with suppress(OSError):
            os.close(descriptor)


@KINDS
def test_a_reader_that_stands_still_holds_nobody_up(ends: Callable[[], tuple[int, int]], opened: list[int]) -> None:
    reader, writer = ends()
    opened += [reader, writer]
    stream, told = into(writer)
    began = time.monotonic()
    for _ in range(ENOUGH):
        stream.write(LINE)
    assert time.monotonic() - began < 20 * PATIENCE + 5
    assert (stream.lost > 0, stream.why) == (True, os.strerror(errno.EAGAIN))
    assert os.get_blocking(writer), "others have it too"
    read = everything(reader)
    stream.write(LINE)
    read += everything(reader)
    assert told == [(stream.lost, os.strerror(errno.EAGAIN))]
    assert not stream.why
    assert read == LINE * (ENOUGH + 1 - stream.lost), "whole lines"


@KINDS
def test_so_does_one_that_is_gone(ends: Callable[[], tuple[int, int]], opened: list[int]) -> None:
    reader, writer = ends()
    opened.append(writer)
    stream, told = into(writer)
    os.close(reader)
    for _ in range(3):
        stream.write(LINE)
    assert (stream.lost, told) == (3, [])
    assert stream.why in {os.strerror(errno.EPIPE), os.strerror(errno.EIO)}


def test_one_that_was_gone_before(opened: list[int]) -> None:
    reader, writer = os.pipe()
    opened.append(writer)
    os.close(reader)
    stream, _ = into(writer)
    stream.write(LINE)
    assert (stream.lost, stream.why) == (1, os.strerror(errno.EPIPE))


def test_a_pipe_that_can_t_be_opened_again_is_written_with_care(
    opened: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, writer = os.pipe()
    opened += [reader, writer]

    def refused(*_: object) -> int:
        raise PermissionError(errno.EACCES, "no")

    with monkeypatch.context() as another_user:
        another_user.setattr(os, "open", refused)
        stream, _ = into(writer)
    for _ in range(ENOUGH):
        stream.write(LINE)
    assert 0 < stream.lost < ENOUGH
    read = everything(reader)
    stream.write(LINE)
    assert read + everything(reader) == LINE * (ENOUGH + 1 - stream.lost)


def test_a_full_disk() -> None:
    with Path("/dev/full").open("w") as full:
        stream = LogStream.of(full, lambda number, why: None)
        stream.write(LINE)
    assert (stream.lost, stream.why) == (1, os.strerror(errno.ENOSPC))


def test_what_is_no_file_of_the_system_s_is_written_too() -> None:
    text = io.StringIO()
    LogStream.of(text, lambda number, why: None).write(LINE)
    assert text.getvalue().encode() == LINE


@given(st.lists(st.one_of(st.integers(1, 3), st.just(0), st.just(-1))), st.integers(1, 30))
def test_each_line_is_there_whole_and_in_order_or_is_counted(steps: list[int], lines: int) -> None:
    """A step: so many bytes go; 0: none goes now; -1: the disk is full. Afterwards all of it goes."""
    ahead, written = list(steps), b""
    told = 0

    def way(data: bytes) -> int:
        nonlocal written
        step = ahead.pop(0) if ahead else len(data)
        if step < 0:
            raise OSError(errno.ENOSPC, "full")
        if not step:
            raise BlockingIOError(errno.EAGAIN, "later")
        written += data[:step]
        return min(step, len(data))

    def resumed(number: int, _: str) -> None:
        nonlocal told
        told += number

    stream = LogStream(way, lambda _: None, resumed)
    given_lines = [b"%d\n" % number for number in range(lines)]
    for line in given_lines:
        stream.write(line)
    ahead.clear()
    stream.write(b"last\n")
    found = written.splitlines(keepends=True)
    rest = iter(given_lines)
    assert all(line in rest for line in found[:-1]), "in order"
    assert found[-1] == b"last\n"
    assert len(found) == lines + 1 - stream.lost
    assert told == stream.lost
