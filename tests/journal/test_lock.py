from __future__ import annotations

import os
from pathlib import Path

import pytest

from jelmored.errors import ErrorKind, JournalError
from jelmored.journal.lock import LOCK_FILE, locked


def test_a_directory_has_one_owner_at_a_time(tmp_path: Path) -> None:
    with locked(tmp_path), pytest.raises(JournalError, match=f"{tmp_path} is in use by pid {os.getpid()}") as caught:
        locked(tmp_path).__enter__()
    assert caught.value.kind is ErrorKind.JOURNAL_FAILED
    with locked(tmp_path):
        assert (tmp_path / LOCK_FILE).read_text() == f"{os.getpid()}\n"


def test_what_a_dead_owner_left_in_the_file_is_no_lock(tmp_path: Path) -> None:
    (tmp_path / LOCK_FILE).write_text("4194304999999\n")
    with locked(tmp_path):
        assert (tmp_path / LOCK_FILE).read_text() == f"{os.getpid()}\n"


def test_other_directories_are_free(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with locked(tmp_path), locked(tmp_path / "other"):
        pass
