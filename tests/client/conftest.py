from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio

from jelmored.client import Client, Finder, Places, open_client

from .daemon import FakeDaemon
from .machine import Machine


@pytest.fixture
async def daemon(tmp_path: Path, nursery: trio.Nursery) -> FakeDaemon:
    daemon = FakeDaemon(tmp_path / "run")
    await nursery.start(daemon.run)
    return daemon


@pytest.fixture
def finder(daemon: FakeDaemon, tmp_path: Path) -> Finder:
    return Finder(named=None, places=Places(runtime=daemon.runtime, state=tmp_path / "state"), starter=None)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Its places are those of `daemon`, if the test has one."""
    return Machine(tmp_path)


@pytest.fixture
async def client(finder: Finder) -> AsyncIterator[Client]:
    async with open_client(finder=finder) as client:
        yield client
