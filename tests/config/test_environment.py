"""Settings of the environment, and names that are none."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from jelmored.config.environment import OTHERS, SHORT, document, name_of, regular
from jelmored.config.providers import ClaudeSettings, OpencodeSettings
from jelmored.config.sources import Sources
from jelmored.domain.ids import ProviderName
from jelmored.errors import ConfigError
from jelmored.notify import command

CLAUDE, OPENCODE, WORK = ProviderName("claude"), ProviderName("opencode"), ProviderName("claude-work")
FILE = {"providers": {"claude-work": {"type": "claude"}}}


def _faults(**environ: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        Sources(environ={"XDG_CONFIG_HOME": "/nowhere", **environ}).read()
    return list(caught.value.faults)


def test_the_names_of_the_earlier_service() -> None:
    values = {"ENABLED": "no", "DEFAULT_MODEL": "opus", "MAX_SESSIONS": "3", "TIMEOUT": "7.5"}
    claude = {f"JELMORE_CLAUDE_{name}": value for name, value in {**values, "BIN": "/opt/claude"}.items()}
    opencode = {
        f"JELMORE_OPENCODE_{name}": value
        for name, value in {**values, "BIN": "oc", "API_ENDPOINT": "http://h", "API_KEY": "k-123456"}.items()
    }
    wishes = {
        "JELMORE_DEFAULT_PROVIDER": "opencode",
        "JELMORE_AUTO_SELECTION": "0",
        "JELMORE_LOAD_BALANCING": "on",
        "JELMORE_COST_OPTIMIZATION": "true",
        "JELMORE_MAX_TOTAL_SESSIONS": "9",
    }
    assert set(SHORT) == set(claude) | set(opencode)
    read = Sources(environ={"XDG_CONFIG_HOME": "/nowhere", **claude, **opencode, **wishes}).read()
    settings = read.settings

    assert settings.providers[CLAUDE].settings == ClaudeSettings(
        enabled=False, claude_bin="/opt/claude", default_model="opus", max_concurrent_sessions=3, timeout_seconds=7.5
    )
    assert settings.providers[OPENCODE].settings == OpencodeSettings(
        enabled=False,
        opencode_bin="oc",
        api_endpoint="http://h",
        api_key="k-123456",
        default_model="opus",
        max_concurrent_sessions=3,
        timeout_seconds=7.5,
    )
    assert (settings.default_provider, settings.auto_selection) == ("opencode", False)
    assert (settings.load_balancing, settings.cost_optimization, settings.max_total_sessions) == (True, True, 9)
    assert settings.secrets() == {"k-123456"}


def test_every_key_has_a_name() -> None:
    assert name_of(("sessions", "hibernate_after")) == "JELMORE_SESSIONS__HIBERNATE_AFTER"
    assert regular()["JELMORE_FAILOVER__RETURN"] == ("failover", "return")
    found, faults = document(dict.fromkeys(regular(), "1"), {})

    assert not faults
    assert set(found.places.values()) == set(regular())


def test_those_of_providers_are_found_by_what_the_files_call_them() -> None:
    found, faults = document(
        {
            "JELMORE_PROVIDERS__CLAUDE_WORK__MAX_TURNS": "3",
            "JELMORE_PROVIDERS__CLAUDE_WORK__ENVIRONMENT__A__b": "x",
            "JELMORE_PROVIDERS__NEW_ONE__TYPE": "demo",
        },
        FILE,
    )

    assert not faults
    assert found.tree == {
        "providers": {"claude-work": {"max_turns": "3", "environment": {"A__b": "x"}}, "new_one": {"type": "demo"}}
    }
    assert found.place(("providers", "claude-work", "max_turns")) == "JELMORE_PROVIDERS__CLAUDE_WORK__MAX_TURNS"


def test_the_regular_name_wins_over_the_short_one() -> None:
    names = {"JELMORE_CLAUDE_TIMEOUT": "1", "JELMORE_PROVIDERS__CLAUDE__TIMEOUT_SECONDS": "2"}
    found, _ = document(names, {})

    assert found.tree == {"providers": {"claude": {"timeout_seconds": "2"}}}


def test_an_empty_one_counts_as_unset() -> None:
    assert document({"JELMORE_LOAD_BALANCING": "", "JELMORE_NO_SUCH": ""}, {}) == document({}, {})


def test_what_is_not_meant_for_us_is_left_alone() -> None:
    others = dict.fromkeys(OTHERS, "x")

    assert document({**others, "JELMORED_INSTANCE": "x", "PATH": "/bin"}, {}) == document({}, {})


def test_what_a_notify_command_is_told_is_no_setting() -> None:
    told = set(re.findall(r"JELMORE_\w+", Path(command.__file__).read_text()))

    assert told
    assert told < OTHERS


def test_all_faults_name_the_variable() -> None:
    faults = _faults(
        JELMORE_LOAD_BALANCING="maybe",
        JELMORE_SESSIONS__HIBERNATE_AFTER="soon",
        JELMORE_SESSIONS__HIBERNATE_AFER="1",
        JELMORE_CLAUD_BIN="x",
        JELMORE_MAX_TOTAL_SESSIONS="0",
        JELMORE_FAILOVER__RETURN="nver",
        JELMORE_PROVIDERS__CLAUDE__MAX_TURN="1",
        JELMORE_PROVIDERS__CLAUDE="x",
        JELMORE_FAILOVER__MID_TURN="\udcff",
    )

    assert sorted(faults) == [
        "JELMORE_CLAUD_BIN: there is no such setting; did you mean JELMORE_CLAUDE_BIN?",
        "JELMORE_FAILOVER__MID_TURN: expected UTF-8",
        "JELMORE_FAILOVER__RETURN: failover.return: expected one of never, next_turn, got 'nver'; did you mean never?",
        "JELMORE_LOAD_BALANCING: load_balancing: expected true or false",
        "JELMORE_MAX_TOTAL_SESSIONS: max_total_sessions: expected a whole number from 1 to 10000, got 0",
        "JELMORE_PROVIDERS__CLAUDE: expected JELMORE_PROVIDERS__NAME__KEY",
        "JELMORE_PROVIDERS__CLAUDE__MAX_TURN: providers.claude.max_turn: unknown key; did you mean max_turns?",
        "JELMORE_SESSIONS__HIBERNATE_AFER: there is no such setting; did you mean JELMORE_SESSIONS__HIBERNATE_AFTER?",
        "JELMORE_SESSIONS__HIBERNATE_AFTER: sessions.hibernate_after: expected a number from 0 to 31536000",
    ]


def test_a_table_is_given_whole_or_by_its_keys() -> None:
    _, faults = document(
        {"JELMORE_PROVIDERS__CLAUDE__ENVIRONMENT": "{}", "JELMORE_PROVIDERS__CLAUDE__ENVIRONMENT__A": "1"}, {}
    )

    assert faults == [
        "JELMORE_PROVIDERS__CLAUDE__ENVIRONMENT__A: stands in a table that another variable gives as a whole"
    ]
