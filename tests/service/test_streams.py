"""Standard streams that are closed, or fail: the program is a process of its own, started by a shell."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import jelmored

PROGRAM = f"{sys.executable} -m jelmored"


def shell(line: str, cwd: Path) -> subprocess.CompletedProcess[bytes]:
    source = str(Path(jelmored.__file__).parents[1])
    return subprocess.run(["sh", "-c", line], cwd=cwd, env={"PYTHONPATH": source, "HOME": str(cwd)}, timeout=60)


@pytest.mark.parametrize("streams", ["2>&-", ">&-", "<&-", "<&- >&- 2>&-", "2>/dev/full", ">/dev/full 2>&1"])
def test_how_it_ends_is_told_by_its_exit_code_all_the_same(streams: str, tmp_path: Path) -> None:
    (tmp_path / "wrong.toml").write_text("nothing = 1")
    assert shell(f"{PROGRAM} --config wrong.toml {streams}", tmp_path).returncode == 3


def test_no_file_takes_the_place_of_a_stream_that_is_closed(tmp_path: Path) -> None:
    told = f"import os; from jelmored.service import streams; streams.complete(); f = open('f', 'w'); {WRITE}"
    assert shell(f'{sys.executable} -c "{told}" <&- >&- 2>&-', tmp_path).returncode == 0
    assert (tmp_path / "f").read_text() == "3"


WRITE = "print(f.fileno(), file=f, end=''); print('out'); os.write(2, b'error')"
