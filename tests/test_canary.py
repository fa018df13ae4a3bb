"""No secret of a daemon gets out of it: canaries are put wherever one may be, an agent finds them and prints them, and
all that the daemon writes or answers is searched. tests/real has the same with the real agents."""

from __future__ import annotations

import base64
import json
import os
import tarfile
from pathlib import Path

import pytest

from jelmored.config.sources import Sources
from jelmored.process import procfs
from jelmored.secrecy import make

from . import canaries
from .client_raw import connect
from .test_daemon import root as root  # the fixture
from .test_daemon import started
from .test_doors import run

CANARIES = {
    "of the environment": "canary-env-0123456789",
    "of a file": 'canary-"file"-\\0123456789-ö',
    "of a credential": "canary-credential-0123456789",
    "in the open": "canary-open-0123456789",
    "of opencode": "canary-opencode-0123456789",
    "of the webhook": "http://127.0.0.1:9/canary-hook-0123456789",
}
CONTROL = """tcp = "127.0.0.1:0"
[providers.claude.environment]
ONE_KEY = {{ env = "CANARY" }}
TWO_KEY = {{ file = "{root}/secret" }}
THREE = {{ credential = "canary" }}
FOUR_TOKEN = "canary-open-0123456789"
[providers.opencode]
enabled = false
api_key = "canary-opencode-0123456789"
"""
NOTIFY = 'desktop = false\nwebhook = "http://127.0.0.1:9/canary-hook-0123456789"'


def limits_of(pid: int) -> str:
    return Path(f"/proc/{pid}/limits").read_text()


def found_by_its_agent(root: Path) -> bytes:
    """What the command that the demo runs prints."""
    return "\n".join((*CANARIES.values(), (root / "s" / "tokens" / "admin").read_text(), make("server"))).encode()


async def test_what_an_agent_prints_and_a_person_pastes_is_nowhere_to_be_read(root: Path) -> None:
    (root / "secret").write_text(CANARIES["of a file"] + "\n")
    credentials, programs, work = root / "credentials", root / "bin", root / "work"
    for directory in (credentials, programs, work):
        directory.mkdir()
    (credentials / "canary").write_text(CANARIES["of a credential"])
    (programs / "ls").write_text(f"#!/bin/sh\nexec /bin/cat {root}/loot\n")
    (programs / "ls").chmod(0o755)
    environ = {
        "CANARY": CANARIES["of the environment"],
        "CREDENTIALS_DIRECTORY": str(credentials),
        "PATH": f"{programs}:{os.defpath}",
    }
    outputs: dict[str, bytes] = {}
    with (root / "log").open("wb") as log:
        async with started(
            root,
            notify=NOTIFY,
            control=CONTROL.format(root=root),
            environ=environ,
            stderr=log.fileno(),
            words=["--log-level", "debug"],
        ) as daemon:
            await daemon.ready()
            (root / "loot").write_bytes(found_by_its_agent(root))
            sung = {
                **CANARIES,
                "of a token": (root / "s" / "tokens" / "admin").read_text().strip(),
                "a password of a server": (root / "loot").read_text().splitlines()[-1],
            }
            async with connect(daemon.socket) as client:
                pasted = f"a command please; and {' and '.join(sung.values())}"
                session = await client.request("session/create", cwd=str(work), prompt=pasted, title=pasted[:200])
                watch = await client.subscribe(session["sessionId"])
                asked = await watch.event("approval_requested")
                assert "Max core file size        0 " in limits_of(daemon.process.pid)
                outputs |= canaries.processes(procfs.descendants_of(daemon.process.pid))
                approval = asked["metadata"]["approvalId"]
                await client.request("approval/resolve", approvalId=approval, optionId="allow")
                ended = await watch.turn_over(1)
                assert ended["metadata"]["reason"] == "completed"
                [result] = watch.of_turn(1, "tool_result")
                assert result["content"].count("[redacted]") == len(sung), "what is looked for was there"
                known = {
                    "sessionId": session["sessionId"],
                    "approvalId": approval,
                    "name": "demo",
                    "provider": f"no-such-{sung['in the open']}",
                    "cwd": f"/{sung['of a file']}",
                    "prompt": pasted,
                    "whenBusy": "queue",
                    "requirements": {"model": sung["of a credential"]},
                    "maxAgeSeconds": 1e6,
                }
                outputs |= canaries.files(root / "s", "journal.db*")
                outputs |= await canaries.answers(client, known)
                outputs["what it was told"] = "".join(note.raw for note in watch.notes).encode()
            arguments = ["--config", str(root / "config.toml")]
            places = ["--state-dir", str(root / "s"), "--runtime-dir", str(root / "r")]
            home = {**environ, "HOME": str(root)}
            bundle = root / "bundle.tar.gz"
            told = await run("jelmored", "doctor", *arguments, *places, "--bundle", str(bundle), environ=home)
            outputs["doctor"] = told.stdout + told.stderr
            told = await run("jelmored", "config", "show", *arguments, environ=home)
            outputs["config show"] = told.stdout + told.stderr
            (root / "s" / "daemon.log").write_bytes((root / "log").read_bytes())
            with tarfile.open(bundle) as archive:
                parts = {member.name: archive.extractfile(member) for member in archive.getmembers()}
                outputs |= {name: part.read() for name, part in parts.items() if part}
            daemon.process.terminate()
            assert await daemon.ended() == 0
    outputs["the log"] = (root / "log").read_bytes()
    outputs |= {f"{name}, at rest": data for name, data in canaries.files(root / "s", "journal.db*").items()}
    assert b'"level":"debug"' in outputs["the log"]
    assert b"[redacted]" in outputs["journal.db-wal"]
    assert canaries.found(sung, outputs) == []


def test_a_configuration_shows_none(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANARY", CANARIES["of the environment"])
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(root))
    (root / "canary").write_text(CANARIES["of a credential"])
    (root / "secret").write_text(CANARIES["of a file"])
    config = root / "config.toml"
    config.write_text(f"[notify]\n{NOTIFY}\n[control]\n{CONTROL.format(root=root)}")
    read = Sources(config=config, environ={}).read()
    assert read.settings.secrets() == set(CANARIES.values())
    shown = {
        "repr": repr(read).encode(),
        "settings": repr(read.settings).encode(),
        "entries": repr(read.entries()).encode(),
    }
    assert canaries.found(CANARIES, shown) == []


def test_the_search_finds_what_is_there() -> None:
    value = CANARIES["of a file"]
    for data in (value.encode(), json.dumps({"x": value}).encode(), base64.b64encode(f"xx{value}yy".encode())):
        assert canaries.found({"it": value}, {"there": data}) == ["it in there"]
