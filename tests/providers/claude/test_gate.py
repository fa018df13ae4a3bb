from __future__ import annotations

from typing import Any

import pytest

from jelmored.domain.ids import RequestId
from jelmored.domain.permissions import Location, PermissionMode, PermissionRequest, Rule, Verdict
from jelmored.providers.claude.asking import tool_request
from jelmored.providers.claude.gate import NO_TOOLS, ONLY_PLANS, Gate

PLANS = "/home/u/.claude/plans"
PLAN_FILE = {"file_path": f"{PLANS}/a-plan.md", "content": "x"}
QUESTION = {"questions": [{"question": "?"}]}


def request(name: str, **tool_input: Any) -> PermissionRequest:
    return tool_request(RequestId("r1"), name, tool_input, None, "/work")


def gate(mode: PermissionMode, *rules: Rule) -> Gate:
    return Gate(mode, rules, PLANS)


@pytest.mark.parametrize("mode", [mode for mode in PermissionMode if mode not in ("deny", "plan")])
def test_where_a_person_or_the_policy_decides_nothing_is_certain(mode: PermissionMode) -> None:
    for name in ("Read", "Write", "Bash", "Agent", "mcp__a__b"):
        assert gate(mode).objection(request(name, file_path="/etc/x")) is None


def test_who_allows_no_tools_may_still_be_asked() -> None:
    denies = gate(PermissionMode.DENY)
    assert [denies.objection(request(name)) for name in ("Read", "Bash", "ExitPlanMode")] == [NO_TOOLS] * 3
    assert denies.objection(request("AskUserQuestion", **QUESTION)) is None


@pytest.mark.parametrize(
    ("name", "tool_input", "objection"),
    [
        ("Write", {"file_path": "/work/a"}, ONLY_PLANS),
        ("NotebookEdit", {"notebook_path": "/work/a"}, ONLY_PLANS),
        ("Edit", {}, ONLY_PLANS),
        ("Write", {"file_path": f"{PLANS}/../settings.json"}, ONLY_PLANS),
        ("Write", {"file_path": f"{PLANS}-too/a.md"}, ONLY_PLANS),
        ("Write", PLAN_FILE, None),
        ("Read", {"file_path": "/work/a"}, None),
        ("Bash", {"command": "ls"}, None),
        ("ExitPlanMode", {"plan": "x"}, None),
    ],
)
def test_who_plans_changes_nothing_but_the_plan(name: str, tool_input: Any, objection: str | None) -> None:
    assert gate(PermissionMode.PLAN).objection(request(name, **tool_input)) == objection


def test_a_rule_that_denies_holds_in_every_mode_and_one_that_allows_in_none() -> None:
    command = Rule(tool_name="Bash", verdict=Verdict.DENY, command="make clean")
    anything = Rule(tool_name="Bash", verdict=Verdict.ALLOW)
    for mode in (PermissionMode.ALLOW_ALL, PermissionMode.ASK):
        objection = gate(mode, anything, command).objection(request("Bash", command="make clean"))
        assert objection is not None
        assert "make clean" in objection
        assert gate(mode, anything, command).objection(request("Bash", command="make")) is None
    assert gate(PermissionMode.DENY, anything).objection(request("Bash", command="make")) == NO_TOOLS


def test_a_rule_about_a_directory_counts_where_the_path_really_leads() -> None:
    rule = Rule(tool_name="Read", verdict=Verdict.DENY, directory="/work/private")
    real = PermissionRequest(
        request_id=RequestId("r1"),
        tool_name="Read",
        kind=request("Read").kind,
        title="",
        input={},
        locations=(Location(path="/work/private/key"),),
    )
    assert gate(PermissionMode.ALLOW_ALL, rule).objection(real) is not None
