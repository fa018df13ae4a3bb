"""What OpenCode is to ask."""

from __future__ import annotations

from fnmatch import fnmatchcase

import pytest

from jelmored.domain.permissions import PermissionMode
from jelmored.providers.opencode import rules
from jelmored.providers.opencode.rules import BUILD, PLAN, agent_for, configured, rules_for


def _said(mode: PermissionMode, permission: str, pattern: str = "x", *directories: str) -> str:
    """What the server makes of it: the last rule that matches counts."""
    matching = [
        rule["action"]
        for rule in rules_for(mode, directories)
        if fnmatchcase(permission, rule["permission"]) and fnmatchcase(pattern, rule["pattern"])
    ]
    return matching[-1]


@pytest.mark.parametrize("permission", ["bash", "edit", "webfetch", "task", "external_directory", "mine_tool"])
@pytest.mark.parametrize("mode", [PermissionMode.ASK, PermissionMode.ALLOW_EDITS, PermissionMode.ALLOW_ALL])
def test_all_but_reading_is_asked_in_every_mode_for_our_policy_answers(mode: PermissionMode, permission: str) -> None:
    assert _said(mode, permission) == "ask"


@pytest.mark.parametrize("permission", ["read", "glob", "grep", "list", "todowrite", "question"])
def test_reading_is_not_asked(permission: str) -> None:
    assert _said(PermissionMode.ASK, permission) == "allow"


@pytest.mark.parametrize(
    ("name", "said"), [("src/main.py", "allow"), (".env", "ask"), ("a/.env.local", "ask"), (".env.example", "allow")]
)
def test_a_file_of_secrets_is_not_read_without_asking(name: str, said: str) -> None:
    assert _said(PermissionMode.ASK, "read", name) == said


def test_a_plan_changes_no_file() -> None:
    assert _said(PermissionMode.PLAN, "edit") == "deny"
    assert (agent_for(PermissionMode.PLAN), agent_for(PermissionMode.ASK)) == (PLAN, BUILD)


@pytest.mark.parametrize("permission", ["bash", "edit", "read", "question", "mine_tool"])
def test_deny_denies_everything(permission: str) -> None:
    assert _said(PermissionMode.DENY, permission) == "deny"


def test_a_further_directory_is_entered_without_asking_and_no_other_is() -> None:
    assert _said(PermissionMode.ASK, "external_directory", "/data/sub/*", "/data") == "allow"
    assert _said(PermissionMode.ASK, "external_directory", "/database/*", "/data") == "ask"


def test_the_configuration_says_the_same() -> None:
    table = configured()

    assert next(iter(table)) == "*", "the last that matches counts there as well"
    assert table["*"] == "ask"
    assert table["read"] == {"*": "allow", "*.env": "ask", "*.env.*": "ask", "*.env.example": "allow"}
    assert {table[name] for name in rules.HARMLESS} == {"allow"}
