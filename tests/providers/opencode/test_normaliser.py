from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs
import pytest

from jelmored.domain.events import Draft, EventType, Said, System, TurnCause, TurnReason
from jelmored.domain.ids import PromptId, RequestId
from jelmored.domain.sessions import ContextUse
from jelmored.errors import ErrorKind
from jelmored.providers.base import Asked, Delta, RunEvent, RunFacts, Taken, TakenBack, TurnOver, Withdrawn
from jelmored.providers.opencode.messages import (
    NOISE,
    Compacted,
    CompactionPart,
    ErrorData,
    ErrorInfo,
    Message,
    MessageUpdated,
    Moments,
    PartDelta,
    PartUpdated,
    ServerEvent,
    SessionCreated,
    SessionFailed,
    SessionInfo,
    SessionStatus,
    StatusChanged,
    StepFinish,
    StepStart,
    Todo,
    TodoUpdated,
    Tokens,
    Unknown,
    read_messages,
)
from jelmored.providers.opencode.normaliser import Normaliser, unfinished

from .values import CHILD, ROOT, asked, listed, message, permission, text, tool

CAPTURES = Path(__file__).parent / "captures"
PROMPT = asked(1)
STEP = message(2, parent_id=PROMPT.id)
OPEN_STEP = message(2, parent_id=PROMPT.id, finish=None, time=Moments(created=1.0))
BUSY = StatusChanged(session_id=ROOT, status=SessionStatus(type="busy"))
IDLE = StatusChanged(session_id=ROOT, status=SessionStatus(type="idle"))


@pytest.fixture
def normaliser() -> Normaliser:
    return Normaliser(ROOT, "/work", windows={"fake/m": 1000}, now=lambda: datetime(2026, 11, 23, tzinfo=UTC))


def told_of(info: Message, *parts: Any) -> list[ServerEvent]:
    return [MessageUpdated(info=info), *(PartUpdated(part=part) for part in parts)]


PROMPTED = [*told_of(PROMPT, text("p01", "hi", of=PROMPT)), BUSY]


def prompted(normaliser: Normaliser, *events: ServerEvent) -> list[RunEvent]:
    normaliser.prompted(PromptId("one"))
    return normaliser.take([*PROMPTED, *events])


def texts(events: Iterable[RunEvent]) -> list[str]:
    return [event.content for event in events if isinstance(event, Draft) and isinstance(event.metadata, Said)]


def the_end(events: Iterable[RunEvent]) -> TurnOver:
    [over] = [event for event in events if isinstance(event, TurnOver)]
    return over


def test_the_users_own_words_are_not_told_again(normaliser: Normaliser) -> None:
    assert prompted(normaliser) == []
    assert normaliser.has_begun


def test_others_events_mean_nothing(normaliser: Normaliser) -> None:
    other = message(2, session_id="ses_other")
    events: list[ServerEvent] = [*told_of(other, text("p1", "x", of=other)), NOISE, Unknown("x", {})]
    assert prompted(normaliser, *events) == []
    assert not any(normaliser.is_ours(event) for event in events)


def test_outside_of_a_turn_the_agent_says_nothing(normaliser: Normaliser) -> None:
    assert normaliser.take([*told_of(STEP, text("p1", "x", of=STEP)), IDLE, permission("bash")]) == []
    assert not normaliser.is_settling
    assert normaliser.settled([listed(STEP)]) == []


def test_what_comes_late_of_a_turn_is_not_of_the_next(normaliser: Normaliser) -> None:
    prompted(normaliser, *told_of(STEP), IDLE)
    normaliser.settled([listed(PROMPT), listed(STEP)])
    normaliser.prompted(PromptId("two"))
    assert normaliser.take([*told_of(STEP, text("p1", "late", of=STEP)), IDLE]) == []
    assert not normaliser.is_settling


def test_former_turns_of_a_resumed_session_are_not_told_again(normaliser: Normaliser) -> None:
    former = [listed(PROMPT), listed(STEP, text("p1", "old", of=STEP))]
    normaliser.recalled(former)
    normaliser.prompted(PromptId("two"))
    again, answer = asked(3), message(4, parent_id="msg_003")
    events = normaliser.settled([*former, listed(again), listed(answer, text("p2", "new", of=answer))])
    assert texts(events) == ["new"]
    assert the_end(events).reason is TurnReason.COMPLETED


def test_the_agent_tells_its_model_once(normaliser: Normaliser) -> None:
    facts = prompted(normaliser, MessageUpdated(info=OPEN_STEP), MessageUpdated(info=STEP))
    assert facts == [RunFacts(native_id=ROOT, used=True, model="fake/m")]


def test_a_step_tells_what_was_spent_and_how_full_the_window_is(normaliser: Normaliser) -> None:
    finish = StepFinish(id="p2", session_id=ROOT, message_id=STEP.id, tokens=Tokens(input=90, output=10), cost=0.5)
    *_, facts = prompted(normaliser, *told_of(OPEN_STEP, finish))
    assert isinstance(facts, RunFacts)
    assert facts.context == ContextUse(tokens=100, window=1000)
    assert facts.spent
    assert (facts.spent.input_tokens, facts.spent.cost_usd) == (90, 0.5)
    over = the_end(normaliser.settled([listed(message(2, tokens=Tokens(input=90, output=10), cost=0.5))]))
    assert over.usage == facts.spent


