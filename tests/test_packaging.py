"""What is built from here, installed elsewhere: the wheel has all that the programs need, and the sdist the tests."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SYSTEMCTL = '#!/bin/sh\necho "$*" >> "$HOME/asked"\n'


def run(*command: str | Path, home: Path, path: str = os.defpath) -> str:
    """What it says; nothing of this checkout is in its environment."""
    environ = {"HOME": str(home), "PATH": path, "LANG": "C.UTF-8"}
    done = subprocess.run(command, cwd=home, env=environ, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel and an sdist."""
    place = tmp_path_factory.mktemp("dist")
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", place], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return place


@pytest.fixture(scope="module")
def installed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of a fresh installation; what jelmored needs itself it borrows from here."""
    place = tmp_path_factory.mktemp("venv")
    home = tmp_path_factory.mktemp("home")
    run(sys.executable, "-m", "venv", place, home=home)
    python = place / "bin" / "python"
    run(python, "-m", "pip", "install", "-q", "--no-index", "--no-deps", *built.glob("*.whl"), home=home)
    [packages] = place.glob("lib/python*/site-packages")
    (packages / "borrowed.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    return place / "bin"


def names(wheel: Path) -> set[str]:
    return set(zipfile.ZipFile(wheel).namelist())


def test_the_wheel_has_the_units_the_samples_and_the_completion(built: Path) -> None:
    [wheel] = built.glob("*.whl")
    there = names(wheel)
    for folder in ("etc", "systemd"):
        shipped = {f"jelmored/{file.relative_to(ROOT)}" for file in (ROOT / folder).rglob("*") if file.is_file()}
        assert shipped
        assert shipped <= there
    assert {f"jelmored/client/completions/jelmore.{shell}" for shell in ("bash", "fish", "zsh")} <= there
    assert not any(name.startswith("tests") for name in there)


def test_the_sdist_has_the_tests_and_nothing_that_was_made_here(built: Path) -> None:
    [sdist] = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        there = {name.partition("/")[2] for name in archive.getnames()}
    assert {"pyproject.toml", "README.md", "tests/test_packaging.py", "systemd/user/jelmored.service"} <= there
    assert not any(name.startswith((".venv", ".cache", ".ci")) for name in there)


def test_its_programs_run_outside_of_the_checkout(installed: Path, tmp_path: Path) -> None:
    for program in ("jelmore", "jelmored"):
        assert run(installed / program, "--version", home=tmp_path).startswith(f"{program} ")
    assert "exit codes" in run(installed / "python", "-m", "jelmored", "--help", home=tmp_path)
    where = run(installed / "python", "-c", "import jelmored; print(jelmored.__file__)", home=tmp_path)
    assert where.startswith(str(installed.parent))
    assert "jelmore" in run(installed / "jelmore", "completion", "bash", home=tmp_path)
    assert "models:" in run(installed / "jelmored", "check-config", home=tmp_path)


def test_it_installs_its_unit(installed: Path, tmp_path: Path) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "systemctl").write_text(SYSTEMCTL)
    (tools / "systemctl").chmod(0o755)
    run(installed / "jelmore", "daemon", "install", "--user", home=tmp_path, path=f"{tools}:{os.defpath}")
    unit = (tmp_path / ".config/systemd/user/jelmored.service").read_text()
    assert f"\nExecStart={installed}/jelmored serve\n" in unit
    asked = (tmp_path / "asked").read_text().splitlines()
    assert asked == ["--user daemon-reload", "--user enable --now jelmored.service"]
