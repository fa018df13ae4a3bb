from __future__ import annotations

from datetime import UTC, datetime

from jelmored.domain.events import ErrorNote, Plan, PlanEntry, System
from jelmored.domain.ids import ToolUseId
from jelmored.errors import ErrorKind
from jelmored.providers.bounds import MAX_RAW
from jelmored.providers.opencode import notes
from jelmored.providers.opencode.messages import SessionStatus, Todo, Unknown
from jelmored.wire.codec import encode


def test_a_retry_says_when() -> None:
    status = SessionStatus(type="retry", attempt=2, message="Rate limit reached\nreally", next=1_000_000)
    draft = notes.retried(status, ToolUseId("prt_1"))
    assert draft.content == "The model's server: Rate limit reached …; try 2 failed"
    assert draft.metadata == ErrorNote(
        kind=ErrorKind.RATE_LIMITED,
        retryable=True,
        retry_at=datetime.fromtimestamp(1000, UTC),
        parent_tool_use_id=ToolUseId("prt_1"),
    )


def test_a_compaction() -> None:
    assert notes.compacted("auto", 30_050).content == "The conversation was compacted: it had 30050 tokens"
    assert notes.compacted(None, None).content == "The conversation was compacted"


def test_a_plan_is_bounded() -> None:
    todos = (Todo(content="a", status="completed"), *(Todo(content="b" * 9000, priority="high") for _ in range(300)))
    draft = notes.plan(todos)
    assert isinstance(draft.metadata, Plan)
    assert draft.content == "1 of 200 done"
    assert draft.metadata.entries[0] == PlanEntry(content="a", status="completed")
    assert len(draft.metadata.entries[1].content) <= notes.MAX_ENTRY


def test_what_is_unknown_is_kept_within_bounds() -> None:
    draft = notes.unknown(Unknown("session.new", {"type": "session.new", "x": "y" * 100_000}, "ses_1"))
    assert draft.content == "opencode: session.new"
    assert isinstance(draft.metadata, System)
    assert len(encode(draft.metadata.raw)) <= MAX_RAW
    assert notes.unknown(Unknown("", 7)).content == "opencode said something unknown"
