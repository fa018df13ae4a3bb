"""A daemon for a page: a real one, of this checkout, with nothing but what the page tells its reader to have."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import trio

from tests.real.daemon import Place, command, new_place

from .pages import ROOT

SECONDS = 60.0  # that it may take to get ready, or to stop


@attrs.frozen
class Daemon:
    """`work`: a directory for sessions, as the pages show one."""

    socket: Path
    work: Path


@asynccontextmanager
async def running(settings: Mapping[str, Any], *, plug_ins: Path | None = None) -> AsyncIterator[Daemon]:
    """For as long as the body runs.

    Args:
        settings: its configuration.
        plug_ins: where it finds further packages.
    """
    async with new_place() as place:
        place.config.write_text(json.dumps({"notify": {"desktop": False}, **settings}))
        (place.work / "README.md").write_text("A project.\n")
        process = await _start(place, plug_ins)
        try:
            yield Daemon(place.socket, place.work)
        finally:
            with trio.move_on_after(SECONDS, shield=True):
                process.terminate()
                await process.wait()
            process.kill()


async def _start(place: Place, plug_ins: Path | None) -> trio.Process:
    path = [str(ROOT), *([str(plug_ins)] if plug_ins else [])]
    environment = {"PATH": os.environ["PATH"], "HOME": str(place.home), "PYTHONPATH": os.pathsep.join(path)}
    with place.log.open("ab") as log:
        process = await trio.lowlevel.open_process(command(place), stdout=subprocess.PIPE, stderr=log, env=environment)
    assert process.stdout is not None
    async with process.stdout:
        with trio.fail_after(SECONDS):
            assert b"ready" in await process.stdout.receive_some(), place.log.read_text()
    return process
