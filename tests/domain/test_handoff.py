"""What the next agent is told: all that matters, bounded, the cuts named."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import attrs
from hypothesis import given
from hypothesis import strategies as st

from jelmored.domain.events import (
    Event,
    EventType,
    Metadata,
    Plan,
    PlanEntry,
    Said,
    System,
    ToolResult,
    ToolUse,
    TurnEnded,
    TurnReason,
    TurnStarted,
    UserNote,
)
from jelmored.domain.handoff import Cut, Scene, compose, room
from jelmored.domain.ids import ConnectionId, ItemId, PromptId, ProviderName, SessionId, ToolUseId
from jelmored.domain.permissions import Location, ToolKind
from jelmored.domain.prompts import Author

BY = Author(connection_id=ConnectionId("c"), client="test")
PLENTY = 100_000
SCENE = Scene(directory="/work")


class Log:
    """Events, numbered as they come."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.turn: int | None = None

    def add(self, kind: EventType, content: str, metadata: Metadata, *, turn: int | None = None) -> None:
        self.events.append(
            Event(
                session_id=SessionId("ses_1"),
                seq=len(self.events) + 1,
                event_type=kind,
                content=content,
                metadata=metadata,
                timestamp=datetime(2026, 11, 27, tzinfo=UTC),
                turn=turn if turn is not None else self.turn,
                provider=ProviderName("claude"),
            )
        )

    def say(self, text: str, disposition: Any = "started") -> None:
        prompt_id = PromptId(f"prm_{len(self.events)}")
        if disposition == "started":
            self.turn = (self.turn or 0) + 1
        self.add(EventType.USER, text, UserNote(prompt_id=prompt_id, disposition=disposition, by=BY))
        if disposition == "started":
            self.add(EventType.TURN_STARTED, "", TurnStarted(prompt_id=prompt_id, origin="prompt"))

    def answer(self, text: str, **more: Any) -> None:
        self.add(EventType.ASSISTANT, text, Said(item_id=ItemId(f"i{len(self.events)}"), **more))

    def use(self, line: str, output: str | None = "done", kind: ToolKind = ToolKind.EDIT, path: str = "/w/a") -> None:
        tool = ToolUseId(f"t{len(self.events)}")
        use = ToolUse(tool_use_id=tool, name="Edit", kind=kind, input={}, locations=(Location(path=path),))
        self.add(EventType.TOOL_USE, line, use)
        if output is not None:
            self.add(EventType.TOOL_RESULT, output, ToolResult(tool_use_id=tool, is_error=False))

    def end(self, reason: TurnReason = TurnReason.COMPLETED) -> None:
        self.add(EventType.TURN_ENDED, reason, TurnEnded(reason=reason, duration_ms=1))


def _talk() -> Log:
    log = Log()
    log.say("the secret is plum")
    log.answer("noted")
    log.end()
    log.say("make a file")
    log.use("Write /w/a", "wrote 3 lines")
    log.answer("made")
    log.end()
    return log


def test_the_conversation_is_told_in_order_with_what_tools_did() -> None:
    handoff = compose(_talk().events, SCENE, PLENTY)

    assert handoff is not None
    told = ["/work", "/w/a", "USER: the secret is plum", "ASSISTANT: noted", "USER: make a file", "TOOL Write /w/a"]
    places = [handoff.text.index(words) for words in (*told, "[done] wrote 3 lines", "ASSISTANT: made", "next message")]
    assert places == sorted(places)
    assert (handoff.carried.turns, handoff.carried.truncated) == (2, False)
    assert handoff.carried.characters == len(handoff.text)


def test_a_prompt_that_waited_is_told_where_its_turn_begins() -> None:
    log = Log()
    log.say("one")
    log.add(EventType.USER, "two", UserNote(prompt_id=PromptId("prm_q"), disposition="queued", by=BY))
    log.answer("first answer")
    log.end()
    log.turn = 2
    log.add(EventType.TURN_STARTED, "", TurnStarted(prompt_id=PromptId("prm_q"), origin="prompt"))
    log.answer("second answer")

    handoff = compose(log.events, SCENE, PLENTY)

    assert handoff is not None
    assert handoff.text.index("first answer") < handoff.text.index("USER: two") < handoff.text.index("second answer")


def test_the_prompt_in_hand_is_not_told_twice() -> None:
    log = _talk()
    log.say("and now this")

    handoff = compose(log.events, Scene(directory="/work", prompt_turn=3), PLENTY)

    assert handoff is not None
    assert "and now this" not in handoff.text


def test_an_answer_that_is_done_over_is_not_told() -> None:
    log = _talk()
    log.say("and now this")
    log.answer("half an ans")

    handoff = compose(log.events, Scene(directory="/work", prompt_turn=3), PLENTY)

    assert handoff is not None
    assert "half an ans" not in handoff.text
    assert handoff.carried.turns == 2


