"""From an agent's request to an approval, and from a client's decision to the agent's answer."""

from __future__ import annotations

import attrs

from jelmored.domain.commands import ResolveApproval
from jelmored.domain.ids import new_approval_id
from jelmored.domain.permissions import (
    Answer,
    Approval,
    ApprovalKind,
    ApprovalStatus,
    OptionKind,
    PermissionRequest,
    Resolver,
    Rule,
    Verdict,
    options_for,
)
from jelmored.domain.prompts import Author
from jelmored.domain.sessions import Facts
from jelmored.domain.times import utc_now
from jelmored.errors import ErrorKind, Refused

REJECTED = "The user rejected this."


@attrs.frozen
class OpenApproval:
    """What a client sees, what the agent asked, and the rule that an "always" would make."""

    approval: Approval
    request: PermissionRequest
    rule: Rule


@attrs.frozen
class Settled:
    approval: Approval
    answer: Answer
    rule: Rule | None = None


def ask_person(request: PermissionRequest, facts: Facts, turn: int | None) -> OpenApproval:
    options, rule = options_for(request, facts.cwd)
    approval = Approval(
        approval_id=new_approval_id(),
        session_id=facts.session_id,
        turn=turn,
        kind=ApprovalKind.PERMISSION,
        title=request.title,
        tool_use_id=request.tool_use_id,
        tool_name=request.tool_name,
        input=request.input,
        command=request.command,
        locations=request.locations,
        diffs=request.diffs,
        options=options,
        created_at=utc_now(),
    )
    return OpenApproval(approval, request, rule)


def settle(opened: OpenApproval, command: ResolveApproval, by: Author) -> Settled:
    """A client's decision.

    Raises:
        Refused: `approval-invalid`, when it does not fit what was asked; it stays open.
    """
    if command.answers is not None:
        raise Refused(ErrorKind.APPROVAL_INVALID, "this is a permission: it takes an optionId", field="answers")
    if (command.option_id is None) == (not command.cancelled):
        raise Refused(ErrorKind.APPROVAL_INVALID, "give either optionId or cancelled: true", field="optionId")
    resolver = Resolver(
        kind="client", connection_id=by.connection_id, client=by.client, uid=by.uid, option_id=command.option_id
    )
    if command.cancelled:
        answer = Answer(verdict=Verdict.DENY, message=command.message or REJECTED, interrupt=command.interrupt)
        return Settled(cancelled(opened.approval, resolver), answer)
    kind = _kind_of(opened.approval, command.option_id)
    approval = attrs.evolve(opened.approval, status=ApprovalStatus.RESOLVED, resolved_by=resolver)
    if kind in (OptionKind.REJECT_ONCE, OptionKind.REJECT_ALWAYS):
        answer = Answer(verdict=Verdict.DENY, message=command.message or REJECTED, interrupt=command.interrupt)
        return Settled(approval, answer)
    answer = Answer(verdict=Verdict.ALLOW, message=command.message, updated_input=command.updated_input)
    return Settled(approval, answer, opened.rule if kind is OptionKind.ALLOW_ALWAYS else None)


def cancelled(approval: Approval, resolver: Resolver) -> Approval:
    return attrs.evolve(approval, status=ApprovalStatus.CANCELLED, resolved_by=resolver)


def _kind_of(approval: Approval, option_id: str | None) -> OptionKind:
    for option in approval.options:
        if option.option_id == option_id:
            return option.kind
    known = ", ".join(option.option_id for option in approval.options)
    raise Refused(ErrorKind.APPROVAL_INVALID, f"there is no option {option_id!r}; there are: {known}", field="optionId")
