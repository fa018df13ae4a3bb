"""The environment of one session at a server that all share."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from jelmored.config.providers import OpencodeSettings
from jelmored.domain.ids import InstanceId, ProviderName, SessionId
from jelmored.providers.base import SessionConfig
from jelmored.providers.opencode.provider import OpencodeProvider
from jelmored.providers.opencode.surroundings import FOLDER, Surroundings


def test_it_is_kept_for_its_user_alone_and_taken_back(tmp_path: Path) -> None:
    its = Surroundings(tmp_path)
    its.put("ses_1", {"LANG": "de"})
    its.put("ses_1", {"LANG": "C"})
    (file,) = (tmp_path / FOLDER).iterdir()
    assert (file.name, json.loads(file.read_text())) == ("ses_1.json", {"LANG": "C"})
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    its.put("ses_1", {})
    its.put("ses_2", {})
    assert list((tmp_path / FOLDER).iterdir()) == []


@pytest.mark.parametrize("native_id", ["../x", "ses_../x", "", "ses_", "ses_a/b", "ses_" + "a" * 999])
def test_an_id_is_no_path(tmp_path: Path, native_id: str) -> None:
    Surroundings(tmp_path).put(native_id, {"LANG": "de"})
    assert list(tmp_path.iterdir()) == []


def test_it_never_wins_over_what_the_provider_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/usr/bin")
    monkeypatch.setenv("LANG", "C")
    settings = OpencodeSettings(environment={"OWN": "own"})
    provider = OpencodeProvider(ProviderName("opencode"), settings, instance_id=InstanceId("ins_1"), home=tmp_path)
    brought = {"OWN": "x", "LANG": "C", "PATH": "/venv/bin", "EDITOR": "vi", "JELMORED_INSTANCE": "x"}
    session = provider.open(SessionConfig(session_id=SessionId("ses_x"), cwd="/", environment=brought))
    assert session._config.environment == {"PATH": "/venv/bin:/usr/bin", "EDITOR": "vi"}
