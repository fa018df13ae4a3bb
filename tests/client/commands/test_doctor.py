from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from jelmored.client.exits import Exit
from tests.client.daemon import FakeDaemon
from tests.client.machine import Machine


@pytest.fixture
def config(machine: Machine) -> Path:
    file = machine.root / "c.toml"
    claude = machine.root / "claude"
    claude.touch(0o755)
    file.write_text(f"[providers.claude]\nclaude_bin = '{claude}'\n")
    return file


@pytest.fixture
def faulty(config: Path) -> str:
    config.write_text("max_total_sessions = 0\n")
    return f"../{config.name}"


async def test_all_on_one_screen_and_as_values(machine: Machine, config: Path) -> None:
    done = await machine.jelmore("doctor", "--config", str(config))
    assert (done.code, done.err) == (Exit.OK, "")
    assert done.out.endswith("\nall is well\n")
    assert len(done.out.splitlines()) <= 24
    values = (await machine.jelmore("doctor", "--config", str(config), "--json")).json
    assert values["sound"] is True
    assert {"area": "daemon", "level": "note"}.items() <= values["findings"][2].items()
    assert not (machine.root / "state").exists()


async def test_what_is_wrong_has_its_remedy_and_another_code(machine: Machine, faulty: str) -> None:
    done = await machine.jelmore("doctor", "--config", faulty)
    assert done.code == Exit.REFUSED
    assert "✗" in done.out
    assert "c.toml:1: max_total_sessions: expected a whole number from 1 to 10000, got 0" in done.out
    assert "→ correct it" in done.out


async def test_a_bundle(daemon: FakeDaemon, machine: Machine, config: Path) -> None:
    done = await machine.jelmore("doctor", "--config", str(config), "--bundle", "b.tar.gz")
    assert (done.code, "bug report" in done.err) == (Exit.REFUSED, True)
    assert "✗ demo 2.1.197: unhealthy, not logged in" in done.out
    with tarfile.open(machine.work / "b.tar.gz") as archive:
        assert "jelmored-doctor/status.json" in archive.getnames()
