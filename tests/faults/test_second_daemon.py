"""One daemon to a state directory, one to a runtime directory: the second is told who has it, and ends."""

from __future__ import annotations

import errno
import fcntl
from pathlib import Path

import pytest
import trio

from jelmored.cli import Exit
from jelmored.config.places import Places
from jelmored.errors import JournalError, PlaceError
from jelmored.journal.lock import locked
from tests.client_raw import connect
from tests.real.daemon import Place, command, new_place, running

from .test_full_disk import configuration


async def _second(place: Place, **places: Path) -> tuple[int, str]:
    """Its exit code, and what it said. `places`: other directories than the first one's."""
    words = command(place)
    for option, directory in places.items():
        words[words.index(f"--{option}-dir") + 1] = str(directory)
    ended = await trio.run_process(words, check=False, capture_stdout=True, capture_stderr=True)
    return ended.returncode, ended.stderr.decode()


async def test_the_second_is_told_who_has_it_and_the_first_one_does_not_notice() -> None:
    async with new_place() as place, running(place, configuration()) as first, connect(place.socket) as client:
        pid = str(first.process.pid)
        code, told = await _second(place)
        assert (code, pid in told, str(place.root / "run") in told) == (Exit.RUNNING, True, True), told
        code, told = await _second(place, runtime=place.root / "run2")
        assert (code, f"in use by pid {pid}" in told) == (Exit.JOURNAL, True), told
        assert await client.request("ping") == {}
        assert await first.stop() == 0
        assert place.config.exists()
    assert not place.root.exists()


async def test_what_a_dead_one_left_is_no_obstacle() -> None:
    async with new_place() as place:
        async with running(place, configuration()) as first:
            await first.kill()
        assert (place.root / "run" / "daemon.lock").read_text().strip() == str(first.process.pid)
        async with running(place, configuration()) as second:
            assert await second.stop() == 0


def _no_locks(*_: object) -> None:
    raise OSError(errno.ENOLCK, "No locks available")


async def test_a_file_system_without_locks_is_told_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fcntl, "flock", _no_locks)
    with pytest.raises(JournalError, match=rf"No locks available.*{tmp_path}.*local disk"), locked(tmp_path):
        pass
    places = Places(state=tmp_path, runtime=tmp_path)
    with pytest.raises(PlaceError, match="No locks available"):
        async with places.held():
            pass
