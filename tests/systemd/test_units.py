"""The units as systemd itself reads them, and how far it thinks that what they start is held back."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from jelmored.actors.running import STOP_DEADLINE
from jelmored.cli import Exit
from jelmored.client.units import fitted, shipped

NEEDED = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None and "TEST_SYSTEMD" not in os.environ, reason="needs systemd-analyze"
)
SYSTEM = ("jelmored.service", "jelmored.socket", "jelmored@.service")
USER = ("jelmored.service", "jelmored.socket")
SERVICES = [
    shipped() / name for name in ("system/jelmored.service", "system/jelmored@.service", "user/jelmored.service")
]


@attrs.frozen
class Units:
    """Those that are installed, and no others but the machine's own."""

    place: Path

    def install(self, kind: str, *names: str) -> None:
        for name in names:
            (self.place / name).write_text(fitted(kind, name))

    def add(self, drop_in: str, to: str = "jelmored.service") -> None:
        place = self.place / f"{to}.d"
        place.mkdir()
        shutil.copy(shipped() / "drop-ins" / drop_in, place)

    def analyze(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        environ = {**os.environ, "SYSTEMD_UNIT_PATH": f"{self.place}:", "XDG_RUNTIME_DIR": str(self.place)}
        return subprocess.run(
            ["systemd-analyze", "--no-pager", *arguments], env=environ, capture_output=True, text=True, check=False
        )

    def exposure(self, unit: str, threshold: int) -> float:
        """What systemd rates it; ten times as much must not be more than the threshold."""
        done = self.analyze("security", "--offline=true", f"--threshold={threshold}", unit)
        assert done.returncode == 0, done.stdout
        rated = re.search(r"exposure level for .*: ([\d.]+)", done.stdout)
        assert rated is not None
        return float(rated[1])


@pytest.fixture
def units(tmp_path: Path) -> Units:
    return Units(tmp_path)


@NEEDED
def test_systemd_finds_no_fault_in_the_system_s(units: Units) -> None:
    units.install("system", *SYSTEM)
    done = units.analyze("verify", "jelmored.service", "jelmored.socket", "jelmored@root.service")
    assert (done.returncode, done.stderr) == (0, "")


@NEEDED
@pytest.mark.parametrize("drop_in", ["homes.conf", "sandboxes.conf", "users.conf"])
def test_nor_in_the_drop_ins(units: Units, drop_in: str) -> None:
    units.install("system", *SYSTEM)
    units.add(drop_in)
    done = units.analyze("verify", "jelmored.service")
    assert (done.returncode, done.stderr) == (0, "")


@NEEDED
def test_nor_in_the_user_s(units: Units) -> None:
    units.install("user", *USER)
    done = units.analyze("--user", "verify", *USER)
    assert (done.returncode, done.stderr) == (0, "")


@NEEDED
def test_a_fault_would_be_found(units: Units) -> None:
    (units.place / "jelmored.service").write_text(fitted("system", "jelmored.service") + "RestartSteps=3\n")
    assert units.analyze("verify", "jelmored.service").stderr != ""


@NEEDED
@pytest.mark.parametrize(
    ("unit", "drop_in", "most"),
    [
        ("jelmored.service", None, 1.5),
        ("jelmored.service", "homes.conf", 1.6),
        ("jelmored.service", "users.conf", 1.5),
        ("jelmored@alice.service", None, 1.6),
    ],
)
def test_what_the_machine_runs_is_held_back(units: Units, unit: str, drop_in: str | None, most: float) -> None:
    units.install("system", *SYSTEM)
    if drop_in:
        units.add(drop_in)
    assert units.exposure(unit, round(10 * most)) <= most


@NEEDED
def test_more_than_that_would_be_found(units: Units) -> None:
    units.install("system", *SYSTEM)
    units.add("sandboxes.conf")
    done = units.analyze("security", "--offline=true", "--threshold=16", "jelmored.service")
    assert done.returncode != 0


def settings(unit: Path) -> Iterator[tuple[str, str]]:
    for line in unit.read_text().splitlines():
        if line and line[0] not in "#[":
            name, _, value = line.partition("=")
            yield name, value


@pytest.mark.parametrize("unit", SERVICES, ids=str)
def test_what_all_of_them_say(unit: Path) -> None:
    said = dict(settings(unit))
    expected = {
        "Type": "notify",
        "NotifyAccess": "main",
        "KillMode": "mixed",
        "Restart": "on-failure",
        "UMask": "0077",
        "LimitCORE": "0",
    }
    assert expected.items() <= said.items()
    assert int(said["TimeoutStopSec"]) >= STOP_DEADLINE + 20
    assert int(said["WatchdogSec"]) * 2 / 3 > STOP_DEADLINE, "the stop may take so long, and tells nothing"
    hopeless = {Exit.USAGE, Exit.CONFIG, Exit.RUNNING, Exit.JOURNAL, Exit.PLACE}
    assert set(map(int, said["RestartPreventExitStatus"].split())) == hopeless
    assert said.get("MemoryDenyWriteExecute", "no") == "no", "Node.js dies of it"
    assert not said.keys() & {"RestartSteps", "RestartMaxDelaySec"}, "systemd 252 does not know them"


def test_one_person_s_is_held_back_as_the_machine_s_is_but_for_the_homes() -> None:
    machine, person = (set(settings(unit)) for unit in SERVICES[:2])
    from_here = [("ProtectHome", "yes"), ("ProtectSystem", "strict")]
    own = {
        "ExecStart",
        "User",
        "Group",
        "Description",
        "StateDirectory",
        "RuntimeDirectory",
        "RuntimeDirectoryPreserve",
    }
    own |= {"CacheDirectory", "CacheDirectoryMode", "Environment", "WorkingDirectory", "ReadWritePaths"}
    assert {one for one in machine - person if one[0] not in own} == set(from_here)
    assert {one for one in person - machine if one[0] not in own} == {("ProtectHome", "no"), ("ProtectSystem", "full")}
