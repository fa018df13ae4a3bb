"""All sources together: who wins, where each value comes from, and what is shown of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from jelmored.config.settings import Settings
from jelmored.config.sources import Configuration, Sources
from jelmored.errors import ConfigError


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    (tmp_path / "c.toml").write_text(
        "max_total_sessions = 3\nload_balancing = true\n"
        "[providers.claude]\nmax_turns = 1\n[providers.claude.environment]\nA = 'a'\nMY_TOKEN = 't-in-a-file'\n"
        "[[providers.opencode.opencode_config.list]]\nx = 1\n"
    )
    return Sources(
        config=tmp_path / "c.toml",
        environ={"JELMORE_MAX_TOTAL_SESSIONS": "4", "JELMORE_CLAUDE_TIMEOUT": "9", "JELMORE_OPENCODE_API_KEY": "k-env"},
        flags=["max_total_sessions=5", "notify.webhook='https://h.example/secret'"],
    )


def test_files_then_environment_then_flags(sources: Sources, tmp_path: Path) -> None:
    read = sources.read()
    entries = {entry.name: (entry.shown, entry.origin) for entry in read.entries().values()}

    assert read.settings.max_total_sessions == 5
    assert entries["max_total_sessions"] == (5, "--set")
    assert entries["load_balancing"] == (True, f"{tmp_path}/c.toml:2")
    assert entries["cost_optimization"] == (False, "default")
    assert entries["providers.claude.max_turns"] == (1, f"{tmp_path}/c.toml:4")
    assert entries["providers.claude.timeout_seconds"] == (9, "JELMORE_CLAUDE_TIMEOUT")
    assert entries["providers.claude.environment.A"] == ("a", f"{tmp_path}/c.toml:6")
    assert entries["providers.claude.permission_mode"] == ("ask", "default")
    assert entries["providers.opencode.opencode_config.list"] == ([{"x": 1}], f"{tmp_path}/c.toml:8")
    assert entries["providers.demo.type"] == ("demo", "default")


def test_no_secret_is_shown(sources: Sources) -> None:
    entries = {entry.name: entry.shown for entry in sources.read().entries().values()}

    assert entries["providers.claude.environment.MY_TOKEN"] == "[secret]"
    assert entries["providers.opencode.api_key"] == "[secret]"
    assert entries["notify.webhook"] == "[secret]"
    told = f"{sources.read()!r}{entries}{sources.read().entries()!r}"
    assert not [secret for secret in ("t-in-a-file", "k-env", "h.example") if secret in told]


def test_it_can_be_read_again(sources: Sources, tmp_path: Path) -> None:
    read = sources.read()
    (tmp_path / "c.toml").write_text("load_balancing = false")

    assert not read.again().settings.load_balancing
    (tmp_path / "c.toml").write_text("load_balancing = 3")
    with pytest.raises(ConfigError):
        read.again()


def test_faults_of_all_sources_come_together(sources: Sources, tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text("max_total_session = 3\n")
    with pytest.raises(ConfigError) as caught:
        Sources(config=sources.config, environ={"JELMORE_FOO": "1"}, flags=["x", "y=1"]).read()

    assert [fault.partition(": ")[0].removeprefix(f"{tmp_path}/") for fault in caught.value.faults] == [
        "JELMORE_FOO",
        "c.toml:1",
        "--set",
        "--set",
    ]


def test_the_environment_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text("max_total_sessions = 3\n")
    environ = {"JELMORE_CONFIG_FILE": str(tmp_path / "c.toml")}

    assert Sources(environ=environ).read().settings.max_total_sessions == 3
    assert Sources(config=tmp_path / "other.toml", environ=environ).file == tmp_path / "other.toml"


def test_with_nothing_said_everything_is_default() -> None:
    assert Configuration().settings == Settings()
    assert {entry.origin for entry in Configuration().entries().values()} == {"default"}
    assert Configuration().again() == Configuration()
