"""What an agent asks, what a client may decide, and what the log, the facts and the agent are told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import attrs
import pytest
import trio

from jelmored.domain.commands import ResolveApproval
from jelmored.domain.ids import ApprovalId, RequestId
from jelmored.domain.permissions import (
    Answer,
    Approval,
    ApprovalKind,
    ApprovalStatus,
    Location,
    PermissionMode,
    PermissionRequest,
    Question,
    QuestionOption,
    Rule,
    ToolKind,
    Verdict,
)
from jelmored.domain.status import Status
from jelmored.domain.times import utc_now
from jelmored.errors import ErrorKind, Refused
from jelmored.sessions.turn.approvals import MAX_OPEN, TOO_MANY, Approvals
from jelmored.sessions.turn.settling import REJECTED, Settled
from tests.sessions.book import Book, open_book
from tests.sessions.stage import ME

COMMAND = PermissionRequest(
    request_id=RequestId("r1"),
    tool_name="Bash",
    kind=ToolKind.EXECUTE,
    title="Run make",
    input={"command": "make"},
    command="make",
)
READ = PermissionRequest(
    request_id=RequestId("r2"),
    tool_name="Read",
    kind=ToolKind.READ,
    title="Read /etc/motd",
    input={"path": "/etc/motd"},
    locations=(Location(path="/etc/motd"),),
)
QUESTION = PermissionRequest(
    request_id=RequestId("r3"),
    tool_name="AskUserQuestion",
    kind=ToolKind.OTHER,
    title="Which colours?",
    input={},
    questions=(
        Question(
            id="q1",
            header="Colour",
            question="Which colours?",
            options=(QuestionOption(label="red"), QuestionOption(label="blue")),
            multi_select=True,
        ),
    ),
)


@attrs.frozen
class Scene:
    approvals: Approvals
    book: Book
    closed: list[Approval]
    told: dict[RequestId, Answer]

    def ask(self, request: PermissionRequest = COMMAND) -> Approval:
        self.approvals.take(request)
        return self.open[-1]

    def resolve(self, approval: Approval, **decision: Any) -> Settled:
        return self.approvals.resolve(ResolveApproval(approval_id=approval.approval_id, **decision), ME)

    @property
    def open(self) -> tuple[Approval, ...]:
        """As the facts have them."""
        return self.book.chronicle.facts.approvals

    @property
    def status(self) -> Status:
        return self.book.chronicle.facts.status


@asynccontextmanager
async def asking(status: Status = Status.ACTIVE) -> AsyncIterator[Scene]:
    async with open_book(status=status) as book:
        book.chronicle.turn = 7
        closed: list[Approval] = []
        told: dict[RequestId, Answer] = {}
        yield Scene(Approvals(book.chronicle, told.__setitem__, closed.append), book, closed, told)


async def test_a_question_is_in_the_log_and_the_facts_and_the_session_waits(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with asking() as s:
        opened = s.ask()
        assert (opened.status, opened.turn, opened.command) == (ApprovalStatus.OPEN, 7, "make")
        assert [option.option_id for option in opened.options] == ["allow", "allow-always", "reject"]
        assert s.status is Status.WAITING_INPUT
        events = await s.book.published()
        assert [event["eventType"] for event in events] == ["approval_requested", "status_change"]
        assert events[0]["metadata"]["approvalId"] == opened.approval_id


async def test_the_session_works_on_when_the_last_question_is_settled(autojump_clock: trio.testing.MockClock) -> None:
    async with asking() as s:
        first, second = s.ask(), s.ask(READ)
        s.resolve(first, option_id="allow")
        assert (s.status, s.open) == (Status.WAITING_INPUT, (second,))
        s.resolve(second, option_id="reject")
        assert (s.status, s.open) == (Status.ACTIVE, ())
        assert [approval.approval_id for approval in s.closed] == [first.approval_id, second.approval_id]


async def test_outside_of_any_turn_the_status_stays(autojump_clock: trio.testing.MockClock) -> None:
    async with asking(Status.IDLE) as s:
        opened = s.ask()
        assert s.status is Status.IDLE
        s.resolve(opened, option_id="allow")
        assert s.status is Status.IDLE


@pytest.mark.parametrize(
    ("decision", "answer", "status"),
    [
        ({"option_id": "allow"}, Answer(verdict=Verdict.ALLOW), "resolved"),
        ({"option_id": "allow", "message": "go"}, Answer(verdict=Verdict.ALLOW, message="go"), "resolved"),
        ({"option_id": "allow-always"}, Answer(verdict=Verdict.ALLOW), "resolved"),
        ({"option_id": "reject"}, Answer(verdict=Verdict.DENY, message=REJECTED), "resolved"),
        ({"option_id": "reject", "message": "no"}, Answer(verdict=Verdict.DENY, message="no"), "resolved"),
        (
            {"option_id": "reject", "interrupt": True},
            Answer(verdict=Verdict.DENY, message=REJECTED, interrupt=True),
            "resolved",
        ),
        ({"cancelled": True}, Answer(verdict=Verdict.DENY, message=REJECTED), "cancelled"),
    ],
)
async def test_a_decision_and_what_the_agent_is_told(
    autojump_clock: trio.testing.MockClock, decision: dict[str, Any], answer: Answer, status: str
) -> None:
    async with asking() as s:
        settled = s.resolve(s.ask(), **decision)
        assert (settled.request, settled.answer) == (COMMAND, answer)
        assert s.told == {COMMAND.request_id: answer}
        [event] = [event for event in await s.book.published() if event["eventType"] == "approval_resolved"]
        assert event["metadata"]["status"] == status
        resolver = event["metadata"]["resolvedBy"]
        assert (resolver["kind"], resolver["connectionId"]) == ("client", ME.connection_id)
        assert resolver.get("optionId") == decision.get("option_id")


async def test_always_is_a_rule_and_once_is_none(autojump_clock: trio.testing.MockClock) -> None:
    async with asking() as s:
        s.resolve(s.ask(), option_id="allow")
        s.resolve(s.ask(), option_id="allow-always")
        s.resolve(s.ask(READ), option_id="allow-always")
        assert s.book.chronicle.facts.rules == (
            Rule(tool_name="Bash", verdict=Verdict.ALLOW, command="make"),
            Rule(tool_name="Read", verdict=Verdict.ALLOW, directory="/etc"),
        )


async def test_the_log_says_what_really_runs(autojump_clock: trio.testing.MockClock) -> None:
    async with asking() as s:
        changed = {"command": "make -n"}
        settled = s.resolve(s.ask(), option_id="allow", updated_input=changed)
        assert settled.answer.updated_input == changed
        assert (settled.approval.input, settled.approval.command) == (changed, "make -n")


@pytest.mark.parametrize(
    ("decision", "field"),
    [
        ({}, "optionId"),
        ({"option_id": "allow", "cancelled": True}, "optionId"),
        ({"option_id": "perhaps"}, "optionId"),
        ({"answers": {"q": ("a",)}}, "answers"),
    ],
)
async def test_a_decision_that_does_not_fit_leaves_it_open(
    autojump_clock: trio.testing.MockClock, decision: dict[str, Any], field: str
) -> None:
    async with asking() as s:
        opened = s.ask()
        with pytest.raises(Refused) as refused:
            s.resolve(opened, **decision)
        assert (refused.value.kind, refused.value.field) == (ErrorKind.APPROVAL_INVALID, field)
        assert (s.open, s.closed, s.status) == ((opened,), [], Status.WAITING_INPUT)


async def test_the_first_decision_wins(autojump_clock: trio.testing.MockClock) -> None:
    async with asking() as s:
        opened = s.ask()
        s.resolve(opened, option_id="allow")
        for approval_id in (opened.approval_id, ApprovalId("apr_unknown")):
            with pytest.raises(Refused) as refused:
                s.resolve(attrs.evolve(opened, approval_id=approval_id), option_id="reject")
            assert refused.value.kind is ErrorKind.NOT_FOUND
        assert [approval.status for approval in s.closed] == [ApprovalStatus.RESOLVED]


async def test_what_an_agent_waits_on_no_more_is_cancelled(autojump_clock: trio.testing.MockClock) -> None:
    async with asking() as s:
        withdrawn, other = s.ask(), s.ask(READ)
        s.approvals.withdraw(COMMAND.request_id)
        s.approvals.withdraw(COMMAND.request_id)
        assert s.open == (other,)
        assert [(one.approval_id, one.status, one.resolved_by and one.resolved_by.kind) for one in s.closed] == [
            (withdrawn.approval_id, ApprovalStatus.CANCELLED, "agent")
        ]


async def test_all_are_cancelled_also_those_of_a_former_life(autojump_clock: trio.testing.MockClock) -> None:
    async with asking() as s:
        s.ask()
        s.ask(READ)
        next_life = Approvals(s.book.chronicle, s.told.__setitem__, s.closed.append)
        next_life.cancel()
        assert (s.open, s.status) == ((), Status.ACTIVE)
        assert [approval.resolved_by and approval.resolved_by.kind for approval in s.closed] == ["session"] * 2


async def test_what_the_policy_answers_nobody_is_asked(autojump_clock: trio.testing.MockClock) -> None:
    async with asking() as s:
        s.book.chronicle.know(permission_mode=PermissionMode.ALLOW_ALL)
        s.approvals.take(COMMAND)
        s.book.chronicle.know(permission_mode=PermissionMode.DENY)
        s.approvals.take(READ)
        assert s.open == ()
        assert s.told[COMMAND.request_id] == Answer(verdict=Verdict.ALLOW)
        assert s.told[READ.request_id] == Answer(verdict=Verdict.DENY, message="the session's permission mode is deny")


async def test_another_policy_settles_what_is_open(autojump_clock: trio.testing.MockClock) -> None:
    async with asking() as s:
        s.ask()
        question = s.ask(QUESTION)
        s.book.chronicle.know(permission_mode=PermissionMode.ALLOW_ALL)
        s.approvals.review()
        assert s.open == (question,), "only a person knows what a person thinks"
        assert s.told == {COMMAND.request_id: Answer(verdict=Verdict.ALLOW)}
        assert [one.resolved_by and one.resolved_by.kind for one in s.closed] == ["policy"]


async def test_a_question_is_answered_by_labels_or_words(autojump_clock: trio.testing.MockClock) -> None:
    async with asking() as s:
        opened = s.ask(QUESTION)
        assert (opened.kind, opened.questions) == (ApprovalKind.QUESTION, QUESTION.questions)
        answers = {"q1": ("red", "a bit of blue")}
        s.resolve(opened, answers=answers)
        assert s.told == {QUESTION.request_id: Answer(verdict=Verdict.ALLOW, answers=answers)}
        [event] = [event for event in await s.book.published() if event["eventType"] == "approval_resolved"]
        assert event["metadata"]["answers"] == {"q1": ["red", "a bit of blue"]}


async def test_what_is_asked_again_while_it_is_open_is_asked_once(autojump_clock: trio.testing.MockClock) -> None:
    async with asking() as s:
        opened = s.ask()
        s.approvals.take(COMMAND)
        assert s.open == (opened,)
        assert s.told == {}


async def test_more_than_anybody_reads_is_denied(autojump_clock: trio.testing.MockClock) -> None:
    async with asking() as s:
        for number in range(MAX_OPEN + 1):
            s.approvals.take(attrs.evolve(COMMAND, request_id=RequestId(f"r{number}")))
        assert len(s.open) == MAX_OPEN
        assert s.told == {RequestId(f"r{MAX_OPEN}"): Answer(verdict=Verdict.DENY, message=TOO_MANY)}


async def test_what_nobody_answers_in_time_is_denied(autojump_clock: trio.testing.MockClock) -> None:
    async with asking() as s:
        approvals = Approvals(s.book.chronicle, s.told.__setitem__, s.closed.append, timeout=lambda: 60)
        approvals.take(COMMAND)
        [opened] = s.open
        assert opened.expires_at == opened.created_at + timedelta(seconds=60)
        assert 59 < (approvals.due() or 0) - trio.current_time() <= 60
        approvals.expire(opened.expires_at - timedelta(seconds=1))
        assert s.open == (opened,)
        approvals.expire(opened.expires_at)
        assert s.book.chronicle.facts.approvals == ()
        assert s.book.chronicle.facts.status is Status.ACTIVE
        assert approvals.due() is None
        words = "Nobody answered within 60 s."
        assert s.told == {COMMAND.request_id: Answer(verdict=Verdict.DENY, message=words)}
        [event] = [event for event in await s.book.published() if event["eventType"] == "approval_resolved"]
        assert (event["metadata"]["status"], event["metadata"]["message"]) == ("expired", words)
        assert event["metadata"]["resolvedBy"]["kind"] == "session"


async def test_without_a_limit_it_waits(autojump_clock: trio.testing.MockClock) -> None:
    async with asking() as s:
        assert s.ask().expires_at is None
        assert s.approvals.due() is None
        s.approvals.expire(utc_now() + timedelta(days=365))
        assert len(s.open) == 1


async def test_another_limit_counts_for_what_is_asked_from_then_on(autojump_clock: trio.testing.MockClock) -> None:
    async with asking() as s:
        limits = iter([60.0, 0.0])
        approvals = Approvals(s.book.chronicle, s.told.__setitem__, s.closed.append, timeout=lambda: next(limits))
        approvals.take(COMMAND)
        approvals.take(attrs.evolve(COMMAND, request_id=RequestId("r2")))
        assert [one.expires_at is None for one in s.open] == [False, True]
        approvals.expire(utc_now() + timedelta(days=1))
        assert s.told == {COMMAND.request_id: Answer(verdict=Verdict.DENY, message="Nobody answered within 60 s.")}
