"""What is answered without a person, and how far an "always" reaches."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jelmored.domain.ids import RequestId
from jelmored.domain.permissions import (
    HARMLESS,
    Location,
    OptionKind,
    PermissionMode,
    PermissionRequest,
    Question,
    QuestionOption,
    Rule,
    ToolKind,
    Verdict,
    decide,
    options_for,
)

HOME = "/work/project"
INSIDE, OUTSIDE = "/work/project/src/a.py", "/etc/passwd"
QUESTION = Question(id="q1", header="Colour", question="Which?", options=(QuestionOption(label="red"),))
ALLOW_TOOL = Rule(tool_name="Tool", verdict=Verdict.ALLOW)
DENY_TOOL = Rule(tool_name="Tool", verdict=Verdict.DENY)

ALLOW, DENY, ASK = Verdict.ALLOW, Verdict.DENY, Verdict.ASK
EVERY_OTHER_KIND = sorted(set(ToolKind) - HARMLESS - {ToolKind.EDIT})


def wants(kind: ToolKind, *paths: str, **more: Any) -> PermissionRequest:
    return PermissionRequest(
        request_id=RequestId("r"),
        tool_name="Tool",
        kind=kind,
        title="",
        input={},
        locations=tuple(Location(path=path) for path in paths),
        **more,
    )


def verdict(mode: str, request: PermissionRequest, *rules: Rule) -> Verdict:
    return decide(PermissionMode(mode), rules, request, (HOME,))


@pytest.mark.parametrize("kind", [ToolKind.READ, ToolKind.EDIT])
@pytest.mark.parametrize(("mode", "told"), [("allow-edits", ASK), ("allow-all", ALLOW), ("plan", DENY)])
def test_a_path_that_was_not_located_is_inside_of_nothing(kind: ToolKind, mode: str, told: Verdict) -> None:
    request = wants(kind, INSIDE, located=False)
    assert verdict(mode, request) is told
    assert not Rule(tool_name="Tool", verdict=ALLOW, directory=HOME).covers(request)


@pytest.mark.parametrize(
    ("mode", "read_inside", "read_outside", "edit_inside", "edit_outside", "other"),
    [
        ("ask", ASK, ASK, ASK, ASK, ASK),
        ("allow-reads", ALLOW, ASK, ASK, ASK, ASK),
        ("allow-edits", ALLOW, ASK, ALLOW, ASK, ASK),
        ("allow-all", ALLOW, ALLOW, ALLOW, ALLOW, ALLOW),
        ("deny", DENY, DENY, DENY, DENY, DENY),
        ("plan", ALLOW, DENY, DENY, DENY, DENY),
    ],
)
def test_what_each_mode_says(
    mode: str, read_inside: Verdict, read_outside: Verdict, edit_inside: Verdict, edit_outside: Verdict, other: Verdict
) -> None:
    for kind in HARMLESS:
        assert verdict(mode, wants(kind, INSIDE)) is read_inside, kind
        assert verdict(mode, wants(kind, OUTSIDE)) is read_outside, kind
        assert verdict(mode, wants(kind, INSIDE, OUTSIDE)) is read_outside, kind
    assert verdict(mode, wants(ToolKind.EDIT, INSIDE)) is edit_inside
    assert verdict(mode, wants(ToolKind.EDIT, OUTSIDE)) is edit_outside
    assert verdict(mode, wants(ToolKind.EDIT)) is edit_outside, "an edit of who knows what"
    for kind in EVERY_OTHER_KIND:
        assert verdict(mode, wants(kind, INSIDE)) is other, kind


@pytest.mark.parametrize("mode", PermissionMode)
def test_a_rule_that_denies_wins_over_everything(mode: str) -> None:
    assert verdict(mode, wants(ToolKind.READ, INSIDE), ALLOW_TOOL, DENY_TOOL, ALLOW_TOOL) is DENY


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        ("ask", ALLOW),
        ("allow-reads", ALLOW),
        ("allow-edits", ALLOW),
        ("allow-all", ALLOW),
        ("deny", DENY),
        ("plan", DENY),
    ],
)
def test_a_rule_that_allows_never_beats_a_stricter_mode(mode: str, said: Verdict) -> None:
    assert verdict(mode, wants(ToolKind.EXECUTE, command="make"), ALLOW_TOOL) is said


@pytest.mark.parametrize(
    ("path", "inside"),
    [
        (HOME, True),
        (f"{HOME}/", True),
        (f"{HOME}/a", True),
        (f"{HOME}/../project/a", True),
        (f"{HOME}/../other/a", False),
        (f"{HOME}/src/../../../../etc/passwd", False),
        (f"{HOME}-other/a", False),
        ("/work", False),
        ("src/a.py", False),
    ],
)
def test_inside_is_told_by_the_folded_path(path: str, inside: bool) -> None:
    assert verdict("allow-reads", wants(ToolKind.READ, path)) is (ALLOW if inside else ASK)
    assert Rule(tool_name="Tool", verdict=ALLOW, directory=HOME).covers(wants(ToolKind.EDIT, path)) is inside


def test_the_root_as_a_directory_holds_everything() -> None:
    assert decide(PermissionMode.ALLOW_READS, (), wants(ToolKind.READ, OUTSIDE), ("/",)) is ALLOW


@pytest.mark.parametrize("command", ["make test ", "make test; rm -rf /", "make", "Make test", "", None])
def test_a_rule_for_a_command_covers_that_very_one(command: str | None) -> None:
    rule = Rule(tool_name="Tool", verdict=ALLOW, command="make test")
    assert rule.covers(wants(ToolKind.EXECUTE, command="make test"))
    assert not rule.covers(wants(ToolKind.EXECUTE, command=command))


def test_a_rule_covers_one_tool() -> None:
    for rule in (ALLOW_TOOL, attrs.evolve(ALLOW_TOOL, command="x"), attrs.evolve(ALLOW_TOOL, directory=HOME)):
        other = attrs.evolve(wants(ToolKind.EDIT, INSIDE, command="x"), tool_name="Other")
        assert rule.covers(attrs.evolve(other, tool_name="Tool"))
        assert not rule.covers(other)


def test_a_rule_for_a_directory_covers_no_request_without_a_place() -> None:
    rule = Rule(tool_name="Tool", verdict=ALLOW, directory=HOME)
    assert not rule.covers(wants(ToolKind.EDIT))
    assert not rule.covers(wants(ToolKind.EDIT, INSIDE, OUTSIDE))


@pytest.mark.parametrize(
    ("request_", "scope"),
    [
        (wants(ToolKind.EXECUTE, INSIDE, command="make"), "this exact command, in this session: make"),
        (wants(ToolKind.EDIT, INSIDE), f"Tool on files in {HOME}, in this session"),
        (wants(ToolKind.EDIT, OUTSIDE), "Tool on files in /etc, in this session"),
        (wants(ToolKind.FETCH), "Tool with any input, in this session"),
    ],
)
def test_an_always_says_how_far_it_reaches(request_: PermissionRequest, scope: str) -> None:
    options, rule = options_for(request_, HOME)
    assert [option.kind for option in options] == [
        OptionKind.ALLOW_ONCE,
        OptionKind.ALLOW_ALWAYS,
        OptionKind.REJECT_ONCE,
    ]
    assert rule is not None
    assert options[1].scope == rule.scope == scope
    assert rule.covers(request_)


@pytest.mark.parametrize(
    ("mode", "verdict"),
    [("ask", ASK), ("allow-reads", ASK), ("allow-edits", ASK), ("allow-all", ALLOW), ("deny", DENY)],
)
def test_what_the_agent_itself_minds_is_for_a_person(mode: str, verdict: Verdict) -> None:
    hook = attrs.evolve(wants(ToolKind.EDIT, INSIDE), guarded=True)
    assert decide(PermissionMode(mode), (ALLOW_TOOL,), hook, (HOME,)) is verdict
    options, rule = options_for(hook, HOME)
    assert ([option.option_id for option in options], rule) == (["allow", "reject"], None)


def test_the_same_command_run_otherwise_is_asked_again() -> None:
    make = attrs.evolve(wants(ToolKind.EXECUTE, command="make"), input={"command": "make", "description": "builds"})
    _, rule = options_for(make, HOME)
    assert rule is not None
    assert rule.covers(attrs.evolve(make, input={"command": "make", "description": "makes"}))
    assert not rule.covers(attrs.evolve(make, input={"command": "make", "run_in_background": True}))


@pytest.mark.parametrize("mode", PermissionMode)
def test_a_question_is_for_a_person_in_every_mode(mode: PermissionMode) -> None:
    asked = attrs.evolve(wants(ToolKind.OTHER), questions=(QUESTION,))
    assert decide(mode, (), asked, (HOME,)) is ASK
    options, rule = options_for(asked, HOME)
    assert ([option.kind for option in options], rule) == ([OptionKind.REJECT_ONCE], None)


@pytest.mark.parametrize(
    ("mode", "verdict"), [("plan", ASK), ("ask", ASK), ("allow-edits", ASK), ("allow-all", ALLOW), ("deny", DENY)]
)
def test_a_plan_is_begun_by_a_person(mode: str, verdict: Verdict) -> None:
    asked = attrs.evolve(wants(ToolKind.OTHER), leaves_planning=True)
    assert decide(PermissionMode(mode), (), asked, (HOME,)) is verdict
    options, rule = options_for(asked, HOME)
    assert [option.option_id for option in options] == ["allow", "allow-edits", "reject"]
    assert rule is None


paths = st.lists(st.sampled_from(["a", "b", "..", ".", "work", "project", "etc"]), max_size=6).map(
    lambda parts: "/" + "/".join(parts)
)
requests = st.builds(wants, st.sampled_from(ToolKind), paths, command=st.none() | st.sampled_from(["make", "ls"]))
rules = st.builds(
    Rule,
    tool_name=st.sampled_from(["Tool", "Other"]),
    verdict=st.sampled_from([ALLOW, DENY]),
    command=st.none() | st.sampled_from(["make", "ls"]),
    directory=st.none() | st.sampled_from([HOME, "/etc"]),
)
STRICTER = ["allow-all", "allow-edits", "allow-reads", "ask", "deny"]
OPENNESS = {ALLOW: 2, ASK: 1, DENY: 0}


@given(requests, st.lists(rules, max_size=4))
def test_a_stricter_mode_never_allows_more(request: PermissionRequest, given_rules: list[Rule]) -> None:
    openness = [OPENNESS[verdict(mode, request, *given_rules)] for mode in STRICTER]
    assert openness == sorted(openness, reverse=True)
    assert OPENNESS[verdict("plan", request, *given_rules)] <= OPENNESS[verdict("allow-reads", request, *given_rules)]
