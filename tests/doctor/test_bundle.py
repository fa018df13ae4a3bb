"""Canaries are put wherever a secret or a prompt may be; none may be found in the file."""

from __future__ import annotations

import stat
import tarfile
from pathlib import Path

import attrs
import orjson
import pytest

from jelmored import meaning
from jelmored.config.providers import ClaudeSettings
from jelmored.config.settings import ProviderEntry, Settings
from jelmored.config.sources import Configuration
from jelmored.doctor import bundle
from jelmored.doctor.examination import examine
from jelmored.doctor.scene import look
from jelmored.domain.ids import ProviderName

from .scenes import provider, told

SECRET = "canary-of-a-key-1"
TEXT = "canary-of-a-prompt-2"
VARIABLE = "canary-of-a-variable-3"


def contents(file: Path) -> dict[str, bytes]:
    with tarfile.open(file) as archive:
        parts = {member.name: archive.extractfile(member) for member in archive.getmembers()}
        return {name.removeprefix("jelmored-doctor/"): part.read() for name, part in parts.items() if part}


def test_neither_a_secret_nor_a_text_is_in_it(tmp_path: Path) -> None:
    claude = ClaudeSettings(environment={"ANTHROPIC_API_KEY": SECRET})
    settings = Settings(providers={ProviderName("claude"): ProviderEntry(settings=claude)})
    scene = told(tmp_path, provider(reason=f"401 for {SECRET}"))
    read = Configuration(settings=settings)
    scene = attrs.evolve(scene, secrets=settings.secrets(), configuration=meaning.shown(read.entries()))
    scene = attrs.evolve(scene, environ={**scene.environ, "JELMORE_X": VARIABLE, "KEY": VARIABLE})
    lines = [
        orjson.dumps({"event": "prompt", "prompt": TEXT, "turn": 3}),
        orjson.dumps({"event": f"asked with {SECRET}", "api_key": "another"}),
        f"Traceback: {TEXT}".encode(),
    ]
    (scene.places.state / "daemon.log").write_bytes(b"\n".join(lines))
    bundle.write(tmp_path / "b.tar.gz", scene, examine(scene))

    parts = contents(tmp_path / "b.tar.gz")
    assert set(parts) == {
        *("findings.json", "environment.json", "configuration.json", "status.json", "providers.json", "daemon.log")
    }
    everything = b"".join(parts.values()).decode()
    assert [canary for canary in (SECRET, TEXT, VARIABLE, "another") if canary in everything] == []
    assert orjson.loads(parts["environment.json"]) == ["JELMORE_X"]
    assert any("claude" in finding["text"] for finding in orjson.loads(parts["findings.json"]))
    settings_told = {one["key"]: one["value"] for one in orjson.loads(parts["configuration.json"])}
    assert settings_told["providers.claude.environment.ANTHROPIC_API_KEY"] == "[secret]"
    assert settings_told["max_total_sessions"] == 50
    first, _, last = parts["daemon.log"].splitlines()
    assert orjson.loads(first) == {"event": "prompt", "prompt": f"[{len(TEXT)} characters]", "turn": 3}
    assert last == f"[{len(lines[2])} bytes]".encode()


async def test_with_faults_in_the_configuration_its_secrets_stay_out_too(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text(f"no_such = 1\nproviders.claude.environment = {{ API_KEY = '{SECRET}', OTHER = 2 }}\n")
    places = told(tmp_path).places
    (places.state / "daemon.log").write_bytes(orjson.dumps({"event": f"asked with {SECRET}"}))
    scene = await look(places, config, {"HOME": str(tmp_path)})
    assert scene.settings is None
    assert scene.faults
    bundle.write(tmp_path / "b.tar.gz", scene, examine(scene))
    parts = contents(tmp_path / "b.tar.gz")
    assert "configuration.json" not in parts
    assert SECRET not in b"".join(parts.values()).decode()
    assert b"asked with [redacted]" in parts["daemon.log"]


def test_it_is_for_us_alone_and_overwrites_nothing(tmp_path: Path) -> None:
    file, scene = tmp_path / "b.tar.gz", told(tmp_path, provider())
    bundle.write(file, scene, examine(scene))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with pytest.raises(FileExistsError):
        bundle.write(file, scene, examine(scene))


def test_only_the_end_of_a_long_log_goes_along(tmp_path: Path) -> None:
    scene = told(tmp_path, provider())
    line = orjson.dumps({"event": "ping", "n": "x" * 100}) + b"\n"
    (scene.places.state / "daemon.log").write_bytes(line * (2 * bundle.LOG_BYTES // len(line)))
    bundle.write(tmp_path / "b.tar.gz", scene, examine(scene))
    log = contents(tmp_path / "b.tar.gz")["daemon.log"]
    assert len(log) <= bundle.LOG_BYTES
    assert set(log.splitlines()) == {line.strip()}
