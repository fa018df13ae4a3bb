"""What the examination is about: one daemon's places and settings and, if it runs, what it says of itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import attrs
import trio

from jelmored.client.client import open_client
from jelmored.client.errors import ClientError
from jelmored.client.finding import Finder
from jelmored.client.places import DaemonNotice
from jelmored.client.places import Places as Seen
from jelmored.config import catalogue
from jelmored.config.places import Places
from jelmored.config.settings import Settings
from jelmored.config.sources import Sources
from jelmored.domain.models import ProviderView
from jelmored.errors import ConfigError
from jelmored.providers import registry
from jelmored.wire.messages import DaemonStatus

ANSWER_SECONDS = 5.0


@attrs.frozen
class Report:
    """A daemon that has answered, of itself."""

    status: DaemonStatus
    providers: Sequence[ProviderView]


@attrs.frozen(kw_only=True)
class Scene:
    """
    Args:
        places: of the daemon.
        environ: of whoever looks.
        files: of the configuration that were read.
        settings: what they say; with faults, None.
        faults: each of them.
        alive: a daemon holds the lock.
        notice: what it has written for clients.
        report: what it has answered; None if none runs, or it does not answer.
        silence: why it does not.
    """

    places: Places
    environ: Mapping[str, str]
    files: Sequence[Path] = ()
    settings: Settings | None = None
    faults: Sequence[str] = ()
    alive: bool = False
    notice: DaemonNotice | None = None
    report: Report | None = None
    silence: str | None = None


async def look(places: Places, config: Path | None, environ: Mapping[str, str]) -> Scene:
    """Read the files, and ask the daemon if one runs."""
    sources = Sources(config=config, environ=environ)
    settings, faults = _settings(sources)
    scene = Scene(places=places, environ=environ, files=sources.files, settings=settings, faults=faults)
    try:
        seen = Seen(runtime=places.runtime, state=places.state)
        if not seen.alive():
            return scene
        scene = attrs.evolve(scene, alive=True, notice=seen.notice())
        return attrs.evolve(scene, report=await _asked(seen))
    except (ClientError, OSError, trio.TooSlowError) as error:
        return attrs.evolve(scene, silence=str(error) or f"no answer within {ANSWER_SECONDS:g} s")


def _settings(sources: Sources) -> tuple[Settings | None, Sequence[str]]:
    """Both the settings and the catalogue must be right for a daemon to start."""
    faults: list[str] = []
    settings = None
    try:
        settings = attrs.evolve(sources, kinds=registry.settings_classes()).read().settings
    except ConfigError as error:
        faults += error.faults
    try:
        catalogue.load(catalogue.files(sources.file, sources.environ))
    except ConfigError as error:
        faults += error.faults
    return settings, faults


async def _asked(seen: Seen) -> Report:
    finder = Finder(named=None, places=seen, starter=None)
    with trio.fail_after(ANSWER_SECONDS):
        async with open_client(finder=finder, name="jelmore doctor", deltas=False) as client:
            return Report(await client.status(), await client.providers())
