from __future__ import annotations

import os
import subprocess
from pathlib import Path

from jelmored.doctor.findings import Level
from jelmored.doctor.leftovers import leftovers
from jelmored.domain.ids import InstanceId
from jelmored.process import ledger
from jelmored.process.environment import INSTANCE
from jelmored.process.lives import HOME

from .scenes import at


def test_a_process_of_a_daemon_that_is_gone_is_told_and_left_alone(tmp_path: Path) -> None:
    scene, mark = at(tmp_path), InstanceId("ins_doctor")
    assert [finding.level for finding in leftovers(scene)] == [Level.GOOD]
    environ = {**os.environ, INSTANCE: mark}
    with subprocess.Popen(["sleep", "60"], env=environ, start_new_session=True) as left:
        try:
            home = scene.places.state / HOME
            home.mkdir()
            with ledger.written(home, mark):
                ledger.note(left.pid)
                assert [finding.level for finding in leftovers(scene)] == [Level.GOOD], "its daemon is there: we"
                file = home / mark
                whole = file.read_text()
            file.write_text("\n".join(line for line in whole.splitlines() if not line.startswith("daemon")) + "\n")
            (found,) = leftovers(scene)
            assert found.level is Level.BAD
            assert f"{left.pid} (sleep)" in found.text
            assert left.poll() is None
        finally:
            left.kill()
