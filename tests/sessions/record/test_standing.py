"""How a session stands after some of its events, and what ends all that is under way."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from jelmored.domain.events import (
    METADATA,
    Change,
    Event,
    EventType,
    Said,
    System,
    ToolResult,
    ToolUse,
    TurnEnded,
    TurnReason,
    TurnStarted,
    UserNote,
)
from jelmored.domain.ids import ItemId, PromptId, ToolUseId
from jelmored.domain.permissions import ToolKind
from jelmored.domain.times import utc_now
from jelmored.sessions.record.standing import Standing
from tests.sessions.book import PROVIDER, SESSION
from tests.sessions.stage import ME

KINDS = {metadata: kind for kind, metadata in METADATA.items()}


def event(metadata: Any, *, kind: EventType | None = None, turn: int | None = 1, ago: float = 0) -> Event:
    return Event(
        session_id=SESSION,
        seq=1,
        event_type=kind or KINDS[type(metadata)],
        content="",
        metadata=metadata,
        timestamp=utc_now() - timedelta(seconds=ago),
        turn=turn,
        provider=PROVIDER,
    )


def asked(prompt: str, disposition: Any = "queued") -> Event:
    return event(UserNote(prompt_id=PromptId(prompt), disposition=disposition, by=ME))


def began(turn: int, prompt: str | None = None, ago: float = 0) -> Event:
    prompt_id = PromptId(prompt) if prompt else None
    return event(TurnStarted(prompt_id=prompt_id, origin="prompt"), turn=turn, ago=ago)


def status(old: str, new: str) -> Event:
    return event(Change(from_=old, to=new), kind=EventType.STATUS_CHANGE)


def said(native_id: str | None, parent: str | None = None, kind: EventType = EventType.ASSISTANT) -> Event:
    tool = ToolUseId(parent) if parent else None
    return event(Said(item_id=ItemId("i"), native_id=native_id, parent_tool_use_id=tool), kind=kind)


def use(tool: str, parent: str | None = None) -> Event:
    return event(
        ToolUse(
            tool_use_id=ToolUseId(tool),
            name="Bash",
            kind=ToolKind.READ,
            input={},
            parent_tool_use_id=ToolUseId(parent) if parent else None,
            native_id=f"use of {tool}",
        )
    )


def result(tool: str, native_id: str | None = None) -> Event:
    return event(ToolResult(tool_use_id=ToolUseId(tool), is_error=False, native_id=native_id))


ENDED = event(TurnEnded(reason=TurnReason.COMPLETED, duration_ms=1))


def after(*events: Event) -> Standing:
    standing = Standing()
    for one in events:
        standing.show(one)
    return standing


def test_a_turn_that_runs_is_interrupted() -> None:
    *_, (turn, ended), (outside, idle) = after(began(7, ago=60), status("initializing", "active")).closing()
    assert isinstance(ended.metadata, TurnEnded)
    assert (turn, ended.metadata.reason, ended.metadata.cause) == (7, "interrupted", None)
    assert 60_000 <= ended.metadata.duration_ms < 70_000
    assert (outside, idle.metadata) == (None, Change(from_="active", to="idle"))


@pytest.mark.parametrize(
    ("events", "closed_by"),
    [
        ([], []),
        ([began(1), status("idle", "active"), ENDED, status("active", "idle")], []),
        ([began(1), status("idle", "active"), ENDED], ["active → idle"]),
        ([began(1)], ["interrupted", "idle → idle"]),
        ([status("idle", "terminated")], ["terminated → idle"]),
        ([status("initializing", "failed")], ["failed → idle"]),
    ],
)
def test_what_is_under_way_is_closed(events: list[Event], closed_by: list[str]) -> None:
    assert [draft.content for _, draft in after(*events).closing()] == closed_by


def test_prompts_that_wait_are_left_behind() -> None:
    dropped = event(System(subtype="prompt_dropped", data={"promptId": "b"}))
    read = event(System(subtype="steered", data={"promptId": "d"}))
    prompts = (asked("a", "started"), asked("b"), asked("c"), asked("d", "steered"), asked("e", "steered"))
    standing = after(*prompts, began(1, "a"), dropped, read, ENDED)
    assert [draft.metadata for _, draft in standing.closing()] == [
        System(subtype="prompt_dropped", data={"promptId": prompt}) for prompt in ("c", "e")
    ]
    assert standing.turn == 1


@pytest.mark.parametrize(
    ("events", "last"),
    [
        ([], None),
        ([said("m1"), said(None)], "m1"),
        ([said("m1"), said("m2", parent="t")], "m1"),
        ([said("m1"), said("m2", kind=EventType.THINKING)], "m1"),
        ([said("m1"), use("a")], "m1"),
        ([said("m1"), use("a"), result("a", "r1")], "r1"),
        ([said("m1"), use("a"), result("a")], "use of a"),
        ([said("m1"), use("a", parent="t"), result("a", "r1")], "m1"),
        ([said("m1"), use("a"), use("b"), result("b", "r1")], "r1"),
        ([said("m1"), use("a"), ENDED, result("a", "r1")], "m1"),
        ([said("m1"), event(System(subtype="cleared", data={"from": "a", "to": "b"}))], None),
        ([said("m1"), event(System(subtype="native_lost")), said("m2")], "m2"),
        ([said("m1"), event(System(subtype="compacted"))], "m1"),
    ],
)
def test_the_last_message_that_an_agent_will_find(events: list[Event], last: str | None) -> None:
    assert after(*events).said == last


def test_where_the_agent_is() -> None:
    assert after().directory is None
    assert after(event(Change(from_="/", to="/tmp"), kind=EventType.DIRECTORY_CHANGE)).directory == "/tmp"


def test_it_is_known_that_it_has_come_from_elsewhere() -> None:
    standing = Standing()
    standing.show(began(1))
    assert not standing.restored
    standing.show(event(System(subtype="restored", data={"atSeq": 7}), turn=None))
    assert standing.restored
