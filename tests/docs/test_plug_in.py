"""The plug-in of the providers page: taken from there as it stands, installed, and talked to through a real daemon."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from tests import invariants
from tests.client_raw import connect

from . import daemon
from .pages import DOCS

PAGE = (DOCS / "providers.md").read_text("utf-8").partition("## A plug-in")[2]
LINES = 60


async def test_the_plug_in_of_the_page_works(tmp_path: Path) -> None:
    code, entry_point, settings = _snippets()
    _install(tmp_path, code, entry_point)

    async with daemon.running(settings, plug_ins=tmp_path) as place, connect(place.socket) as client:
        session = await client.request("session/create", cwd=str(place.work), provider="echo")
        watch = await client.subscribe(session["sessionId"])
        await client.request("session/prompt", sessionId=session["sessionId"], prompt="Hello")
        ended = await watch.turn_over(1)

        assert ended["metadata"]["reason"] == "completed"
        assert watch.said(1) == "Echo: Hello"
        invariants.check(watch)
        closed = await client.request("session/close", sessionId=session["sessionId"])
        assert closed["status"] == "terminated"


async def test_it_works_from_its_file_too(tmp_path: Path) -> None:
    code, _, settings = _snippets()
    file = tmp_path / "echo.py"
    file.write_text(code)
    echo = settings["providers"]["echo"] | {"type": f"{file}:KIND"}

    async with daemon.running({"providers": {"loud": echo}}) as place, connect(place.socket) as client:
        (ranked,) = [
            one
            for one in (await client.request("provider/rank", requirements={}))["ranking"]
            if one["provider"] == "loud"
        ]
        assert ranked["accepted"], ranked
        session = await client.request("session/create", cwd=str(place.work), provider="loud")
        watch = await client.subscribe(session["sessionId"])
        await client.request("session/prompt", sessionId=session["sessionId"], prompt="Hello")
        await watch.turn_over(1)
        assert watch.said(1) == "Echo: Hello"


def test_it_is_short() -> None:
    code, _, _ = _snippets()

    assert sum(bool(line.strip()) for line in code.splitlines()) <= LINES


def _snippets() -> tuple[str, dict[str, Any], dict[str, Any]]:
    code = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)
    entry_point, settings = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    assert code is not None
    return code[1], tomllib.loads(entry_point), tomllib.loads(settings)


def _install(site: Path, code: str, entry_point: dict[str, Any]) -> None:
    """What an installer makes of a package: its module, and what it says of itself."""
    group = entry_point["project"]["entry-points"]["jelmored.providers"]
    (module,) = {value.partition(":")[0] for value in group.values()}
    (site / f"{module}.py").write_text(code)
    about = site / f"{module}-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
    named = "".join(f"{name} = {value}\n" for name, value in group.items())
    (about / "entry_points.txt").write_text(f"[jelmored.providers]\n{named}")
