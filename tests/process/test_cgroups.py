"""A tree of files stands for the kernel's."""

from __future__ import annotations

import os
from pathlib import Path

import attrs
import pytest

from jelmored.process import cgroups
from jelmored.process.cgroups import is_outside

LIVES = os.getpid()


@attrs.frozen
class Groups:
    root: Path

    def group(self, path: str, *pids: int) -> Path:
        made = self.root / path
        made.mkdir(parents=True, exist_ok=True)
        (made / "cgroup.procs").write_text("".join(f"{pid}\n" for pid in pids))
        return made

    def own(self, path: str) -> None:
        (self.root / "own").write_text(f"9:name=systemd:/x\n0::/{path}\n")


@pytest.fixture
def groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Groups:
    monkeypatch.setattr(cgroups, "MOUNTS", (tmp_path / "nowhere", tmp_path))
    monkeypatch.setattr(cgroups, "OWN", tmp_path / "own")
    monkeypatch.setattr(os, "getuid", lambda: 1000 + os.stat(tmp_path).st_uid)
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    return Groups(tmp_path)


def test_who_is_in_none_of_our_groups_is_outside(groups: Groups) -> None:
    groups.own("system.slice/jelmored.service")
    groups.group("system.slice/jelmored.service", 7)
    groups.group("system.slice/jelmored.service/below", 8)
    groups.group("system.slice/other.service", 9)
    assert [is_outside(pid) for pid in (7, 8, LIVES)] == [False, False, True]


def test_one_that_may_be_left_proves_nothing(groups: Groups, monkeypatch: pytest.MonkeyPatch) -> None:
    groups.own("a")
    groups.group("a", 7)
    assert is_outside(LIVES)
    with monkeypatch.context() as writable:
        writable.setattr(os, "access", lambda path, mode: True)
        assert not is_outside(LIVES)
    monkeypatch.setattr(os, "getuid", lambda: os.stat(groups.root).st_uid)
    assert not is_outside(LIVES)


def test_nor_does_the_root_or_one_that_can_t_be_read(groups: Groups) -> None:
    assert not is_outside(LIVES), "there is no such file"
    groups.own("")
    groups.group("", 7)
    assert not is_outside(LIVES)
    groups.own("gone")
    assert not is_outside(LIVES)
    (groups.group("odd") / "cgroup.procs").write_text("max\n")
    groups.own("odd")
    assert not is_outside(LIVES)


def test_one_that_has_ended_is_in_no_group_and_not_outside(groups: Groups) -> None:
    groups.own("a")
    groups.group("a", 7)
    child = os.posix_spawn("/bin/true", ["true"], {})
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    try:
        assert not is_outside(child), "it is there, and nobody has buried it"
    finally:
        os.waitpid(child, 0)
    assert not is_outside(child)
