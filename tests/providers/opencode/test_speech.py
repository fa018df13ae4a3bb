from __future__ import annotations

import pytest

from jelmored.domain.events import DeltaKind, Draft, EventType, Said, ToolResult, ToolUse
from jelmored.domain.ids import ItemId, ToolUseId
from jelmored.providers.base import Delta, ItemVoided, RunEvent
from jelmored.providers.opencode.family import Family
from jelmored.providers.opencode.messages import PartDelta, ReasoningPart, Span
from jelmored.providers.opencode.speech import LOST, Speech

from .values import CHILD, ROOT, message, text, tool

STEP = message(1)


@pytest.fixture
def speech() -> Speech:
    return Speech("/work", Family(ROOT))


def piece(part_id: str, words: str, *, field: str = "text") -> PartDelta:
    return PartDelta(session_id=ROOT, message_id=STEP.id, part_id=part_id, field=field, delta=words)


def delta(part_id: str, words: str, kind: DeltaKind = DeltaKind.TEXT) -> Delta:
    return Delta(item_id=ItemId(part_id), kind=kind, text=words)


def said(part_id: str, words: str) -> Draft:
    return Draft(EventType.ASSISTANT, words, Said(item_id=ItemId(part_id), model="fake/m", native_id=STEP.id))


def test_a_text_streams_and_is_closed_once(speech: Speech) -> None:
    assert speech.said(text("p1", "", of=STEP, ended=False), STEP) == []
    assert speech.more(piece("p1", "he")) == [delta("p1", "he")]
    assert speech.said(text("p1", "hello", of=STEP), STEP) == [said("p1", "hello")]
    assert speech.said(text("p1", "hello", of=STEP), STEP) == []
    assert speech.more(piece("p1", "late")) == []


def test_a_thought_is_known_by_its_part(speech: Speech) -> None:
    part = ReasoningPart(id="p1", session_id=ROOT, message_id=STEP.id, text="", time=Span(start=1.0))
    speech.said(part, STEP)
    assert speech.more(piece("p1", "hm")) == [delta("p1", "hm", DeltaKind.THINKING)]
    assert speech.more(piece("p1", "x", field="metadata")) == []
    assert speech.more(piece("unknown", "x")) == []


def test_a_text_that_came_to_nothing_is_void_if_something_was_shown(speech: Speech) -> None:
    speech.said(text("p1", "", of=STEP, ended=False), STEP)
    assert speech.said(text("p1", "", of=STEP), STEP) == []
    speech.said(text("p2", "", of=STEP, ended=False), STEP)
    speech.more(piece("p2", "x"))
    [voided] = speech.said(text("p2", "", of=STEP), STEP)
    assert isinstance(voided, ItemVoided)


def test_what_a_failed_call_said_is_void_and_is_closed_by_nothing(speech: Speech) -> None:
    speech.said(text("p1", "", of=STEP, ended=False), STEP)
    speech.more(piece("p1", "x"))
    speech.said(text("p2", "", of=STEP, ended=False), STEP)
    [voided] = speech.void(ROOT)
    assert isinstance(voided, ItemVoided)
    assert voided.item_id == "p1"
    assert speech.void(ROOT) == []
    assert speech.said(text("p1", "x", of=STEP), STEP) == []
    assert list(speech.final(text("p1", "x", of=STEP), STEP)) == []


def test_a_new_call_voids_only_what_came_before_it_in_its_own_session(speech: Speech) -> None:
    for part_id in ("p1", "p3"):
        speech.said(text(part_id, "", of=STEP, ended=False), STEP)
        speech.more(piece(part_id, "x"))
    assert speech.void(CHILD) == []
    [voided] = speech.void(ROOT, before="p2")
    assert isinstance(voided, ItemVoided)
    assert voided.item_id == "p1"


def test_after_a_loss_an_open_text_tells_no_more_until_all_of_it(speech: Speech) -> None:
    speech.said(text("p1", "", of=STEP, ended=False), STEP)
    speech.more(piece("p1", "one "))
    assert list(speech.missed(text("p1", "one two ", of=STEP, ended=False), STEP)) == [delta("p1", "two ")]
    assert list(speech.missed(text("p1", "", of=STEP, ended=False), STEP)) == []
    assert speech.more(piece("p1", "four")) == []
    assert speech.said(text("p1", "one two three four", of=STEP), STEP) == [said("p1", "one two three four")]


def test_at_the_end_a_text_without_its_words_is_left_to_who_has_them(speech: Speech) -> None:
    speech.said(text("p1", "", of=STEP, ended=False), STEP)
    speech.more(piece("p1", "one"))
    assert list(speech.final(text("p1", "", of=STEP, ended=False), STEP)) == []
    assert list(speech.final(text("p2", "two", of=STEP, ended=False), STEP)) == [said("p2", "two")]


def used(events: list[RunEvent]) -> list[str]:
    """The kinds of drafts and deltas, in their order."""
    return [event.event_type if isinstance(event, Draft) else type(event).__name__ for event in events]


def test_a_tool_is_used_when_its_input_is_known_and_has_one_result(speech: Speech) -> None:
    told: list[RunEvent] = []
    told += speech.did(tool("p1", "bash", "pending", of=STEP), STEP)
    assert told == []
    for output in ("", "a\n", "a\nb\n"):
        told += speech.did(tool("p1", "bash", "running", {"command": "x"}, of=STEP, metadata={"output": output}), STEP)
    for _ in range(2):
        told += speech.did(tool("p1", "bash", "completed", {"command": "x"}, of=STEP, output="a\nb\n"), STEP)
    assert used(told) == ["tool_use", "Delta", "Delta", "tool_result"]
    assert "".join(event.text for event in told if isinstance(event, Delta)) == "a\nb\n"
    assert speech.tool_that(STEP.id, "call_p1") is None


def test_a_tool_that_is_first_heard_of_at_its_end_was_used_too(speech: Speech) -> None:
    told = list(speech.did(tool("p1", "read", "error", {"filePath": "a"}, of=STEP, error="no"), STEP))
    assert used(told) == ["tool_use", "tool_result"]
    result = told[1]
    assert isinstance(result, Draft)
    assert result.content == "no"
    assert isinstance(result.metadata, ToolResult)
    assert result.metadata.is_error


def test_a_tool_that_was_cut_off_has_a_result_that_says_so(speech: Speech) -> None:
    running = tool("p1", "bash", "running", {"command": "x"}, of=STEP)
    told = [*speech.did(running, STEP), *speech.final(running, STEP), *speech.final(running, STEP)]
    assert used(told) == ["tool_use", "tool_result"]
    assert isinstance(told[1], Draft)
    assert told[1].content == LOST


def test_one_that_was_never_used_has_none(speech: Speech) -> None:
    assert list(speech.final(tool("p1", "bash", "pending", of=STEP), STEP)) == []


def test_what_a_child_does_names_the_task_that_it_works_for(speech: Speech) -> None:
    task = tool("p1", "task", "running", {"description": "d"}, of=STEP, metadata={"sessionId": CHILD})
    list(speech.did(task, STEP))
    inner = message(2, session_id=CHILD)
    [use] = speech.did(tool("p2", "bash", "running", {"command": "x"}, of=inner), inner)
    assert isinstance(use, Draft)
    assert isinstance(use.metadata, ToolUse)
    assert use.metadata.parent_tool_use_id == ToolUseId("p1")


def test_ids_of_another_turn_are_new(speech: Speech) -> None:
    speech.said(text("p1", "x", of=STEP), STEP)
    speech.turn_over()
    assert speech.said(text("p1", "x", of=STEP), STEP) == [said("p1", "x")]
