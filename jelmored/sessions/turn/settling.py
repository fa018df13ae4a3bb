"""What a client's decision about an approval means: what the log says, the agent is told, the session keeps. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from jelmored.domain.commands import ResolveApproval
from jelmored.domain.ids import ApprovalId
from jelmored.domain.permissions import (
    Answer,
    Approval,
    ApprovalKind,
    ApprovalStatus,
    Option,
    OptionKind,
    PermissionMode,
    PermissionRequest,
    Question,
    Resolver,
    Rule,
    Verdict,
)
from jelmored.domain.prompts import Author
from jelmored.domain.times import utc_now
from jelmored.errors import ErrorKind, Refused
from jelmored.journal.base import StoredKey
from jelmored.wire import codec

REJECTED = "The user rejected this."
DECLINED = "The user declined to answer."
ANSWER = 10_000  # characters of one answer in free words
ANSWERS = 64  # to one question
ALLOWS = frozenset({OptionKind.ALLOW_ONCE, OptionKind.ALLOW_ALWAYS})


@attrs.frozen
class OpenApproval:
    """What a client sees, what the agent asked, and the rule that an "always" would make."""

    approval: Approval
    request: PermissionRequest
    rule: Rule | None = None


@attrs.frozen(kw_only=True)
class Settled:
    """`rule`: one more from now on. `mode`: the session's policy from now on."""

    approval: Approval
    request: PermissionRequest
    answer: Answer
    rule: Rule | None = None
    mode: PermissionMode | None = None


def settled(opened: OpenApproval, command: ResolveApproval, by: Author) -> Settled:
    """A client's decision.

    Raises:
        Refused: `approval-invalid`, when it does not fit what was asked; it stays open.
    """
    _check_form(opened.approval, command)
    if command.cancelled:
        approval = attrs.evolve(opened.approval, message=command.message)
        return _rejected(opened, command, cancelled(approval, _resolver(command, by)))
    approval = attrs.evolve(
        opened.approval,
        status=ApprovalStatus.RESOLVED,
        resolved_by=_resolver(command, by),
        message=command.message,
    )
    if command.answers is not None:
        return _answered(opened, command, approval)
    option = _option(opened.approval, command.option_id)
    return (_allowed if option.kind in ALLOWS else _rejected)(opened, command, approval)


def by_policy(opened: OpenApproval, answer: Answer) -> Settled:
    """The policy became another one, and needs no person for this any more."""
    approval = attrs.evolve(opened.approval, status=ApprovalStatus.RESOLVED, resolved_by=Resolver(kind="policy"))
    return Settled(approval=approval, request=opened.request, answer=answer)


def cancelled(approval: Approval, resolver: Resolver) -> Approval:
    return attrs.evolve(approval, status=ApprovalStatus.CANCELLED, resolved_by=resolver)


def expired(opened: OpenApproval) -> Settled:
    """Nobody has answered in time."""
    asked, end = opened.approval.created_at, opened.approval.expires_at
    words = f"Nobody answered within {(end - asked).total_seconds():g} s." if end else "Nobody answered in time."
    approval = attrs.evolve(
        opened.approval, status=ApprovalStatus.EXPIRED, resolved_by=Resolver(kind="session"), message=words
    )
    return Settled(approval=approval, request=opened.request, answer=Answer(verdict=Verdict.DENY, message=words))


def settlement_key(approval_id: ApprovalId) -> str:
    """Under which the journal keeps how it was settled, for as long as a requestKey. No client's can begin so."""
    return f"\0approval {approval_id}"


def remembered(approval: Approval) -> StoredKey:
    """How it was settled; what was asked in it stands in the log."""
    short = attrs.evolve(approval, input=None, diffs=())
    key = settlement_key(approval.approval_id)
    return StoredKey(key, "", codec.encode(short), utc_now(), daemon_wide=True)


def _check_form(approval: Approval, command: ResolveApproval) -> None:
    given = (command.option_id is not None) + (command.answers is not None) + command.cancelled
    if given != 1:
        raise _invalid("give exactly one of optionId, answers, and cancelled: true", "optionId")
    if command.answers is not None and approval.kind is ApprovalKind.PERMISSION:
        raise _invalid("this is a permission: it takes an optionId", "answers")


def _resolver(command: ResolveApproval, by: Author) -> Resolver:
    return Resolver(
        kind="client",
        connection_id=by.connection_id,
        client=by.client,
        uid=by.uid,
        token=by.token,
        option_id=command.option_id,
    )


def _allowed(opened: OpenApproval, command: ResolveApproval, approval: Approval) -> Settled:
    always = _option(approval, command.option_id).kind is OptionKind.ALLOW_ALWAYS
    if command.updated_input is not None:
        if always:
            raise _invalid("always is said of what was asked: allow a changed input once", "updatedInput")
        approval = _changed(approval, command.updated_input)
    return Settled(
        approval=approval,
        request=opened.request,
        answer=Answer(verdict=Verdict.ALLOW, message=command.message, updated_input=command.updated_input),
        rule=opened.rule if always else None,
        mode=_mode_after(always=always) if opened.request.leaves_planning else None,
    )


def _mode_after(*, always: bool) -> PermissionMode:
    """The plan is to be carried out."""
    return PermissionMode.ALLOW_EDITS if always else PermissionMode.ASK


def _rejected(opened: OpenApproval, command: ResolveApproval, approval: Approval) -> Settled:
    words = DECLINED if approval.kind is ApprovalKind.QUESTION else REJECTED
    answer = Answer(verdict=Verdict.DENY, message=command.message or words, interrupt=command.interrupt)
    return Settled(approval=approval, request=opened.request, answer=answer)


def _changed(approval: Approval, updated_input: Mapping[str, Any]) -> Approval:
    """The log says what really runs: places and changes were those of the other input."""
    command = updated_input.get("command")
    return attrs.evolve(
        approval,
        input=updated_input,
        command=command if isinstance(command, str) and approval.command is not None else approval.command,
        locations=(),
        diffs=(),
    )


def _answered(opened: OpenApproval, command: ResolveApproval, approval: Approval) -> Settled:
    answers = command.answers or {}
    known = {question.id: question for question in approval.questions}
    for question_id in answers.keys() - known.keys():
        raise _invalid(f"there is no question {question_id!r}; there are: {', '.join(known)}", "answers")
    for question in approval.questions:
        _check_answer(question, answers.get(question.id, ()))
    return Settled(
        approval=attrs.evolve(approval, answers=answers),
        request=opened.request,
        answer=Answer(verdict=Verdict.ALLOW, message=command.message, answers=answers),
    )


def _check_answer(question: Question, words: tuple[str, ...]) -> None:
    field = f"answers.{question.id}"
    if not any(word.strip() for word in words):
        raise _invalid(f"{question.question!r} needs an answer: a label, or words of your own", field)
    if len(words) > 1 and not question.multi_select:
        raise _invalid(f"{question.question!r} takes one answer", field)
    if len(words) > ANSWERS or any(len(word) > ANSWER for word in words):
        raise _invalid(f"at most {ANSWERS} answers of {ANSWER} characters each", field)


def _option(approval: Approval, option_id: str | None) -> Option:
    for option in approval.options:
        if option.option_id == option_id:
            return option
    known = ", ".join(option.option_id for option in approval.options)
    raise _invalid(f"there is no option {option_id!r}; there are: {known}", "optionId")


def _invalid(words: str, field: str) -> Refused:
    return Refused(ErrorKind.APPROVAL_INVALID, words, field=field)
