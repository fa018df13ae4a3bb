"""The real agents print their environment, keys and all: none of it is to be read in what the daemon keeps, logs or
answers, and none has a key that is not its own."""

from __future__ import annotations

from typing import Any

import pytest

from tests import canaries

from . import daemon, processes
from .daemon import Place
from .script import Script, says, uses, when
from .stage import Stage, alive, open_place

pytestmark = pytest.mark.real

FIRST = 60.0  # s: the server is started, and takes up the directory
CLAUDE, OPENCODE = "canary-of-claude-0123456789", "canary-of-opencode-0123456789"
CONFIGURED = "canary-configured-0123456789"
HOOK = "http://127.0.0.1:9/canary-hook-0123456789"

SCRIPT = (
    when("for claude", uses("Bash", command="env"), says(f"My key is {CLAUDE}, as you see.", pieces=40)),
    when("for opencode", uses("bash", command="env", description="says"), says(f"Mine is {OPENCODE}.", pieces=40)),
    when("", says("Yes.")),
)


def keyed(place: Place, model_url: str) -> dict[str, Any]:
    """Both agents, each with a key of its own from a file."""
    for name, key in (("claude", CLAUDE), ("opencode", OPENCODE)):
        (place.root / name).write_text(key)
    both = dict(daemon.configuration(place, model_url))
    opencode = dict(daemon.opencode_configuration(place, model_url)["providers"]["opencode"])
    opencode["environment"] = {**opencode["environment"], "THEIR_KEY": {"file": str(place.root / "opencode")}}
    opencode["api_key"] = CONFIGURED
    claude = dict(both["providers"]["claude"])
    claude["environment"] = {**claude["environment"], "ANTHROPIC_API_KEY": {"file": str(place.root / "claude")}}
    both["notify"] = {"desktop": False, "webhook": HOOK}
    return {**both, "control": {"tcp": "127.0.0.1:0"}, "providers": {"claude": claude, "opencode": opencode}}


async def _printed(stage: Stage, provider: str) -> tuple[str, dict[str, bytes]]:
    """A session whose agent has printed its environment: its id, and what was told of it."""
    asked = f"print it for {provider}"
    watch = await stage.session(prompt=asked, provider=provider, pin=True, permissionMode="allow-all")
    ended = await watch.turn_over(1, FIRST)
    assert ended["metadata"]["reason"] == "completed", watch.summary()
    results = "".join(event["content"] for event in watch.of_turn(1, "tool_result"))
    assert "[redacted]" in results, "what is looked for was there"
    assert "HOME=" in results
    assert f"{'My key' if provider == 'claude' else 'Mine'} is [redacted]" in watch.said(1)
    streamed = "".join(note.params["text"] for note in watch.notes if note.method == "session/delta")
    assert "[redacted]" in streamed
    return watch.session_id, {f"told of {provider}": "".join(note.raw for note in watch.notes).encode()}


def _environments(stage: Stage) -> dict[str, bytes]:
    found = processes.descendants(stage.daemon.process.pid)
    return canaries.processes(process.pid for process in found if process.alive)


async def test_what_the_real_agents_print_of_their_keys_is_nowhere_to_be_read() -> None:
    async with open_place(Script(*SCRIPT)) as (place, model):
        async with alive(place, model, keyed(place, model.url)) as stage:
            outputs: dict[str, bytes] = {}
            for provider in ("claude", "opencode"):
                session_id, told = await _printed(stage, provider)
                outputs |= told
                outputs |= {f"{name}: {provider}": data for name, data in (await _asked(stage, session_id)).items()}
            token = (place.root / "state" / "tokens" / "admin").read_text().strip()
            sung = {
                "claude's": CLAUDE,
                "opencode's": OPENCODE,
                "an api_key": CONFIGURED,
                "a hook": HOOK,
                "token": token,
            }
            seen = _environments(stage)
            passwords = {_password(data) for data in seen.values()} - {""}
            assert passwords, "a server of opencode runs"
            sung |= {f"password {number}": word for number, word in enumerate(sorted(passwords))}
            for name, data in seen.items():
                own = {CLAUDE} if CLAUDE.encode() in data else {OPENCODE, *passwords}
                others = {what: value for what, value in sung.items() if value not in own}
                assert canaries.found(others, {name: data}) == []
                assert "cmdline" not in name or canaries.found(sung, {name: data}) == []
            outputs |= canaries.files(place.root / "state", "journal.db*")
        outputs |= {
            f"{name}, later": data for name, data in canaries.files(place.root / "state", "journal.db*").items()
        }
        outputs["log"] = place.log.read_bytes()
        assert b"[redacted]" in outputs["journal.db-wal"] + outputs["journal.db"]
        assert canaries.found(sung, outputs) == []


async def _asked(stage: Stage, session_id: str) -> dict[str, bytes]:
    """What stays as it is by being asked; tests/test_canary.py asks all the rest too."""
    asked = {"sessionId": session_id, "limit": 500}
    names = ("session/get", "session/list", "session/history", "session/export", "provider/list", "config/get")
    return {
        name: await canaries.answer(stage.client, name, asked)
        for name in (*names, "daemon/status", "model/list", "approval/list")
    }


def _password(environ: bytes) -> str:
    found = [one for one in environ.split(b"\0") if one.startswith(b"OPENCODE_SERVER_PASSWORD=")]
    return found[0].partition(b"=")[2].decode() if found else ""