def test_nothing_said_is_nothing_to_tell() -> None:
    log = Log()
    log.say("the very first prompt")

    assert compose(log.events, Scene(directory="/work", prompt_turn=1), PLENTY) is None


def test_a_cut_turn_says_what_was_done_and_what_is_not_known() -> None:
    log = _talk()
    log.say("change both")
    log.use("Edit /w/b", "edited", path="/w/b")
    log.use("Edit /w/c", None, path="/w/c")
    cut = Cut(why="claude did not answer any more")

    handoff = compose(log.events, Scene(directory="/work", prompt_turn=3, cut=cut), PLENTY)

    assert handoff is not None
    assert "[its outcome is not known: it was cut]" in handoff.text
    assert "was cut off: claude did not answer any more" in handoff.text
    assert handoff.text.rindex("- Edit /w/b") < handoff.text.rindex("- Edit /w/c")
    assert "- Write /w/a" not in handoff.text


def test_one_who_was_here_before_is_told_only_what_it_missed() -> None:
    handoff = compose(_talk().events[3:], Scene(directory="/work", returning=True, system_prompt="be brief"), PLENTY)

    assert handoff is not None
    assert "what you missed" in handoff.text
    assert "plum" not in handoff.text
    assert "be brief" not in handoff.text


def test_the_plan_and_the_instructions_go_along() -> None:
    log = _talk()
    log.add(EventType.PLAN, "", Plan(entries=(PlanEntry(content="test it", status="pending"),)))

    handoff = compose(log.events, Scene(directory="/work", system_prompt="be brief"), PLENTY)

    assert handoff is not None
    assert "- [pending] test it" in handoff.text
    assert "be brief" in handoff.text


def test_the_oldest_output_goes_first_and_the_cut_is_named() -> None:
    log = Log()
    for number in range(4):
        log.say(f"prompt {number}")
        log.use(f"Read /w/{number}", f"<{number}>" * 700, ToolKind.READ)
        log.end()

    handoff = compose(log.events, SCENE, 6_000)

    assert handoff is not None
    assert handoff.carried.truncated
    assert "<0>" not in handoff.text
    assert "<3>" in handoff.text
    assert all(f"prompt {number}" in handoff.text for number in range(4))
    assert "left out" in handoff.text


def test_a_subagents_words_stay_with_its_tool() -> None:
    log = _talk()
    log.answer("inner words", parent_tool_use_id=ToolUseId("t5"))

    handoff = compose(log.events, SCENE, PLENTY)

    assert handoff is not None
    assert "inner words" not in handoff.text


def test_a_third_of_the_window_is_the_most() -> None:
    assert room(32_768) == 32_766
    assert room(2_000_000) == 450_000
    assert room(None) == 127_998


@given(st.lists(st.tuples(st.text(max_size=300), st.text(max_size=3000)), max_size=12), st.integers(1200, 8000))
def test_it_never_takes_more_than_its_room(talk: list[tuple[str, str]], characters: int) -> None:
    log = Log()
    for prompt, output in talk:
        log.say(prompt)
        log.use("Edit", output)
        log.end()

    handoff = compose(log.events, SCENE, characters)

    assert handoff is None or handoff.carried.characters <= characters


def restored(log: Log, text: str) -> None:
    log.add(EventType.SYSTEM, "taken up here", System(subtype="restored", data={"atSeq": 9, "handoff": text}))


def test_what_a_state_carries_has_neither_greeting_nor_frame() -> None:
    told = compose(_talk().events, attrs.evolve(SCENE, portable=True, system_prompt="be brief"), PLENTY)
    assert told is not None
    assert told.text.startswith("Files changed so far: /w/a\n\nUSER: the secret is plum")
    for left_out in ("You take over", "be brief", "--- the conversation ---", "next message follows"):
        assert left_out not in told.text


def test_what_was_said_before_it_came_here_stands_first() -> None:
    log = Log()
    restored(log, "USER: the secret is plum\n\nASSISTANT: I see")
    log.say("go on")
    log.answer("on it")
    told = compose(log.events, SCENE, PLENTY)
    assert told is not None
    inner = told.text.partition("--- the conversation ---\n\n")[2].partition("\n\n--- end of it ---")[0]
    assert inner == "USER: the secret is plum\n\nASSISTANT: I see\n\nUSER: go on\n\nASSISTANT: on it"


def test_of_a_long_past_elsewhere_the_middle_goes_before_what_was_said_here() -> None:
    log = Log()
    restored(log, "USER: the secret is plum" + "x" * 100_000 + "the last thing there")
    for number in range(5):
        log.say(f"step {number}: " + "y" * 5000)
    told = compose(log.events, SCENE, 60_000)
    assert told is not None
    assert len(told.text) <= 60_000
    assert all(f"step {number}" in told.text for number in range(5))
    assert "the secret is plum" in told.text
    assert "the last thing there" in told.text
    assert told.carried.truncated
