from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
import structlog.testing

from jelmored.domain.ids import InstanceId
from jelmored.process import ledger, procfs
from jelmored.process.ledger import Ledger, former, note, written
from jelmored.process.procfs import Process
from jelmored.process.sweep import Former
from tests.process.trees import foreign

ME = InstanceId("ins_me")


def us() -> Process:
    process = Process.of(os.getpid())
    assert process is not None
    return process


def left(home: Path) -> Former | None:
    (only,) = former(home).values()
    return only


def test_what_is_started_stands_there_at_once(tmp_path: Path) -> None:
    home = tmp_path / "lives"
    with foreign("sleep", "1000") as child, written(home, ME):
        assert left(home) == Former(ME, us())
        note(child.pid)
        held = Process.of(child.pid)
        assert held is not None
        assert left(home) == Former(ME, us(), frozenset({held}))
        assert stat.S_IMODE(home.stat().st_mode) == 0o700
        assert stat.S_IMODE((home / ME).stat().st_mode) == 0o600
        child.kill()
        child.wait()
    assert former(home) == {}


def test_the_file_stays_while_somebody_is_left(tmp_path: Path) -> None:
    with foreign("sleep", "1000") as child:
        with written(tmp_path, ME):
            note(child.pid)
        life = left(tmp_path)
        assert life is not None
        assert [process.pid for process in life.held] == [child.pid]
        child.kill()


def test_those_that_are_gone_are_forgotten_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "SPENT_LINES", 4)
    with foreign("sleep", "1000") as child, written(tmp_path, ME):
        for _ in range(9):
            with foreign("true") as dead:
                note(dead.pid)
        note(child.pid)
        life = left(tmp_path)
        assert life is not None
        assert len(life.held) < 6
        assert child.pid in {process.pid for process in life.held}
        child.kill()


def test_what_is_not_kept_is_not_noted() -> None:
    note(os.getpid())


def test_before_the_last_start_of_the_system_nothing_is_left(tmp_path: Path) -> None:
    (tmp_path / ME).write_text(f"boot other\ndaemon {os.getpid()} 1\nholds 1 1\n")
    assert left(tmp_path) is None


@pytest.mark.parametrize(
    "text", ["", "\x00\xff\n", "boot", "daemon 1\nholds\nholds x y\ndaemon -1 5\n", "holds 12 3456"], ids=repr
)
def test_a_file_that_is_damaged_tells_the_instance(tmp_path: Path, text: str) -> None:
    (tmp_path / ME).write_bytes(text.encode("latin-1"))
    assert left(tmp_path) == Former(ME)


def test_a_line_that_was_cut_is_none(tmp_path: Path) -> None:
    (tmp_path / ME).write_text(f"boot {procfs.boot_id()}\nholds 12 34\nholds 56 7")
    assert left(tmp_path) == Former(ME, held=frozenset({Process(12, 34)}))


def test_a_disk_that_takes_nothing_is_told_once_and_agents_run(tmp_path: Path) -> None:
    home = tmp_path / "lives"
    home.write_text("no directory")
    with structlog.testing.capture_logs() as logs, written(home, ME):
        note(os.getpid())
        note(os.getpid())
    assert [entry["log_level"] for entry in logs] == ["warning"]
    assert former(home) == {}


def test_half_a_file_is_never_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = Ledger(tmp_path / ME)
    one.begin()
    whole = (tmp_path / ME).read_text()

    def fails(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fails)
    with structlog.testing.capture_logs():
        one.begin()
    assert (tmp_path / ME).read_text() == whole
    assert list(former(tmp_path)) == [tmp_path / ME]
