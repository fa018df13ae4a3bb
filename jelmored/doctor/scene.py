"""What the examination is about: one daemon's places and settings and, if it runs, what it says of itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import attrs
import trio

from jelmored import meaning
from jelmored.client.client import Client, open_client
from jelmored.client.errors import ClientError, RpcError
from jelmored.client.finding import Finder
from jelmored.client.places import DaemonNotice
from jelmored.client.places import Places as Seen
from jelmored.config import catalogue
from jelmored.config.places import Places
from jelmored.config.settings import Settings
from jelmored.config.sources import Configuration, Sources
from jelmored.config.suspects import suspects
from jelmored.domain.models import ProviderView
from jelmored.errors import ConfigError
from jelmored.providers import registry
from jelmored.wire.messages import DaemonStatus, Setting

ANSWER_SECONDS = 5.0


@attrs.frozen
class Report:
    """A daemon that has answered, of itself."""

    status: DaemonStatus
    providers: Sequence[ProviderView]
    configuration: Sequence[Setting] = ()


@attrs.frozen(kw_only=True)
class Scene:
    """
    Args:
        places: of the daemon.
        environ: of whoever looks.
        files: of the configuration that were read.
        settings: what they say; with faults, None.
        configuration: all of them, without secrets: as the daemon goes by them, else as one would that is started now.
        secrets: what is none of anybody's business; with faults, what may be.
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
    configuration: Sequence[Setting] = ()
    secrets: frozenset[str] = attrs.field(default=frozenset(), repr=False)
    faults: Sequence[str] = ()
    alive: bool = False
    notice: DaemonNotice | None = None
    report: Report | None = None
    silence: str | None = None


async def look(places: Places, config: Path | None, environ: Mapping[str, str]) -> Scene:
    """Read the files, and ask the daemon if one runs."""
    sources = Sources(config=config, environ=environ)
    read, faults = _read(sources)
    scene = Scene(
        places=places,
        environ=environ,
        files=sources.files,
        settings=read.settings if read else None,
        configuration=meaning.shown(read.entries()) if read else (),
        secrets=suspects(sources) | (read.settings.secrets() if read else frozenset()),
        faults=faults,
    )
    try:
        seen = Seen(runtime=places.runtime, state=places.state)
        if not seen.alive():
            return scene
        scene = attrs.evolve(scene, alive=True, notice=seen.notice())
        report = await _asked(seen)
        return attrs.evolve(scene, report=report, configuration=report.configuration or scene.configuration)
    except (ClientError, OSError, trio.TooSlowError) as error:
        return attrs.evolve(scene, silence=str(error) or f"no answer within {ANSWER_SECONDS:g} s")


def _read(sources: Sources) -> tuple[Configuration | None, Sequence[str]]:
    """Both the settings and the catalogue must be right for a daemon to start."""
    faults: list[str] = []
    read = None
    try:
        read = attrs.evolve(sources, kinds=registry.settings_classes()).read()
    except ConfigError as error:
        faults += error.faults
    try:
        catalogue.load(catalogue.files(sources.file, sources.environ))
    except ConfigError as error:
        faults += error.faults
    return read, faults


async def _asked(seen: Seen) -> Report:
    finder = Finder(named=None, places=seen, starter=None)
    with trio.fail_after(ANSWER_SECONDS):
        async with open_client(finder=finder, name="jelmore doctor", deltas=False) as client:
            return Report(await client.status(), await client.providers(), await _settings(client))


async def _settings(client: Client) -> Sequence[Setting]:
    """None for a client that may not ask for them."""
    try:
        return await client.settings()
    except RpcError:
        return ()
