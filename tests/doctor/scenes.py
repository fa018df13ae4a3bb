"""Scenes for the tests: a place that is there, without a daemon or with one that has answered."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

from jelmored import __version__
from jelmored.config.places import Places
from jelmored.config.settings import Settings
from jelmored.doctor.scene import Report, Scene
from jelmored.domain.ids import InstanceId, ProviderName
from jelmored.domain.models import Health, ProviderView, RunCount
from jelmored.wire.messages import DaemonStatus, JournalHealth

OK = JournalHealth(ok=True, bytes=4_200_000, lag_ms=0.2)


def at(root: Path, **more: Any) -> Scene:
    """Both directories are there, and nothing in them; no daemon runs."""
    places = Places(state=root / "s", runtime=root / "r")
    for directory in (places.state, places.runtime):
        directory.mkdir(mode=0o700, exist_ok=True)
    environ: Mapping[str, str] = {"HOME": str(root), "PATH": str(root / "bin")}
    return Scene(**{"places": places, "environ": environ, "settings": Settings(), **more})


def provider(name: str = "claude", health: Health = Health.HEALTHY, **more: Any) -> ProviderView:
    view = ProviderView(name=ProviderName(name), type=name, health=health, runs=RunCount(active=0, max=10))
    return attrs.evolve(view, **more)


def report(*providers: ProviderView, **more: Any) -> Report:
    status = DaemonStatus(
        version=__version__,
        instance_id=InstanceId("ins_1"),
        pid=1,
        uptime_seconds=60,
        providers={view.name: view.health for view in providers},
        sessions={"idle": 2, "active": 1},
        runs=1,
        connections=1,
        journal=OK,
    )
    return Report(attrs.evolve(status, **more), providers)


def told(root: Path, *providers: ProviderView, **more: Any) -> Scene:
    return at(root, alive=True, report=report(*providers, **more))
