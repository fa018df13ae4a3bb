"""What lies in the directory that a program of ours is started in is none of its business."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

BIN = Path(sys.executable).parent
NAMES = (
    "trio",
    "attrs",
    "attr",
    "cattrs",
    "orjson",
    "structlog",
    "httpx",
    "tomlkit",
    "json",
    "ctypes",
    "sitecustomize",
)


@pytest.fixture
def hostile() -> Iterator[Path]:
    """A directory with libraries and settings; `ran` beside it has the name of each that was run."""
    with TemporaryDirectory(prefix="jc-") as directory:
        base = Path(directory)
        (base / "ran").mkdir()
        here = base / "here"
        here.mkdir()
        for name in NAMES:
            (here / f"{name}.py").write_text(f"open({str(base / 'ran' / name)!r}, 'w').close()\nraise SystemExit(9)\n")
        for name in ("jelmored.toml", ".jelmored.toml", "config.toml", "jelmored.json", ".env", "models.toml"):
            (here / name).write_text('nonsense = "JELMORE_NONSENSE=1"\n')
        for name in ("git", "claude", "opencode", "sh", "jelmored"):
            (here / name).write_text(f"#!/bin/sh\ntouch {base}/ran/{name}\n")
            (here / name).chmod(0o755)
        yield base


def ask(base: Path, *command: str) -> subprocess.CompletedProcess[str]:
    home = base / "home"
    home.mkdir(exist_ok=True)
    env = {
        "HOME": str(home),
        "PATH": ".::/usr/bin:/bin",
        "XDG_STATE_HOME": str(home / "s"),
        "XDG_RUNTIME_DIR": str(base / "run"),
    }
    (base / "run").mkdir(mode=0o700, exist_ok=True)
    return subprocess.run(command, cwd=base / "here", env=env, capture_output=True, text=True, timeout=90)


def test_nothing_is_taken_from_the_current_directory(hostile: Path) -> None:
    """By a client that starts a daemon there, and by an agent of it."""
    jelmore = str(BIN / "jelmore")
    try:
        said = ask(hostile, jelmore, "run", "-p", "--approve", "none", "--provider", "demo", "hello")
        assert said.returncode == 0, said.stderr
    finally:
        ask(hostile, jelmore, "daemon", "stop")
    assert list((hostile / "ran").iterdir()) == []


@pytest.mark.parametrize("how", [(str(BIN / "jelmored"),), (sys.executable, "-m", "jelmored")], ids=["script", "-m"])
def test_nor_by_a_daemon_that_is_started_there(hostile: Path, how: tuple[str, ...]) -> None:
    asked = ask(hostile, *how, "check-config")
    assert (asked.returncode, asked.stderr) == (0, "")
    assert list((hostile / "ran").iterdir()) == []
