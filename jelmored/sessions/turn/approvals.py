"""What one session's agent asks: answered by the policy, or by a person through an approval."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import trio

from jelmored.domain.commands import ResolveApproval
from jelmored.domain.events import Draft, EventType
from jelmored.domain.ids import ApprovalId, RequestId, new_approval_id
from jelmored.domain.permissions import (
    Answer,
    Approval,
    ApprovalKind,
    PermissionRequest,
    Resolver,
    Verdict,
    decide,
    options_for,
)
from jelmored.domain.prompts import Author
from jelmored.domain.sessions import Facts
from jelmored.domain.status import Status, Step
from jelmored.domain.times import utc_now
from jelmored.errors import ErrorKind, Refused
from jelmored.sessions.record.chronicle import Chronicle

from .settling import OpenApproval, Settled, by_policy, cancelled, expired, settled

MAX_OPEN = 100
"""Questions of one agent at a time: nobody reads more, and each is kept with the session's facts."""
TOO_MANY = f"{MAX_OPEN} questions are open already: wait until some of them are answered."

SOON = 0.01  # seconds: the two clocks may differ by a little

Tell = Callable[[RequestId, Answer], None]


class Approvals:
    """The questions that the agent waits on.

    Args:
        tell: gives the agent an answer, once the decision is durable.
        closed: told of each approval that is open no more.
        timeout: seconds that a person has to answer what is asked now; 0: no limit. No question outlives its agent, so
            no clock has to run on while the daemon is down.
    """

    def __init__(
        self,
        chronicle: Chronicle,
        tell: Tell,
        closed: Callable[[Approval], None],
        *,
        timeout: Callable[[], float] = lambda: 0,
    ) -> None:
        self._timeout = timeout
        self._chronicle = chronicle
        self._tell = tell
        self._closed = closed
        self._open: dict[ApprovalId, OpenApproval] = {}

    def take(self, request: PermissionRequest) -> None:
        """The policy answers, or a person is asked. What is asked again while it is open is asked once."""
        if any(opened.request.request_id == request.request_id for opened in self._open.values()):
            return
        answer = _by_policy(request, self._chronicle.facts)
        if answer is None and len(self._open) >= MAX_OPEN:
            answer = Answer(verdict=Verdict.DENY, message=TOO_MANY)
        if answer is None:
            self._ask(request)
        else:
            self._tell(request.request_id, answer)

    def resolve(self, command: ResolveApproval, by: Author) -> Settled:
        """A client's decision; the agent is told.

        Raises:
            Refused: `not-found`, `approval-invalid`; it stays open then.
        """
        opened = self._open.get(command.approval_id)
        if opened is None:
            raise Refused(ErrorKind.NOT_FOUND, f"no approval {command.approval_id} is open here", field="approvalId")
        outcome = settled(opened, command, by)
        if outcome.rule is not None:
            self._chronicle.know(rules=(*self._chronicle.facts.rules, outcome.rule))
        self._settle(outcome)
        return outcome

    def review(self) -> None:
        """The policy is another one: what it answers now, nobody needs to be asked."""
        for opened in list(self._open.values()):
            if (answer := _by_policy(opened.request, self._chronicle.facts)) is not None:
                self._settle(by_policy(opened, answer))

    def expire(self, now: datetime) -> None:
        """What nobody has answered in time is denied; the agent is told so."""
        for opened in list(self._open.values()):
            if (end := opened.approval.expires_at) is not None and end <= now:
                self._settle(expired(opened))

    def due(self) -> float | None:
        """Trio's time at which `expire` has something to do; None: never."""
        ends = [one.approval.expires_at for one in self._open.values() if one.approval.expires_at is not None]
        return trio.current_time() + max((min(ends) - utc_now()).total_seconds(), SOON) if ends else None

    def withdraw(self, request_id: RequestId) -> None:
        """The agent waits no more."""
        for opened in list(self._open.values()):
            if opened.request.request_id == request_id:
                self._close(cancelled(opened.approval, Resolver(kind="agent")))

    def cancel(self) -> None:
        """Nobody waits for any answer any more."""
        for approval in self._chronicle.facts.approvals:
            self._close(cancelled(approval, Resolver(kind="session")))

    def _ask(self, request: PermissionRequest) -> None:
        chronicle = self._chronicle
        opened = _opened(request, chronicle.facts, chronicle.turn, self._timeout())
        self._open[opened.approval.approval_id] = opened
        chronicle.know(approvals=(*chronicle.facts.approvals, opened.approval))
        chronicle.record(Draft(EventType.APPROVAL_REQUESTED, opened.approval.title, opened.approval))
        if chronicle.facts.status in (Status.ACTIVE, Status.WAITING_INPUT):  # else the agent asks outside of any turn
            chronicle.step(Step.APPROVAL_OPENED)

    def _settle(self, outcome: Settled) -> None:
        self._close(outcome.approval)
        self._tell(outcome.request.request_id, outcome.answer)

    def _close(self, approval: Approval) -> None:
        chronicle = self._chronicle
        self._open.pop(approval.approval_id, None)
        left = tuple(one for one in chronicle.facts.approvals if one.approval_id != approval.approval_id)
        chronicle.know(approvals=left)
        chronicle.record(Draft(EventType.APPROVAL_RESOLVED, f"{approval.status}: {approval.title}", approval))
        if not left and chronicle.facts.status is Status.WAITING_INPUT:
            chronicle.step(Step.APPROVALS_SETTLED)
        self._closed(approval)


def _by_policy(request: PermissionRequest, facts: Facts) -> Answer | None:
    """What needs no person."""
    verdict = decide(facts.permission_mode, facts.rules, request, (facts.cwd, *facts.directories))
    if verdict is Verdict.ASK:
        return None
    message = f"the session's permission mode is {facts.permission_mode}" if verdict is Verdict.DENY else None
    return Answer(verdict=verdict, message=message)


def _opened(request: PermissionRequest, facts: Facts, turn: int | None, timeout: float) -> OpenApproval:
    options, rule = options_for(request, facts.cwd)
    now = utc_now()
    approval = Approval(
        approval_id=new_approval_id(),
        session_id=facts.session_id,
        turn=turn,
        kind=ApprovalKind.QUESTION if request.questions else ApprovalKind.PERMISSION,
        title=request.title,
        tool_use_id=request.tool_use_id,
        tool_name=request.tool_name,
        input=request.input,
        command=request.command,
        locations=request.locations,
        diffs=request.diffs,
        questions=request.questions,
        options=options,
        created_at=now,
        expires_at=now + timedelta(seconds=timeout) if timeout else None,
    )
    return OpenApproval(approval, request, rule)
