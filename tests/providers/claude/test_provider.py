"""With a program in claude's place. tests/real/ has the real one."""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio
from structlog.testing import capture_logs

from jelmored.config import catalogue
from jelmored.config.providers import ClaudeSettings
from jelmored.domain.ids import InstanceId, ProviderName, SessionId
from jelmored.domain.models import ProviderCapabilities
from jelmored.errors import ErrorKind, ModelNotSupportedError
from jelmored.providers.base import SessionConfig
from jelmored.providers.claude import provider as provider_module
from jelmored.providers.claude.provider import ClaudeProvider

AGENT = Path(__file__).with_name("agent.py")


def program(folder: Path, name: str = "claude") -> Path:
    """A `claude` that is agent.py."""
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f'#!/bin/sh\nexec {sys.executable} {AGENT} "$@"\n')
    path.chmod(0o755)
    return path


def provider(home: Path, *, environment: dict[str, str] | None = None, **settings: Any) -> ClaudeProvider:
    env = {"HOME": str(home), "PATH": f"{home / 'bin'}:{os.defpath}", **(environment or {})}
    return ClaudeProvider(
        ProviderName("claude"),
        ClaudeSettings(environment=env, **settings),
        instance_id=InstanceId("ins_test"),
        catalogue=catalogue.load([catalogue.shipped()]),
    )


async def test_a_probe_tells_version_login_and_models(tmp_path: Path) -> None:
    program(tmp_path / "bin")
    probe = await provider(tmp_path, extra_models=("haiku", "mine[1m]")).probe()
    assert (probe.version, probe.account, probe.failure, probe.notes) == ("2.1.197", "KEY", None, ())
    assert [(model.name, model.context_length) for model in probe.models] == [
        ("default", 1_000_000),
        ("haiku", 200_000),
        ("mine[1m]", 1_000_000),
    ]
    assert probe.models[0].equivalents == ("model-1[1m]",)


async def test_without_a_login_it_says_what_to_do(tmp_path: Path) -> None:
    program(tmp_path / "bin")
    account = '{"tokenSource": "none", "apiProvider": "firstParty"}'
    probe = await provider(tmp_path, environment={"ACCOUNT": account}).probe()
    assert probe.failure is not None
    assert probe.failure.kind is ErrorKind.AUTH_REQUIRED
    assert "claude /login" in (probe.failure.remedy or "")
    assert probe.account is None
    assert probe.models


async def test_a_subscription_is_a_login_though_it_names_no_source(tmp_path: Path) -> None:
    program(tmp_path / "bin")
    account = '{"email": "someone@example.org", "subscriptionType": "Claude Max", "apiProvider": "firstParty"}'
    probe = await provider(tmp_path, environment={"ACCOUNT": account}).probe()
    assert (probe.account, probe.failure) == ("someone@example.org", None)


async def test_a_program_that_is_not_there_is_not_installed(tmp_path: Path) -> None:
    probe = await provider(tmp_path).probe()
    assert probe.failure is not None
    assert probe.failure.kind is ErrorKind.NOT_INSTALLED
    assert probe.failure.remedy == "run `npm install -g @anthropic-ai/claude-code`"


async def test_another_version_is_warned_of_and_used(tmp_path: Path) -> None:
    program(tmp_path / "bin")
    with capture_logs() as logs:
        probe = await provider(tmp_path, environment={"VERSION": "3.0.0 (Claude Code)"}).probe()
    assert (probe.version, probe.failure) == ("3.0.0", None)
    assert [entry["log_level"] for entry in logs if entry["event"] == "claude_version_not_known"] == ["warning"]
    assert "its version is 3.0.0" in probe.notes[0]


async def test_a_probe_has_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = program(tmp_path / "bin")
    path.write_text("#!/bin/sh\nexec sleep 60\n")
    monkeypatch.setattr(provider_module, "PROBE", 0.3)
    with trio.fail_after(5):
        probe = await provider(tmp_path).probe()
    assert probe.failure is not None
    assert probe.failure.kind is ErrorKind.UNAVAILABLE


def config(**more: Any) -> SessionConfig:
    return SessionConfig(session_id=SessionId("ses_1"), cwd="/", **more)


@pytest.mark.parametrize("model", ["claude-opus-4-1-20250805", "Claude-Opus-4-1[1m]"])
def test_a_retired_model_is_refused_by_name(tmp_path: Path, model: str) -> None:
    with pytest.raises(ModelNotSupportedError) as caught:
        provider(tmp_path).open(config(model=model))
    assert caught.value.kind is ErrorKind.MODEL_RETIRED
    assert "claude-opus-4-8" in (caught.value.remedy or "")
    with pytest.raises(ModelNotSupportedError):
        provider(tmp_path, default_model=model).open(config())


async def test_its_server_is_reached_or_not(tmp_path: Path) -> None:
    async with trio.open_nursery() as nursery:
        (listener,) = await nursery.start(partial(trio.serve_tcp, trio.aclose_forcefully, 0, host="127.0.0.1"))
        address = {"ANTHROPIC_BASE_URL": f"http://127.0.0.1:{listener.socket.getsockname()[1]}", "NO_PROXY": "*"}
        assert await provider(tmp_path, environment=address).reachable() is True
        nursery.cancel_scope.cancel()
    assert await provider(tmp_path, environment=address).reachable() is False
    in_a_cloud = {**address, "CLAUDE_CODE_USE_BEDROCK": "1"}
    assert await provider(tmp_path, environment=in_a_cloud).reachable() is None


async def test_a_model_is_checked_by_what_was_seen(tmp_path: Path) -> None:
    program(tmp_path / "bin")
    claude = provider(tmp_path, extra_models=("mine",))
    known = (await claude.probe()).models
    for model in ("haiku", "model-1", "Sonnet[1m]", "mine"):
        claude.check_model(model, known)
    with pytest.raises(ModelNotSupportedError) as caught:
        claude.check_model("gibberish", known)
    assert caught.value.kind is ErrorKind.MODEL_NOT_SUPPORTED
    assert "haiku" in (caught.value.remedy or "")
    claude.check_model("gibberish", ())
    with pytest.raises(ModelNotSupportedError):
        claude.check_model("claude-opus-4-1", ())


def test_a_model_that_nobody_knows_passes(tmp_path: Path) -> None:
    assert provider(tmp_path).open(config(model="claude-of-tomorrow"))


def test_the_disk_is_not_asked_before_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = provider(tmp_path)
    with monkeypatch.context() as blind:  # no longer than need be: the test runner asks the disk too
        blind.setattr("os.stat", _hangs)
        blind.setattr("os.access", _hangs)
        session = made.open(config())
    assert session.launch.argv[0] == "claude"


def _hangs(*_: object, **__: object) -> None:
    raise AssertionError("a dead mount would stop the daemon here")


def test_its_environment_is_what_every_agent_gets_and_the_providers_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "of the daemon")
    monkeypatch.setenv("SECRET_OF_THE_DAEMON", "x")
    env = provider(tmp_path, environment={"OWN": "y"}).open(config()).launch.env
    assert (env["TERM"], env["OWN"], env["HOME"]) == ("of the daemon", "y", str(tmp_path))
    assert "SECRET_OF_THE_DAEMON" not in env


def test_what_it_can_do(tmp_path: Path) -> None:
    able = provider(tmp_path).capabilities
    assert able == ProviderCapabilities(**dict.fromkeys(attrs.fields_dict(ProviderCapabilities), True))
