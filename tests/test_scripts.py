"""What `make` runs for a newcomer: which provider is taken, and what is said when something is missing."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[1] / "scripts"


def _program(path: Path, script: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def _run(script: str, cwd: Path, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", SCRIPTS / script, *args],
        cwd=cwd,
        env={"PATH": str(cwd / "bin"), **env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A directory whose `jelmore` says how it was called."""
    _program(tmp_path / ".venv" / "bin" / "jelmore", r"""for word; do printf '<%s>' "$word"; done; echo""")
    (tmp_path / "bin").mkdir()
    return tmp_path


def test_without_claude_it_is_the_demo_and_says_how_to_get_the_real_thing(checkout: Path) -> None:
    said = _run("first-run", checkout, PROMPT="it's a $test").stdout

    assert "<run><--provider><demo><--approve><all><it's a $test>" in said
    assert "npm install -g @anthropic-ai/claude-code" in said


def test_with_claude_that_is_not_logged_in_it_is_the_demo(checkout: Path) -> None:
    _program(checkout / "bin" / "claude", "exit 1")
    said = _run("first-run", checkout).stdout

    assert "<--provider><demo>" in said
    assert "not logged in" in said


def test_with_claude_that_is_logged_in_it_is_claude_and_nothing_is_allowed_unasked(checkout: Path) -> None:
    _program(checkout / "bin" / "claude", '[ "$1 $2" = "auth status" ]')
    said = _run("first-run", checkout).stdout

    assert "<run><--provider><claude><What" in said
    assert "<--approve>" not in said


def test_a_run_that_fails_is_a_failure(checkout: Path) -> None:
    _program(checkout / ".venv" / "bin" / "jelmore", "exit 4")

    assert _run("first-run", checkout).returncode == 4


def test_without_python_it_says_what_to_install(checkout: Path) -> None:
    ended = _run("make-venv", checkout, "new")

    assert ended.returncode == 1
    assert "needs Python 3.11" in ended.stderr


def test_a_python_without_venv_names_the_package(checkout: Path) -> None:
    """As Debian has it: the version is asked for, the modules are not there."""
    _program(
        checkout / "bin" / "python3.12",
        'case "$2" in *version_info\\ *) exit 0;; *ensurepip*) exit 1;; *) echo 3.12;; esac',
    )
    ended = _run("make-venv", checkout, "new")

    assert ended.returncode == 1
    assert "apt install python3.12-venv" in ended.stderr
