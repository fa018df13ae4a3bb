"""A turn may be of any length; what is held of it is not."""

from __future__ import annotations

from jelmored.domain.events import Draft, EventType, Said, System, ToolResult, ToolUse
from jelmored.domain.ids import ItemId, ToolUseId
from jelmored.domain.permissions import Diff, ToolKind
from jelmored.providers.turn_room import BEGINNING, MOST, WHOLE, TurnRoom

TOOL = ToolUseId("toolu_1")


def said(text: str) -> Draft:
    return Draft(EventType.ASSISTANT, text, Said(item_id=ItemId("i")))


def test_what_has_room_is_kept_as_it_is() -> None:
    room, drafts = TurnRoom(), [said("a" * 1_000_000), said("b")]
    for draft in drafts:
        room.take(draft)
    assert room.drafts == drafts


def test_of_what_comes_then_the_beginning_is_kept() -> None:
    room = TurnRoom()
    diffs = (Diff(path="/a", old_text="x" * WHOLE, new_text="y"),)
    room.take(Draft(EventType.TOOL_RESULT, "done", ToolResult(tool_use_id=TOOL, is_error=False, diffs=diffs)))
    room.take(Draft(EventType.TOOL_RESULT, "z" * 5000, ToolResult(tool_use_id=TOOL, is_error=False, diffs=diffs)))
    use = ToolUse(tool_use_id=TOOL, name="Write", kind=ToolKind.EDIT, input={"content": "w" * 5000})
    room.take(Draft(EventType.TOOL_USE, "Write", use))
    room.take(said("v" * 5000))
    whole, *rest = room.drafts
    assert isinstance(whole.metadata, ToolResult)
    assert whole.metadata.diffs == diffs
    assert all(len(draft.content) <= BEGINNING for draft in rest)
    result, used = rest[0].metadata, rest[1].metadata
    assert isinstance(result, ToolResult)
    assert isinstance(used, ToolUse)
    assert (result.truncated, result.diffs, len(used.input["raw"])) == (True, (), BEGINNING)


def test_past_the_end_it_says_that_there_was_more() -> None:
    room = TurnRoom()
    for number in range(MOST + 10):
        room.take(said(str(number)))
    assert len(room.drafts) == MOST + 1
    assert isinstance(room.drafts[-1].metadata, System)