def test_a_second_call_in_a_step_voids_what_the_first_said(normaliser: Normaliser) -> None:
    start = StepStart(id="p2", session_id=ROOT, message_id=STEP.id)
    delta = PartDelta(session_id=ROOT, message_id=STEP.id, part_id="p1", field="text", delta="x")
    told = prompted(
        normaliser, *told_of(OPEN_STEP, text("p1", "", of=STEP, ended=False)), delta, PartUpdated(part=start)
    )
    assert [type(event).__name__ for event in told] == ["RunFacts", "Delta", "ItemVoided"]


def test_idle_settles_and_the_list_tells_what_was_missed(normaliser: Normaliser) -> None:
    prompted(normaliser, *told_of(OPEN_STEP), IDLE)
    assert normaliser.is_settling
    events = normaliser.settled([listed(PROMPT), listed(STEP, text("p1", "hello", of=STEP))])
    assert texts(events) == ["hello"]
    assert the_end(events).reason is TurnReason.COMPLETED
    assert not normaliser.in_turn


def test_a_prompt_that_the_server_dropped_has_its_error(normaliser: Normaliser) -> None:
    normaliser.prompted(PromptId("one"))
    error = ErrorInfo(name="UnknownError", data=ErrorData(message="Agent not found: nope"))
    normaliser.take([SessionFailed(session_id=ROOT, error=error), IDLE])
    assert (normaliser.has_begun, normaliser.is_settling) == (False, False)
    failure = the_end(normaliser.settled([])).failure
    assert failure
    assert failure.kind is ErrorKind.INVALID_REQUEST


def test_the_requests_of_an_aborted_turn_are_withdrawn(normaliser: Normaliser) -> None:
    part = tool("p1", "bash", "running", {"command": "ls"}, of=STEP)
    told = prompted(normaliser, *told_of(OPEN_STEP, part), permission("bash", part))
    assert isinstance(told[-1], Asked)
    normaliser.aborted()
    events = normaliser.settled([listed(STEP, part)])
    assert Withdrawn(RequestId("per_1")) in events
    assert normaliser.answered(RequestId("per_1")) is None


def test_a_childs_request_is_ours_and_its_work_names_its_task(normaliser: Normaliser) -> None:
    inner = message(3, session_id=CHILD, finish=None, time=Moments(created=1.0))
    task = tool("p1", "task", "running", {"description": "d"}, of=STEP, metadata={"sessionId": CHILD})
    born = SessionCreated(info=SessionInfo(id=CHILD, parent_id=ROOT))
    bash = tool("p2", "bash", "running", {"command": "ls"}, of=inner)
    ask = permission("bash", bash)
    assert normaliser.is_ours(born)
    told = prompted(normaliser, *told_of(OPEN_STEP, task), born, *told_of(inner, bash), ask)
    assert normaliser.children == {CHILD}
    assert isinstance(told[-1], Asked)
    assert told[-1].request.tool_use_id == "p2"
    assert isinstance(told[-2], Draft)
    assert getattr(told[-2].metadata, "parent_tool_use_id", None) == "p1"


def test_a_childs_idle_and_its_plan_are_not_the_turns(normaliser: Normaliser) -> None:
    born = SessionCreated(info=SessionInfo(id=CHILD, parent_id=ROOT))
    idle = StatusChanged(session_id=CHILD, status=SessionStatus(type="idle"))
    plan = TodoUpdated(session_id=CHILD, todos=(Todo(content="x"),))
    assert prompted(normaliser, born, idle, plan) == []
    assert not normaliser.is_settling


def test_a_summary_is_not_said_but_counted(normaliser: Normaliser) -> None:
    normaliser.compacting()
    order = asked(1)
    compaction = CompactionPart(id="p0", session_id=ROOT, message_id=order.id)
    summary = message(2, parent_id=order.id, summary=True, tokens=Tokens(input=5), cost=0.1)
    words = text("p1", "what was said", of=summary)
    told = normaliser.take([
        *told_of(order, compaction),
        BUSY,
        *told_of(summary, words),
        Compacted(session_id=ROOT),
        IDLE,
    ])
    [note] = [event for event in told if isinstance(event, Draft)]
    assert note.event_type is EventType.SYSTEM
    assert isinstance(note.metadata, System)
    assert note.metadata.data["trigger"] == "manual"
    events = normaliser.settled([listed(order, compaction), listed(summary, words)])
    assert texts(events) == []
    over = the_end(events)
    assert over.reason is TurnReason.COMPLETED
    assert over.usage
    assert over.usage.cost_usd == 0.1


