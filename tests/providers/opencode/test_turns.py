from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from jelmored.domain.events import TurnCause, TurnReason
from jelmored.domain.failures import Failure
from jelmored.domain.ids import PromptId
from jelmored.errors import ErrorKind
from jelmored.providers.base import Taken, TakenBack, TurnBegan
from jelmored.providers.opencode.messages import ErrorData, ErrorInfo, Message, Moments
from jelmored.providers.opencode.turns import Turns

from .values import message

NOW = datetime(2026, 11, 23, tzinfo=UTC)
ABORTED = ErrorInfo(name="MessageAbortedError")
FAILED = ErrorInfo(name="APIError", data=ErrorData(message="no", status_code=500))
UNFINISHED = message(2, finish=None, time=Moments(created=1.0))


@pytest.fixture
def turns() -> Turns:
    turns = Turns(lambda: NOW)
    turns.begin(PromptId("one"))
    turns.busy()
    return turns


def test_an_idle_before_the_server_began_is_of_the_turn_before() -> None:
    turns = Turns(lambda: NOW)
    turns.begin(PromptId("one"))
    turns.idle()
    assert not turns.is_settling
    turns.busy()
    turns.idle()
    assert turns.is_settling


def test_a_server_that_goes_on_has_not_done(turns: Turns) -> None:
    turns.idle()
    turns.busy()
    assert not turns.is_settling


@pytest.mark.parametrize("finish", ["stop", "length"])
def test_a_finished_answer_completes_a_turn_even_one_that_was_aborted_too_late(turns: Turns, finish: str) -> None:
    turns.aborted(None)
    over, _ = turns.over(message(2, finish=finish))
    assert (over.reason, over.origin) == (TurnReason.COMPLETED, "prompt")


@pytest.mark.parametrize(
    "last",
    [
        None,
        UNFINISHED,
        message(2, finish=None),
        message(2, finish=None, error=ABORTED),
        message(2, finish="tool-calls"),
    ],
)
def test_an_abort_interrupts_also_where_the_server_does_not_say_so(turns: Turns, last: Message | None) -> None:
    turns.aborted(None)
    over, _ = turns.over(last)
    assert (over.reason, over.cause) == (TurnReason.INTERRUPTED, TurnCause.USER)


def test_an_abort_that_nobody_wished_is_a_failure(turns: Turns) -> None:
    failure = Failure(kind=ErrorKind.RATE_LIMITED, message="for days")
    turns.aborted(failure)
    over, _ = turns.over(message(2, finish=None, error=ABORTED))
    assert (over.reason, over.failure) == (TurnReason.FAILED, failure)


def test_an_abort_that_is_not_ours_is_the_agents(turns: Turns) -> None:
    over, _ = turns.over(message(2, finish=None, error=ABORTED))
    assert (over.reason, over.cause) == (TurnReason.INTERRUPTED, TurnCause.AGENT)


def test_the_last_answer_says_why_it_failed_or_else_the_session(turns: Turns) -> None:
    turns.failed(FAILED)
    over, _ = turns.over(None)
    assert over.failure
    assert over.failure.kind is ErrorKind.UNAVAILABLE


def test_an_error_before_the_server_began_or_before_the_last_step_counts_for_nothing(turns: Turns) -> None:
    turns.failed(FAILED)
    turns.answering(UNFINISHED)
    over, _ = turns.over(UNFINISHED)
    assert over.failure
    assert over.failure.kind is ErrorKind.AGENT_CRASHED


def test_an_error_is_no_end_where_the_answer_is_finished(turns: Turns) -> None:
    turns.answering(message(2))
    turns.failed(FAILED)
    over, _ = turns.over(message(2))
    assert over.reason is TurnReason.COMPLETED


def test_a_rejection_ends_a_turn_between_its_steps(turns: Turns) -> None:
    over, _ = turns.over(message(2, finish="tool-calls"))
    assert over.reason is TurnReason.COMPLETED


def test_a_content_filter_refuses(turns: Turns) -> None:
    blocked = message(2, finish="content-filter", error=ErrorInfo(name="ContentFilterError"))
    assert turns.over(blocked)[0].reason is TurnReason.REFUSED


