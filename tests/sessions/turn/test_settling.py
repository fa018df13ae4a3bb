"""A client's decision by itself: what fits what was asked, and what follows from it."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from jelmored.domain.commands import ResolveApproval
from jelmored.domain.ids import ApprovalId
from jelmored.domain.permissions import (
    Answer,
    Approval,
    ApprovalKind,
    Diff,
    Location,
    PermissionMode,
    PermissionRequest,
    Verdict,
    options_for,
)
from jelmored.domain.times import utc_now
from jelmored.errors import ErrorKind, Refused
from jelmored.sessions.turn.settling import ANSWERS, DECLINED, OpenApproval, Settled, by_policy, settled
from tests.sessions.book import SESSION
from tests.sessions.stage import ME
from tests.sessions.turn.test_approvals import COMMAND, QUESTION

APPROVAL = ApprovalId("apr_1")
PLAN = attrs.evolve(COMMAND, tool_name="ExitPlanMode", title="The plan", input={"plan": "1. Do it."}, command=None)
PLAN = attrs.evolve(PLAN, leaves_planning=True)


def opened(request: PermissionRequest) -> OpenApproval:
    options, rule = options_for(request, "/home")
    approval = Approval(
        diffs=request.diffs,
        locations=request.locations,
        approval_id=APPROVAL,
        session_id=SESSION,
        turn=1,
        kind=ApprovalKind.QUESTION if request.questions else ApprovalKind.PERMISSION,
        title=request.title,
        command=request.command,
        questions=request.questions,
        options=options,
        created_at=utc_now(),
    )
    return OpenApproval(approval, request, rule)


def decide(request: PermissionRequest, **decision: Any) -> Settled:
    return settled(opened(request), ResolveApproval(approval_id=APPROVAL, **decision), ME)


@pytest.mark.parametrize(
    ("option", "mode"), [("allow", PermissionMode.ASK), ("allow-edits", PermissionMode.ALLOW_EDITS), ("reject", None)]
)
def test_whoever_lets_a_plan_begin_says_how_much_is_asked(option: str, mode: PermissionMode | None) -> None:
    outcome = decide(PLAN, option_id=option)
    assert (outcome.mode, outcome.rule) == (mode, None)
    assert outcome.answer.verdict is (Verdict.DENY if mode is None else Verdict.ALLOW)


def test_always_is_not_said_of_what_nobody_asked() -> None:
    with pytest.raises(Refused, match="allow a changed input once") as refused:
        decide(COMMAND, option_id="allow-always", updated_input={"command": "make -n"})
    assert (refused.value.kind, refused.value.field) == (ErrorKind.APPROVAL_INVALID, "updatedInput")


def test_a_changed_input_has_no_places_and_changes_of_the_other_one() -> None:
    edit = attrs.evolve(
        COMMAND,
        command=None,
        locations=(Location(path="/home/a"),),
        diffs=(Diff(path="/home/a", old_text="1", new_text="2"),),
    )
    assert decide(edit, option_id="allow").approval.diffs == edit.diffs
    changed = decide(edit, option_id="allow", updated_input={"new_string": "3"}).approval
    assert (changed.input, changed.diffs, changed.locations) == ({"new_string": "3"}, (), ())


@pytest.mark.parametrize("decision", [{"option_id": "reject"}, {"cancelled": True}])
def test_the_log_keeps_what_the_agent_was_told(decision: dict[str, Any]) -> None:
    assert decide(COMMAND, **decision, message="why", interrupt=True).approval.message == "why"


def test_an_allowed_command_changes_no_mode() -> None:
    outcome = decide(COMMAND, option_id="allow-always")
    assert outcome.mode is None
    assert outcome.rule is not None


@pytest.mark.parametrize("decision", [{"option_id": "reject"}, {"cancelled": True}])
def test_a_question_may_be_declined(decision: dict[str, Any]) -> None:
    assert decide(QUESTION, **decision).answer == Answer(verdict=Verdict.DENY, message=DECLINED)
    assert decide(QUESTION, **decision, message="later").answer.message == "later"


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ({}, "needs an answer"),
        ({"q1": ()}, "needs an answer"),
        ({"q1": ("  ",)}, "needs an answer"),
        ({"q1": ("red",), "q9": ("x",)}, "no question 'q9'; there are: q1"),
        ({"q1": ("x" * 10_001,)}, "at most"),
        ({"q1": ("x",) * (ANSWERS + 1)}, "at most"),
    ],
)
def test_answers_that_do_not_fit_are_refused(answers: dict[str, tuple[str, ...]], words: str) -> None:
    with pytest.raises(Refused, match=words) as refused:
        decide(QUESTION, answers=answers)
    assert refused.value.kind is ErrorKind.APPROVAL_INVALID
    assert (refused.value.field or "").startswith("answers")


def test_two_answers_where_one_is_asked_for_are_refused() -> None:
    single = attrs.evolve(QUESTION, questions=(attrs.evolve(QUESTION.questions[0], multi_select=False),))
    assert decide(single, answers={"q1": ("red",)}).answer.answers == {"q1": ("red",)}
    with pytest.raises(Refused, match="takes one answer"):
        decide(single, answers={"q1": ("red", "blue")})


def test_a_permission_takes_no_answers() -> None:
    with pytest.raises(Refused, match="takes an optionId"):
        decide(COMMAND, answers={"q1": ("red",)})


def test_what_the_policy_settles_says_so() -> None:
    outcome = by_policy(opened(COMMAND), Answer(verdict=Verdict.ALLOW))
    assert outcome.approval.resolved_by is not None
    assert outcome.approval.resolved_by.kind == "policy"
