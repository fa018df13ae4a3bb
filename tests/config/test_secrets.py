"""Secrets by what points at them."""

from __future__ import annotations

from pathlib import Path

import pytest

from jelmored.config.loading import load
from jelmored.config.providers import ClaudeSettings
from jelmored.config.settings import Settings
from jelmored.domain.ids import ProviderName
from jelmored.errors import ConfigError


def _load(tmp_path: Path, pointer: str) -> Settings:
    (tmp_path / "c.toml").write_text(f"[providers.claude]\nenvironment = {{ VALUE = {pointer} }}\n")
    return load([tmp_path / "c.toml"])


def _value(settings: Settings) -> str:
    claude = settings.providers[ProviderName("claude")].settings
    assert isinstance(claude, ClaudeSettings)
    return claude.environment["VALUE"]


def test_of_a_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "sk-1")

    assert _value(_load(tmp_path, '{ env = "MY_KEY" }')) == "sk-1"


def test_of_a_file_without_its_last_newline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "key").write_text("sk-1\n")

    assert _value(_load(tmp_path, '{ file = "~/key" }')) == "sk-1"


def test_of_systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    (tmp_path / "key").write_text("sk-1")

    assert _value(_load(tmp_path, '{ credential = "key" }')) == "sk-1"


@pytest.mark.parametrize(
    ("pointer", "reason"),
    [
        ('{ env = "NOT_THERE" }', "the environment variable NOT_THERE is not set"),
        ('{ file = "/not/there" }', "/not/there can't be read: No such file or directory"),
        (
            '{ file = "~nobody-of-this-name/key" }',
            "~nobody-of-this-name/key can't be read: Could not determine home directory",
        ),
        ('{ file = "a\\u0000b" }', "a\\x00b can't be read: embedded null byte"),
        ('{ file = "/dev/zero" }', "/dev/zero is larger than 64 KiB"),
        ('{ credential = "x" }', "there are no credentials"),
        ('{ env = "A", file = "B" }', "expected a string, or one of"),
        ('{ vault = "x" }', "expected a string, or one of"),
    ],
)
def test_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pointer: str, reason: str) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)

    with pytest.raises(ConfigError) as caught:
        _load(tmp_path, pointer)
    assert f"c.toml:2: providers.claude.environment.VALUE: {reason}" in caught.value.faults[0]


def test_notices_may_have_them_and_the_address_of_a_webhook_is_always_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", "sk-1")
    (tmp_path / "c.toml").write_text(
        '[notify]\ncommand = ["cat", { env = "MY_KEY" }]\nwebhook = "https://hooks.example/abc"\n'
    )
    settings = load([tmp_path / "c.toml"])

    assert settings.notify.command == ("cat", "sk-1")
    assert settings.secrets() == {"sk-1", "https://hooks.example/abc"}


def test_it_is_known_as_a_secret_and_does_not_show_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "sk-1")
    settings = _load(tmp_path, '{ env = "MY_KEY" }')

    assert settings.secrets() == {"sk-1"}
    assert repr(_value(settings)) == "[secret]"
