"""What OpenCode is to ask before it does it. Of itself it asks next to nothing, so each session gets rules of ours:
all but reading is asked, whatever its configuration allows, and our policy answers."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs

from jelmored.domain.permissions import PermissionMode

BUILD, PLAN = "build", "plan"
"""OpenCode's own agents: the second one knows that it is to change nothing."""

HARMLESS = ("glob", "grep", "list", "lsp", "todowrite", "todoread", "skill", "question")
"""What need not be asked; a question is one to a person already."""
SECRET_FILES = ("*.env", "*.env.*")
"""Names whose files OpenCode does not read without asking."""


@attrs.frozen
class Rule:
    """The last one that matches counts. `permission` and `pattern` may have a `*`."""

    permission: str
    pattern: str
    action: str


ASKED = (
    Rule("*", "*", "ask"),
    *(Rule(name, "*", "allow") for name in HARMLESS),
    Rule("read", "*", "allow"),
    *(Rule("read", pattern, "ask") for pattern in SECRET_FILES),
    Rule("read", "*.env.example", "allow"),
)

EXPLORER = {"*": "deny", "read": "allow", "glob": "allow", "grep": "allow", "list": "allow"}
"""Of the subagent that only looks around: `ASKED` would let it ask for more than it has of itself."""


def rules_for(mode: PermissionMode, directories: Sequence[str]) -> list[dict[str, str]]:
    """The rules of a session. They cover everything, so that they may also be added to others.

    Args:
        mode: our policy.
        directories: further ones in which it may read without asking.
    """
    return [attrs.asdict(rule) for rule in _rules(mode, directories)]


def configured() -> dict[str, Any]:
    """The same for all that has no rules of its own, as `permission` in the configuration: subagents."""
    return dict(_by_permission(ASKED))


def agent_for(mode: PermissionMode) -> str:
    return PLAN if mode is PermissionMode.PLAN else BUILD


def _rules(mode: PermissionMode, directories: Sequence[str]) -> Iterator[Rule]:
    if mode is PermissionMode.DENY:
        yield Rule("*", "*", "deny")
        return
    yield from ASKED
    yield from (Rule("external_directory", os.path.join(directory, "*"), "allow") for directory in directories)
    if mode is PermissionMode.PLAN:
        yield Rule("edit", "*", "deny")


def _by_permission(rules: Sequence[Rule]) -> Mapping[str, Any]:
    found: dict[str, dict[str, str]] = {}
    for rule in rules:
        found.setdefault(rule.permission, {})[rule.pattern] = rule.action
    return {name: patterns["*"] if len(patterns) == 1 else patterns for name, patterns in found.items()}
