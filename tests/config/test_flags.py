"""`--set KEY=VALUE`."""

from __future__ import annotations

import pytest

from jelmored.config.flags import document, key_of


def test_values_are_those_of_toml_and_a_bare_word_is_a_string() -> None:
    found, faults = document([
        "sessions.hibernate_after=60",
        "default_provider=claude-work",
        'providers."claude-work".type=claude',
        'failover.order=["a", "b"]',
        'providers.claude.environment={ A = "b=c" }',
        "providers.claude.environment.B='1'",
        "default_provider='opencode'",
    ])

    assert not faults
    assert found.tree == {
        "sessions": {"hibernate_after": 60},
        "default_provider": "opencode",
        "providers": {"claude-work": {"type": "claude"}, "claude": {"environment": {"A": "b=c", "B": "1"}}},
        "failover": {"order": ["a", "b"]},
    }
    assert found.place(("sessions", "hibernate_after")) == "--set"


@pytest.mark.parametrize("flag", ["", "=1", " =1", "a b=1", "a..b=1", "a\n=1", "[a]=1", "'a=1", "a" + ".a" * 40 + "=1"])
def test_what_is_no_key(flag: str) -> None:
    found, faults = document([flag])

    assert found.tree == {}
    assert len(faults) == 1
    assert "expected KEY=VALUE" in faults[0]


def test_a_second_line_is_no_second_key() -> None:
    found, _ = document(["a=1\nb = 2"])

    assert found.tree == {"a": "1\nb = 2"}


def test_a_key_by_its_parts() -> None:
    assert key_of("models.'kimi-k2.6'.x") == ("models", "kimi-k2.6", "x")
