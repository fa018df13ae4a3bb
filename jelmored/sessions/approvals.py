"""From an agent's request to an approval, and from a client's decision to the agent's answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs

from jelmored.domain.commands import ResolveApproval
from jelmored.domain.events import Draft, EventType
from jelmored.domain.ids import ApprovalId, RequestId, new_approval_id
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
from jelmored.domain.status import Status, Step
from jelmored.domain.times import utc_now
from jelmored.errors import ErrorKind, Refused

from .chronicle import Chronicle

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
    request: PermissionRequest
    answer: Answer
    rule: Rule | None = None


class Approvals:
    """The questions that one session's agent waits on.

    Args:
        closed: told of each one that is open no more.
    """

    def __init__(self, chronicle: Chronicle, closed: Callable[[Approval], None]) -> None:
        self._chronicle = chronicle
        self._closed = closed
        self._open: dict[ApprovalId, OpenApproval] = {}

    def ask(self, request: PermissionRequest) -> None:
        """Ask a person."""
        chronicle = self._chronicle
        opened = _opened(request, chronicle.facts, chronicle.turn)
        self._open[opened.approval.approval_id] = opened
        chronicle.know(approvals=(*chronicle.facts.approvals, opened.approval))
        chronicle.record(Draft(EventType.APPROVAL_REQUESTED, opened.approval.title, opened.approval))
        if chronicle.facts.status in (Status.ACTIVE, Status.WAITING_INPUT):  # else the agent asks outside of any turn
            chronicle.step(Step.APPROVAL_OPENED)

    def resolve(self, command: ResolveApproval, by: Author) -> Settled:
        """A client's decision; what the agent is told is in the answer.

        Raises:
            Refused: `not-found`, `approval-invalid`; it stays open then.
        """
        opened = self._open.get(command.approval_id)
        if opened is None:
            raise Refused(ErrorKind.NOT_FOUND, f"no approval {command.approval_id} is open here", field="approvalId")
        settled = _settled(opened, command, by)
        if settled.rule is not None:
            self._chronicle.know(rules=(*self._chronicle.facts.rules, settled.rule))
        self._close(settled.approval)
        return settled

    def withdraw(self, request_id: RequestId) -> None:
        """The agent waits no more."""
        for opened in list(self._open.values()):
            if opened.request.request_id == request_id:
                self._close(_cancelled(opened.approval, Resolver(kind="agent")))

    def cancel(self) -> None:
        """Nobody waits for any answer any more."""
        for approval in self._chronicle.facts.approvals:
            self._close(_cancelled(approval, Resolver(kind="session")))

    def _close(self, approval: Approval) -> None:
        chronicle = self._chronicle
        self._open.pop(approval.approval_id, None)
        left = tuple(one for one in chronicle.facts.approvals if one.approval_id != approval.approval_id)
        chronicle.know(approvals=left)
        chronicle.record(Draft(EventType.APPROVAL_RESOLVED, f"{approval.status}: {approval.title}", approval))
        if not left and chronicle.facts.status is Status.WAITING_INPUT:
            chronicle.step(Step.APPROVALS_SETTLED)
        self._closed(approval)


def _opened(request: PermissionRequest, facts: Facts, turn: int | None) -> OpenApproval:
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


def _settled(opened: OpenApproval, command: ResolveApproval, by: Author) -> Settled:
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
        return Settled(_cancelled(opened.approval, resolver), opened.request, answer)
    kind = _kind_of(opened.approval, command.option_id)
    approval = attrs.evolve(opened.approval, status=ApprovalStatus.RESOLVED, resolved_by=resolver)
    if kind in (OptionKind.REJECT_ONCE, OptionKind.REJECT_ALWAYS):
        answer = Answer(verdict=Verdict.DENY, message=command.message or REJECTED, interrupt=command.interrupt)
        return Settled(approval, opened.request, answer)
    if command.updated_input is not None:
        approval = _changed(approval, command.updated_input)
    answer = Answer(verdict=Verdict.ALLOW, message=command.message, updated_input=command.updated_input)
    return Settled(approval, opened.request, answer, opened.rule if kind is OptionKind.ALLOW_ALWAYS else None)


def _changed(approval: Approval, updated_input: Mapping[str, Any]) -> Approval:
    """The log says what really runs."""
    command = updated_input.get("command")
    return attrs.evolve(
        approval,
        input=updated_input,
        command=command if isinstance(command, str) and approval.command is not None else approval.command,
    )


def _cancelled(approval: Approval, resolver: Resolver) -> Approval:
    return attrs.evolve(approval, status=ApprovalStatus.CANCELLED, resolved_by=resolver)


def _kind_of(approval: Approval, option_id: str | None) -> OptionKind:
    for option in approval.options:
        if option.option_id == option_id:
            return option.kind
    known = ", ".join(option.option_id for option in approval.options)
    raise Refused(ErrorKind.APPROVAL_INVALID, f"there is no option {option_id!r}; there are: {known}", field="optionId")
