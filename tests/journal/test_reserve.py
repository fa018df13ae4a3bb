from __future__ import annotations

import os
from pathlib import Path

import pytest

from jelmored.journal.reserve import Reserve

SIZE = 256 * 1024


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "reserve"


def test_it_takes_room_and_gives_it_back(path: Path) -> None:
    reserve = Reserve(path, SIZE)
    reserve.keep()
    found = path.stat()
    assert (found.st_size, found.st_blocks * 512 >= SIZE, found.st_mode & 0o777) == (SIZE, True, 0o600)
    reserve.keep()
    assert path.stat().st_ino == found.st_ino, "one that is there is left alone"
    assert reserve.give_up()
    assert not path.exists()
    assert not reserve.give_up()


def test_one_of_another_size_is_made_anew(path: Path) -> None:
    path.write_bytes(b"half of it")
    Reserve(path, SIZE).keep()
    assert path.stat().st_size == SIZE


def test_without_room_nothing_of_it_is_left(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(OSError, match="No space left"):
        Reserve(path, SIZE).keep()
    assert not path.exists()


def test_where_room_can_only_be_had_by_writing_it_is_written(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "posix_fallocate")
    Reserve(path, 2 * 1024 * 1024).keep()
    assert path.stat().st_blocks * 512 >= 2 * 1024 * 1024
