from __future__ import annotations

import os
from pathlib import Path

from jelmored.config.places import Places
from jelmored.doctor.scene import look
from tests.real import daemon


def places(root: Path) -> Places:
    return Places(state=root / "state", runtime=root / "run")


async def test_without_a_daemon_nothing_is_started_or_made(tmp_path: Path) -> None:
    config = tmp_path / "c.toml"
    config.write_text("max_total_session = 1\n")
    scene = await look(places(tmp_path), config, {})
    assert (scene.alive, scene.report, scene.settings) == (False, None, None)
    assert [fault.startswith(f"{config}:1: max_total_session") for fault in scene.faults] == [True]
    assert os.listdir(tmp_path) == [config.name]


async def test_a_daemon_that_runs_tells_of_itself() -> None:
    async with daemon.new_place() as place:
        where = Places(state=place.root / "state", runtime=place.root / "run")
        async with daemon.running(place, {"providers": {"claude": {"enabled": False}}}) as running:
            scene = await look(where, place.config, {})
            assert scene.report is not None
            assert scene.report.status.pid == running.process.pid
            assert scene.alive
        assert not (await look(where, place.config, {})).alive


async def test_a_daemon_that_holds_its_lock_and_is_not_ready(tmp_path: Path) -> None:
    where = places(tmp_path)
    where.prepare()
    async with where.held():
        scene = await look(where, None, {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)})
    assert (scene.alive, scene.report) == (True, None)
    assert scene.silence
