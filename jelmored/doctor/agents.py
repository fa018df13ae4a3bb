"""The agents: as the daemon has found them, else whether their programs are there."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

from jelmored.config.settings import ProviderEntry
from jelmored.domain.models import Health, ProviderView

from .findings import Area, Finding
from .scene import Report, Scene

AREA = Area("agents")
WELL = frozenset({Health.HEALTHY, Health.DEGRADED})
NOBODY = AREA.bad(
    "no agent can answer but the demo", "install Claude Code or OpenCode and log in; docs/providers.md says how"
)
LOGS = "`jelmore providers --check` looks again; `jelmore daemon logs` may say more"


def agents(scene: Scene) -> Iterator[Finding]:
    if scene.report:
        yield from _told(scene.report)
    elif scene.settings:
        providers, path = scene.settings.providers, scene.environ.get("PATH", "")
        for name, entry in providers.items():
            yield _outside(name, entry, path)
        if not any(_program(entry, path) for entry in providers.values()):
            yield NOBODY


def _told(report: Report) -> Iterator[Finding]:
    for view in report.providers:
        yield _of(view)
    if not any(view.health in WELL and view.type != "demo" for view in report.providers):
        yield NOBODY


def _of(view: ProviderView) -> Finding:
    words = f"{view.name}{f' {view.version}' if view.version else ''}: {view.health.value}"
    words += f", {view.reason}" if view.reason else ""
    if view.health is Health.HEALTHY:
        return AREA.good(words)
    if view.health is Health.UNHEALTHY:
        return AREA.bad(words, view.remedy or LOGS)
    return AREA.note(words, view.remedy)


def _outside(name: str, entry: ProviderEntry, path: str) -> Finding:
    wanted = _wanted(entry)
    if not entry.settings.enabled:
        return AREA.note(f"{name}: switched off")
    if wanted is None:
        return AREA.good(f"{name}: needs no program")
    if found := _program(entry, path):
        return AREA.good(f"{name}: {found}; whether it is logged in is known when a daemon runs")
    if entry.named:
        return AREA.bad(f"{name}: there is no program {wanted!r}", "install it, or give its absolute path")
    return AREA.note(f"{name}: there is no program {wanted!r}")


def _wanted(entry: ProviderEntry) -> str | None:
    """The program of an agent; None: it has none of its own, or it is a plug-in's affair."""
    return getattr(entry.settings, f"{entry.type}_bin", None)


def _program(entry: ProviderEntry, path: str) -> str | None:
    """Where it is; None if it is not there, or not used."""
    wanted = _wanted(entry)
    return shutil.which(wanted, path=path) if wanted and entry.settings.enabled else None
