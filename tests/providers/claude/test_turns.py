from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from jelmored.domain.events import TurnCause, TurnReason, UsageNote
from jelmored.providers.base import RunEvent, TurnBegan, TurnOver
from jelmored.providers.claude.normaliser import Normaliser

from . import lines

BACKGROUND = {"origin": {"kind": "task-notification"}}


def marks(events: list[RunEvent]) -> list[type]:
    return [type(event) for event in events if isinstance(event, TurnBegan | TurnOver)]


def test_a_prompt_has_one_turn() -> None:
    normaliser = Normaliser("/work")
    normaliser.prompted("uuid-1")
    assert marks(normaliser.feed([lines.state("running"), lines.init(), lines.result(), lines.state("idle")])) == [
        TurnOver
    ]


def test_the_turn_is_over_when_the_agent_says_idle() -> None:
    normaliser = Normaliser("/work")
    normaliser.prompted("uuid-1")
    assert marks(normaliser.feed([lines.state("running"), lines.init(), lines.result()])) == []
    assert normaliser.turn_runs
    assert marks(normaliser.feed([lines.state("idle")])) == [TurnOver]
    assert not normaliser.turn_runs


def test_an_agent_that_tells_no_state_is_taken_at_its_result() -> None:
    normaliser = Normaliser("/work")
    normaliser.prompted("uuid-1")
    assert marks(normaliser.feed([lines.init(), lines.result()])) == [TurnOver]


def test_the_agent_may_begin_by_itself() -> None:
    normaliser = Normaliser("/work")
    own = [lines.state("running"), lines.init(), lines.result(**BACKGROUND), lines.state("idle")]
    assert marks(normaliser.feed(own)) == [TurnBegan, TurnOver]


def test_it_may_go_straight_on_by_itself() -> None:
    normaliser = Normaliser("/work")
    normaliser.prompted("uuid-1")
    first = [lines.state("running"), lines.init(), lines.result()]
    own = [lines.init(), lines.result(**BACKGROUND), lines.state("idle")]
    assert marks(normaliser.feed([*first, *own])) == [TurnOver, TurnBegan, TurnOver]


def test_a_turn_of_its_own_that_comes_before_that_of_the_prompt_belongs_to_it() -> None:
    normaliser = Normaliser("/work")
    normaliser.feed([lines.state("running")])
    normaliser.prompted("uuid-1")  # the agent was already at work on something else
    own = [lines.init(), lines.result(**BACKGROUND, total_cost_usd=1), lines.state("idle")]
    assert marks(normaliser.feed(own)) == []
    prompts = [lines.state("running"), lines.replayed("uuid-1"), lines.result(total_cost_usd=3), lines.state("idle")]
    (over,) = normaliser.feed(prompts)
    assert isinstance(over, TurnOver)
    assert isinstance(over.usage, UsageNote)
    assert (over.origin, over.usage.cost_usd) == ("prompt", 3)


def test_a_prompt_may_be_taken_up_into_a_turn_of_its_own() -> None:
    normaliser = Normaliser("/work")
    normaliser.feed([lines.state("running"), lines.init()])
    normaliser.prompted("uuid-1")
    taken_up = [lines.replayed("other"), lines.replayed("uuid-1"), lines.result(**BACKGROUND)]
    assert marks(normaliser.feed(taken_up)) == []
    (over,) = normaliser.feed([lines.state("idle")])
    assert isinstance(over, TurnOver)
    assert over.origin == "prompt"


def test_the_end_of_a_turn_says_whose_it_was() -> None:
    normaliser = Normaliser("/work")
    events = normaliser.feed([lines.init(), lines.result(**BACKGROUND)])
    normaliser.prompted("uuid-1")
    events += normaliser.feed([lines.init(), lines.result()])
    assert [event.origin for event in events if isinstance(event, TurnOver)] == ["agent", "prompt"]


def test_a_prompt_that_is_taken_back_behind_a_turn_of_its_own_ends_with_it() -> None:
    normaliser = Normaliser("/work")
    normaliser.feed([lines.state("running"), lines.init()])
    normaliser.prompted("uuid-1")
    assert normaliser.taken_back() == []
    assert marks(normaliser.feed([lines.result(**BACKGROUND), lines.state("idle")])) == [TurnOver]


def test_idle_from_before_the_prompt_does_not_end_its_turn() -> None:
    normaliser = Normaliser("/work")
    normaliser.feed([lines.state("running"), lines.init(), lines.result()])
    normaliser.feed([lines.state("idle")])
    normaliser.prompted("uuid-1")
    assert marks(normaliser.feed([lines.state("idle")])) == []
    assert normaliser.turn_runs


def test_a_turn_without_a_result_ends_with_idle() -> None:
    normaliser = Normaliser("/work")
    normaliser.prompted("uuid-1")
    (over,) = normaliser.feed([lines.state("running"), lines.state("idle")])
    assert isinstance(over, TurnOver)
    assert (over.reason, over.cause) == (TurnReason.INTERRUPTED, TurnCause.AGENT)


def test_a_prompt_that_was_taken_back_never_was_a_turn() -> None:
    normaliser = Normaliser("/work")
    assert normaliser.taken_back() == []
    normaliser.prompted("uuid-1")
    assert marks(normaliser.taken_back()) == [TurnOver]
    normaliser.prompted("uuid-1")
    normaliser.feed([lines.state("running")])
    assert normaliser.taken_back() == []


def test_a_result_outside_of_a_turn_ends_none() -> None:
    normaliser = Normaliser("/work")
    stray = lines.result(subtype="error_during_execution", is_error=True, errors=["No conversation found"])
    assert normaliser.feed([stray]) == []
    assert normaliser.stray is not None
    assert "No conversation found" in normaliser.stray.words


STEPS = st.sampled_from([
    *(lines.state("running"), lines.state("idle"), lines.state("requires_action")),
    *(lines.init(), lines.result(), lines.result(**BACKGROUND), lines.whole("m", lines.text("x"))),
    *(lines.replayed("uuid-1"), b"prompt"),
])


@given(st.lists(STEPS, max_size=30))
def test_at_most_one_turn_at_a_time(steps: list[bytes]) -> None:
    normaliser = Normaliser("/work")
    runs = False
    for step in steps:
        if step == b"prompt":
            if not runs:
                normaliser.prompted("uuid-1")
                runs = True
            continue
        for mark in marks(normaliser.feed([step])):
            assert runs is (mark is TurnOver), json.loads(step)
            runs = mark is TurnBegan
        assert normaliser.turn_runs is runs