def test_words_that_the_server_adds_are_no_message_of_ours(normaliser: Normaliser) -> None:
    prompted(normaliser, *told_of(OPEN_STEP))
    normaliser.steered(PromptId("two"))
    added, mine = asked(3), asked(4)
    normaliser.take([*told_of(added, text("p3", "Continue", of=added, synthetic=True))])
    normaliser.take([*told_of(mine, text("p4", "and this", of=mine))])
    assert normaliser.untaken == ("msg_004",)
    assert Taken(PromptId("two")) in normaliser.take([MessageUpdated(info=message(5, parent_id="msg_004"))])


def test_after_an_abort_what_was_to_steer_is_taken_back(normaliser: Normaliser) -> None:
    prompted(normaliser, *told_of(OPEN_STEP))
    normaliser.steered(PromptId("two"))
    normaliser.aborted()
    events = normaliser.settled([listed(PROMPT), listed(OPEN_STEP)])
    assert events[-1] == TakenBack(PromptId("two"))
    assert the_end(events).cause is TurnCause.USER


def test_unknown_words_of_ours_are_kept(normaliser: Normaliser) -> None:
    [note] = normaliser.take([Unknown("session.new", {"x": 1}, ROOT)])
    assert isinstance(note, Draft)
    assert isinstance(note.metadata, System)
    assert (note.metadata.subtype, note.metadata.raw) == ("unknown", {"x": 1})


def test_after_a_loss_new_requests_are_told_and_settled_ones_withdrawn(normaliser: Normaliser) -> None:
    one = tool("p1", "bash", "running", {"command": "one"}, of=STEP)
    two = tool("p2", "bash", "running", {"command": "two"}, of=STEP)
    prompted(normaliser, *told_of(OPEN_STEP, one), permission("bash", one))
    new = attrs.evolve(permission("bash", two), id="per_2")
    events = normaliser.reconciled([listed(PROMPT), listed(OPEN_STEP, one, two)], True, [new], [])
    assert events[0] == Withdrawn(RequestId("per_1"))
    assert isinstance(events[-1], Asked)
    assert events[-1].request.command == "two"
    assert normaliser.reconciled([listed(OPEN_STEP, one, two)], True, [new], []) == []


def test_what_an_aborted_turn_has_asked_is_not_asked_again(normaliser: Normaliser) -> None:
    part = tool("p1", "bash", "running", {"command": "ls"}, of=STEP)
    left_over = permission("bash", part)
    prompted(normaliser, *told_of(OPEN_STEP, part), left_over)
    normaliser.aborted()
    normaliser.settled([listed(PROMPT), listed(OPEN_STEP, part)])
    normaliser.prompted(PromptId("two"))
    again = asked(3)
    normaliser.take([*told_of(again, text("p3", "again", of=again)), BUSY])
    assert normaliser.reconciled([listed(PROMPT), listed(OPEN_STEP, part), listed(again)], True, [left_over], []) == []


def test_after_a_loss_a_prompt_that_is_not_begun_goes_on(normaliser: Normaliser) -> None:
    normaliser.prompted(PromptId("one"))
    assert normaliser.reconciled([listed(PROMPT, text("p01", "hi", of=PROMPT))], False, [], []) == []
    assert normaliser.in_turn


def test_after_a_loss_one_that_is_over_ends(normaliser: Normaliser) -> None:
    prompted(normaliser)
    events = normaliser.reconciled([listed(PROMPT), listed(STEP, text("p1", "done", of=STEP))], False, [], [])
    assert texts(events) == ["done"]
    assert the_end(events).reason is TurnReason.COMPLETED


def test_after_a_loss_only_what_is_missing_of_a_text_is_told(normaliser: Normaliser) -> None:
    delta = PartDelta(session_id=ROOT, message_id=STEP.id, part_id="p1", field="text", delta="one ")
    prompted(normaliser, *told_of(OPEN_STEP, text("p1", "", of=STEP, ended=False)), delta)
    events = normaliser.reconciled([listed(OPEN_STEP, text("p1", "one two", of=STEP, ended=False))], True, [], [])
    assert [event.text for event in events if isinstance(event, Delta)] == ["two"]


def test_an_answer_without_an_end_shows_that_the_server_was_killed(normaliser: Normaliser) -> None:
    killed = read_messages((CAPTURES / "kill9_messages_after_restart.json").read_bytes())
    assert unfinished(killed)
    assert not unfinished(read_messages((CAPTURES / "text_turn_messages.json").read_bytes()))
    assert not unfinished([])


def test_the_tool_of_a_server_that_was_killed_has_a_result() -> None:
    killed = read_messages((CAPTURES / "kill9_bash_messages.json").read_bytes())
    normaliser = Normaliser(killed[0].info.session_id, "/work")
    normaliser.prompted(PromptId("one"))
    events = normaliser.settled(killed)
    kinds = [event.event_type for event in events if isinstance(event, Draft)]
    assert kinds.count(EventType.TOOL_USE) == kinds.count(EventType.TOOL_RESULT) == 1
    failure = the_end(events).failure
    assert failure
    assert failure.kind is ErrorKind.AGENT_CRASHED
