"""OpenCode as a source of agents, where it is not there or is another than it was."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

from jelmored.config.providers import OpencodeSettings
from jelmored.domain.ids import ProviderName, SessionId, new_instance_id
from jelmored.errors import ErrorKind, ModelNotSupportedError, ProviderError
from jelmored.providers.base import SessionConfig
from jelmored.providers.opencode import provider as module
from jelmored.providers.opencode.provider import OpencodeProvider

from .fake import FakeServer, Says, serving

TOLD = {"providers": [{"id": "fake", "models": {"m": {"limit": {"context": 10}}}}], "default": {"fake": "m"}}


def _provider(tmp_path: Path, **settings: object) -> OpencodeProvider:
    chosen = OpencodeSettings(**settings)  # type: ignore[arg-type]
    return OpencodeProvider(ProviderName("opencode"), chosen, instance_id=new_instance_id(), home=tmp_path / "opencode")


def _version(server: FakeServer, version: str) -> None:
    server.answers["GET /global/health"] = Says({"healthy": True, "version": version})
    server.answers["GET /config/providers"] = Says(TOLD)


async def test_without_its_program_it_says_how_to_get_it_and_is_not_started_again_and_again(tmp_path: Path) -> None:
    provider = _provider(tmp_path, opencode_bin="/nowhere/opencode")
    async with trio.open_nursery() as nursery:
        await nursery.start(provider.run)
        with trio.fail_after(5):
            probe = await provider.probe()
        nursery.cancel_scope.cancel()

    assert probe.failure is not None
    assert probe.failure.kind is ErrorKind.NOT_INSTALLED
    assert "npm install -g opencode-ai" in str(probe.failure.remedy)


@pytest.mark.parametrize(("version", "noted"), [("1.18.40", False), ("2.0.0", True)])
async def test_a_look_tells_version_and_models_and_whether_the_version_is_known(
    tmp_path: Path, version: str, noted: bool
) -> None:
    async with serving() as (server, _), trio.open_nursery() as nursery:
        _version(server, version)
        provider = _provider(tmp_path, api_endpoint=server.url, api_key="right")
        await nursery.start(provider.run)
        probe = await provider.probe()
        nursery.cancel_scope.cancel()

    assert (probe.version, [info.name for info in probe.models]) == (version, ["fake/m"])
    assert bool(probe.notes) is noted


async def test_a_server_that_falls_is_told_to_whoever_holds_the_provider(tmp_path: Path) -> None:
    provider = _provider(tmp_path, api_endpoint="http://127.0.0.1:9")

    with trio.fail_after(5), pytest.raises(ProviderError, match="gone"):
        await provider.run()


async def test_a_wrong_password_is_told_by_a_look_and_not_tried_again_at_once(tmp_path: Path) -> None:
    async with serving() as (server, _), trio.open_nursery() as nursery:
        provider = _provider(tmp_path, api_endpoint=server.url, api_key="wrong")
        await nursery.start(provider.run)
        probe = await provider.probe()
        nursery.cancel_scope.cancel()

    assert probe.failure is not None
    assert probe.failure.kind is ErrorKind.AUTH_REQUIRED
    assert len(server.asked) == 2


async def test_a_look_has_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PROBE", 0.1)
    probe = await _provider(tmp_path).probe()

    assert probe.failure is not None
    assert probe.failure.kind is ErrorKind.UNAVAILABLE


def test_a_model_has_a_name_of_two_halves(tmp_path: Path) -> None:
    provider = _provider(tmp_path)
    config = SessionConfig(session_id=SessionId("ses_1"), cwd="/", model="sonnet")

    with pytest.raises(ModelNotSupportedError):
        provider.open(config)
    with pytest.raises(ModelNotSupportedError):
        provider.check_model("sonnet", ())
    provider.check_model("anthropic/sonnet", ())
