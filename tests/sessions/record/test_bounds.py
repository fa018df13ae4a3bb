"""Whatever an agent tells, an event of it is at most 1 MiB."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jelmored.domain.events import (
    METADATA,
    Draft,
    EventType,
    Plan,
    PlanEntry,
    Said,
    System,
    ToolResult,
    ToolUse,
)
from jelmored.domain.ids import ApprovalId, ItemId, SessionId, ToolUseId
from jelmored.domain.permissions import Approval, ApprovalKind, Diff, Location, Question, QuestionOption, ToolKind
from jelmored.domain.times import utc_now
from jelmored.sessions.record.bounds import MAX_EVENT, bounded, cut
from jelmored.wire import codec
from tests.wire import values

HUGE = "x" * 3_000_000
ESCAPED = "\x00" * 1_000_000
DEEP: Any = "deep"
for _ in range(300):
    DEEP = {"a": [DEEP]}
BUSHY: Any = "leaf " * 20
for _ in range(5):
    BUSHY = [BUSHY] * 12

TOOL = ToolUse(tool_use_id=ToolUseId("t"), name="Tool", kind=ToolKind.OTHER, input={})
RESULT = ToolResult(tool_use_id=ToolUseId("t"), is_error=False)
APPROVAL = Approval(
    approval_id=ApprovalId("apr_1"),
    session_id=SessionId("ses_1"),
    turn=1,
    kind=ApprovalKind.PERMISSION,
    title="may I?",
    options=(),
    created_at=utc_now(),
)
QUESTION = Question(
    id="q", header=HUGE, question=HUGE, options=tuple(QuestionOption(label=HUGE) for _ in range(5)), multi_select=False
)


def encode(draft: Draft) -> bytes:
    return codec.encode([draft.content, codec.to_json(draft.metadata)])


@pytest.mark.parametrize(
    "draft",
    [
        Draft(EventType.ASSISTANT, HUGE, Said(item_id=ItemId("i"))),
        Draft(EventType.ASSISTANT, ESCAPED, Said(item_id=ItemId("i"))),
        Draft(EventType.TOOL_USE, HUGE, attrs.evolve(TOOL, input={"a": HUGE, "b": ESCAPED})),
        Draft(EventType.TOOL_USE, "", attrs.evolve(TOOL, input={HUGE: 1})),
        Draft(EventType.TOOL_USE, "", attrs.evolve(TOOL, input={str(key): key for key in range(300_000)})),
        Draft(EventType.TOOL_USE, "", attrs.evolve(TOOL, input={"a": BUSHY})),
        Draft(EventType.TOOL_USE, "", attrs.evolve(TOOL, locations=(Location(path="/a" * 50),) * 50_000)),
        Draft(EventType.TOOL_RESULT, HUGE, RESULT),
        Draft(EventType.TOOL_RESULT, "", attrs.evolve(RESULT, diffs=(Diff(path="/a", old_text=HUGE, new_text=HUGE),))),
        Draft(EventType.SYSTEM, "", System(subtype="unknown", raw=[HUGE] * 3, data={"a": HUGE})),
        Draft(EventType.PLAN, "", Plan(entries=(PlanEntry(content="x" * 100, status="pending"),) * 50_000)),
        Draft(EventType.APPROVAL_REQUESTED, HUGE, attrs.evolve(APPROVAL, title=HUGE, command=HUGE)),
        Draft(EventType.APPROVAL_REQUESTED, "", attrs.evolve(APPROVAL, input={"a": HUGE})),
        Draft(EventType.APPROVAL_REQUESTED, "", attrs.evolve(APPROVAL, questions=(QUESTION,) * 5)),
    ],
    ids=lambda draft: draft.event_type,
)
def test_what_is_too_large_is_cut_and_says_so(draft: Draft) -> None:
    assert len(encode(draft)) > MAX_EVENT
    shorter, body = bounded(draft, encode)
    assert len(body) <= MAX_EVENT
    assert body == encode(shorter)
    assert shorter.event_type is draft.event_type
    assert type(shorter.metadata) is type(draft.metadata)
    codec.from_json(codec.to_json(shorter.metadata), type(draft.metadata))
    if isinstance(draft.metadata, ToolResult):
        assert isinstance(shorter.metadata, ToolResult)
        assert shorter.metadata.truncated


def test_as_much_as_there_is_room_for_is_kept() -> None:
    shorter, _ = bounded(Draft(EventType.ASSISTANT, HUGE, Said(item_id=ItemId("i"))), encode)
    assert len(shorter.content) > MAX_EVENT * 0.9
    assert shorter.content.endswith("more characters cut]")


def test_what_fits_is_left_as_it_is() -> None:
    draft = Draft(EventType.TOOL_USE, "x" * 1_000_000, attrs.evolve(TOOL, input={"a": [[[[[[[["deep"]]]]]]]]}))
    assert bounded(draft, encode)[0] is draft


def test_what_is_too_deep_to_be_written_is_cut() -> None:
    draft = Draft(EventType.TOOL_USE, "", attrs.evolve(TOOL, input={"a": DEEP, "b": 1}))
    shorter, body = bounded(draft, encode)
    assert b"[cut]" in body
    assert isinstance(shorter.metadata, ToolUse)
    assert shorter.metadata.input["b"] == 1


@given(st.text(max_size=50), st.integers(1, 60))
def test_a_cut_names_what_is_missing(text: str, limit: int) -> None:
    shorter = cut(text, limit)
    assert shorter.startswith(text[:limit])
    assert (shorter == text) == (len(text) <= limit)
    if len(text) > limit:
        assert f"[{len(text) - limit} more" in shorter


@given(st.sampled_from(list(METADATA)).flatmap(lambda kind: st.tuples(st.just(kind), values.of(METADATA[kind]))))
def test_whatever_stands_beside_a_huge_text(pair: tuple[EventType, Any]) -> None:
    kind, metadata = pair
    shorter, body = bounded(Draft(kind, ESCAPED, metadata), encode)
    assert len(body) <= MAX_EVENT
    assert type(shorter.metadata) is type(metadata)