def test_a_message_is_taken_with_the_step_that_answers_it_or_a_later_one(turns: Turns) -> None:
    turns.asked("msg_001")
    turns.steered(PromptId("two"))
    turns.asked("msg_003")
    turns.steered(PromptId("three"))
    turns.asked("msg_004")
    turns.asked("msg_004")
    assert turns.answering(message(5, parent_id="msg_001")) == []
    assert turns.untaken == ("msg_003", "msg_004")
    assert turns.answering(message(6, parent_id="msg_004", summary=True)) == []
    assert turns.answering(message(7, parent_id="msg_004")) == [Taken(PromptId("two")), Taken(PromptId("three"))]


def test_one_that_came_too_late_begins_a_turn_of_the_agents(turns: Turns) -> None:
    turns.asked("msg_001")
    turns.steered(PromptId("two"))
    assert turns.over(message(2))[1] == [TurnBegan((PromptId("two"),))]
    turns.asked("msg_003")
    turns.busy()
    turns.answering(message(4, parent_id="msg_003"))
    turns.idle()
    over, next_up = turns.over(message(4))
    assert (over.origin, next_up, turns.runs) == ("agent", [], False)


def test_after_an_abort_it_is_taken_back(turns: Turns) -> None:
    turns.steered(PromptId("two"))
    turns.aborted(None)
    assert turns.over(None)[1] == [TakenBack(PromptId("two"))]


def test_messages_of_former_turns_are_past(turns: Turns) -> None:
    assert not turns.is_past("msg_001")
    turns.recall("msg_002")
    turns.recall("msg_001")
    assert turns.is_past("msg_002")
    assert not turns.is_past("msg_003")


class Conversation(RuleBasedStateMachine):
    """A session that prompts, steers and aborts, and a server that answers in any order that it may."""

    def __init__(self) -> None:
        super().__init__()
        self.turns = Turns(lambda: NOW)
        self.number = 0
        self.unseen: list[str] = []
        self.seen: list[str] = []
        self.begun = self.ended = 0
        self.steers: list[PromptId] = []
        self.settled: list[PromptId] = []

    def _next(self) -> str:
        self.number += 1
        return f"msg_{self.number:03}"

    def _settle(self, events: Iterable[object]) -> None:
        for event in events:
            match event:
                case Taken(prompt_id) | TakenBack(prompt_id):
                    self.settled.append(prompt_id)
                case TurnBegan(prompt_ids):
                    self.begun += 1
                    self.settled.extend(prompt_ids)

    @precondition(lambda self: not self.turns.runs)
    @rule()
    def prompt(self) -> None:
        self.turns.begin(PromptId(f"prompt {self.number}"))
        self.begun += 1
        self.unseen = [self._next()]
        self.seen = []

    @precondition(lambda self: self.turns.runs and not self.turns.is_aborted)
    @rule()
    def steer(self) -> None:
        message_id = self._next()
        self.steers.append(PromptId(message_id))
        self.turns.steered(PromptId(message_id))
        self.unseen.append(message_id)

    @precondition(lambda self: self.unseen)
    @rule()
    def store(self) -> None:
        message_id = self.unseen.pop(0)
        self.turns.asked(message_id)
        self.seen.append(message_id)
        self.turns.busy()

    @precondition(lambda self: self.turns.runs and self.seen)
    @rule()
    def answer(self) -> None:
        self._settle(self.turns.answering(message(self.number + 1, id=self._next(), parent_id=self.seen[-1])))

    @precondition(lambda self: self.turns.runs)
    @rule()
    def abort(self) -> None:
        self.turns.aborted(None)

    @rule()
    def idle(self) -> None:
        self.turns.idle()

    @precondition(lambda self: self.turns.is_settling)
    @rule()
    def settle(self) -> None:
        if self.turns.is_aborted:
            self.unseen.clear()
        _, next_up = self.turns.over(message(self.number))
        self.ended += 1
        self._settle(next_up)

    @invariant()
    def each_message_is_settled_at_most_once_and_none_outlives_its_turns(self) -> None:
        assert sorted(set(self.settled)) == sorted(self.settled)
        assert set(self.settled) <= set(self.steers)
        if not self.turns.runs:
            assert set(self.settled) == set(self.steers)

    @invariant()
    def each_turn_has_one_end(self) -> None:
        assert self.begun - self.ended == self.turns.runs


TestConversation = Conversation.TestCase
TestConversation.settings = settings(max_examples=60, stateful_step_count=30)
