"""The table of scenarios and the comparison, without the CLI."""

from __future__ import annotations

from collections.abc import Iterator

import attrs
import pytest

from tests.providers.claude.replay import CAPTURES

from .scenarios.answers import answers
from .scenarios.capture import Capture, Entry, captured
from .scenarios.comparison import differences
from .scenarios.cues import CloseInput, Kill, Landmark, Write, cues
from .scenarios.scenario import Scenario
from .scenarios.table import APART, ROWS, SCENARIOS, SOAK
from .script import ToolUse


def test_each_capture_is_a_scenario_and_each_row_is_of_a_capture() -> None:
    assert sorted([*SCENARIOS, *APART]) == sorted(CAPTURES)
    assert [row.name for row in ROWS if row.name not in CAPTURES] == []
    assert len({row.name for row in ROWS}) == len(ROWS)


def test_what_is_shortened_for_every_day_is_driven_in_full_in_the_soak() -> None:
    shortened = {name for name, scenario in SCENARIOS.items() if scenario.capture is not None}
    assert shortened <= SOAK.keys()


@pytest.mark.parametrize("name", ["basic", "two_queued", "permissions", "subagent", "err_401", "bad_flag"])
def test_it_is_the_same_as_itself(name: str) -> None:
    assert differences(Scenario(name=name), captured(name)) == []


@pytest.mark.parametrize("name", ["basic", "err_401", "bad_flag"])
def test_a_line_that_is_missing_is_found(name: str) -> None:
    for at, entry in enumerate(captured(name).entries):
        if entry.direction in {"out", "err"}:
            assert differences(Scenario(name=name), _without(captured(name), at)), entry


@pytest.mark.parametrize("name", ["basic", "signal_sigint_tool"])
def test_another_end_is_found(name: str) -> None:
    assert differences(Scenario(name=name), Capture(tuple(_ended_otherwise(captured(name)))))


def test_a_line_in_another_place_is_found_but_where_the_order_is_by_chance() -> None:
    *first, last = captured("two_queued").of("out")
    moved = Capture((*captured("two_queued").of("note", "in"), last, *first))
    assert differences(Scenario(name="two_queued"), moved)
    found = differences(Scenario(name="two_queued", race="it is moved"), moved)
    assert not [line for line in found if "messages" in line]


def _without(capture: Capture, at: int) -> Capture:
    return Capture(capture.entries[:at] + capture.entries[at + 1 :])


def _ended_otherwise(capture: Capture) -> Iterator[Entry]:
    for entry in capture.entries:
        ends = "exit" in entry.message
        yield attrs.evolve(entry, message=entry.message | {"exit": 99}) if ends else entry


def test_a_cue_comes_upon_what_was_said_before_it() -> None:
    told = list(cues(captured("basic"), longest=1.0))
    assert [cue.landmark for cue in told] == [
        None,
        Landmark("control_response", 1),
        Landmark("result", 1),
        Landmark("result", 2),
    ]
    assert [type(cue.action) for cue in told] == [Write, Write, Write, CloseInput]


def test_a_signal_comes_after_a_pause_that_has_a_bound() -> None:
    *_, kill = cues(captured("signal_sigkill_group_tool"), longest=1.0)
    assert kill.pause == 1.0
    assert isinstance(kill.action, Kill)
    assert kill.action.group


def test_the_answers_are_those_of_the_capture() -> None:
    first, second, third = answers(captured("add_dir"))
    assert first.blocks == (ToolUse("Bash", {"command": "cd /home/user/project/sub && pwd"}),)
    assert (first.stop_reason, third.stop_reason) == ("tool_use", "end_turn")
    assert second.pace == 0
    assert third.text == "ok"


def test_a_slow_answer_is_paced_and_one_that_was_interrupted_goes_on_for_long() -> None:
    slow, _, _, cut, *_ = (answer for answer in answers(captured("turns_steer_interrupt")) if answer.text)
    assert slow.text == "abcdefghij"
    assert 0.5 < slow.pace * len(slow.text) < 1.5
    assert cut.text.startswith("xxxxxxxxxx")
    assert cut.pace * len(cut.text) > 10


def test_an_abridged_text_is_written_out() -> None:
    (huge,) = (entry for entry in captured("stdin_huge_20MB").of("in") if entry.kind == "user")
    assert len(huge.line) > 20_000_000
