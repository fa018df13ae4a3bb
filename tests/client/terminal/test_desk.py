from __future__ import annotations

from typing import Any

import pytest

from jelmored.client.terminal.desk import Decide, Desk, Do, Remark, Say, ShowAll, Wish
from jelmored.client.terminal.keyboard import Press, Stroke
from jelmored.domain.permissions import Approval

from .stage import approval, key

COMMAND = approval(command="make", input={"command": "make", "timeout": 5})


def desk(*approvals: Approval, runs: bool = True, stays: bool = False) -> Desk:
    at = Desk("/home/me", stays=stays)
    at.turn(runs=runs)
    at.asks(approvals)
    return at


def line(at: Desk) -> tuple[str, str] | None:
    """What is being typed."""
    return at.typed


def pressed(at: Desk, *names: str | Press) -> list[Wish]:
    wishes = (at.press(name if isinstance(name, Press) else key(name)) for name in names)
    return [wish for wish in wishes if wish is not None]


def decided(at: Desk, *names: str | Press) -> dict[str, Any]:
    [wish] = pressed(at, *names)
    assert isinstance(wish, Decide)
    return {"option": wish.option_id, "message": wish.message, "input": wish.updated_input}


@pytest.mark.parametrize(
    ("names", "option", "message"),
    [
        (["y"], "allow", None),
        (["A"], "allow-always", None),
        (["n"], "reject", None),
        (["r", "no", "ENTER"], "reject", "no"),
        (["r", "ENTER"], "reject", None),
        (["r", "x", "ESCAPE", "y"], "allow", None),
        (["q y"], "allow", None),
    ],
)
def test_an_approval_is_answered_by_keys(names: list[str], option: str, message: str | None) -> None:
    assert decided(desk(COMMAND), *names) == {"option": option, "message": message, "input": None}


def test_after_a_key_that_decides_the_others_of_that_moment_are_let_go() -> None:
    assert [type(wish) for wish in pressed(desk(COMMAND, approval(number=2)), "yyy")] == [Decide]


def test_a_command_is_edited_and_its_other_input_stays() -> None:
    found = decided(desk(COMMAND), "e", " -j2", "ENTER")
    assert found == {"option": "allow", "message": None, "input": {"command": "make -j2", "timeout": 5}}


def test_another_input_is_edited_as_json() -> None:
    at = desk(approval(input={"url": "a"}))
    [remark] = pressed(at, "e", "!", "ENTER")
    assert isinstance(remark, Remark)
    assert decided(at, "BACKSPACE", "ENTER")["input"] == {"url": "a"}


@pytest.mark.parametrize(
    "wanted", [approval(), approval(input={"text": "long\n[cut: 900 bytes in all]"}), approval(kind="question")]
)
def test_what_is_not_whole_is_not_edited(wanted: Approval) -> None:
    at = desk(wanted)
    pressed(at, "e")
    assert line(at) is None


def test_who_is_in_the_middle_of_a_line_is_not_taken_at_their_word() -> None:
    at = desk()
    pressed(at, "i", "oka")
    at.asks((COMMAND,))
    assert pressed(at, "y") == []
    assert line(at) == ("› ", "okay")
    assert pressed(at, "ENTER") == [Say("okay")]
    assert decided(at, "y")["option"] == "allow"


def test_an_empty_line_gives_way_to_an_approval_but_can_be_insisted_on() -> None:
    at = desk(runs=False, stays=True)
    assert line(at) == ("› ", "")
    at.asks((COMMAND,))
    assert line(at) is None
    assert pressed(at, "i", "why", "ENTER") == [Say("why")]


def test_the_line_is_open_when_nothing_runs_and_closed_when_something_does() -> None:
    at = desk(runs=False, stays=True)
    assert pressed(at, "hi", "ENTER") == [Say("hi")]
    at.turn(runs=True)
    assert line(at) is None
    at.turn(runs=False)
    assert line(at) == ("› ", "")
    assert line(desk(runs=False)) is None


def test_a_prompt_waits_or_steers() -> None:
    at = desk()
    assert pressed(at, "ENTER", "one", "ENTER", "i", "two", Press(Stroke.CONTROL, "s")) == [
        Say("one"),
        Say("two", True),
    ]
    at.turn(runs=False)
    assert pressed(at, "i", "three", Press(Stroke.CONTROL, "s")) == [Say("three")]
    assert pressed(at, "  ", "ENTER") == []


def test_a_paste_is_text_also_where_keys_have_a_meaning() -> None:
    at = desk(COMMAND)
    assert pressed(at, Press(Stroke.PASTE, "y\nn")) == []
    assert line(at) == ("› ", "y\nn")


def test_other_keys() -> None:
    at = desk(COMMAND)
    control = [Press(Stroke.CONTROL, letter) for letter in "dol"]
    assert pressed(at, *control) == [Do.LEAVE, Do.OPEN, Do.REDRAW]
    assert pressed(at, "ESCAPE", "o", "?", "d", "GONE") == [Do.INTERRUPT, Do.OPEN, Do.HELP, ShowAll(COMMAND), Do.LEAVE]
    pressed(at, "i", "text")
    assert pressed(at, control[0], "o", "?", "ESCAPE") == []
    assert pressed(desk(), "i", "ESCAPE") == [Do.INTERRUPT]
    assert pressed(desk(runs=False, stays=True), "ESCAPE", "?") == [Do.HELP]


def test_what_is_typed_can_be_thrown_away_and_what_was_refused_comes_back() -> None:
    at = desk()
    assert not at.clear()
    pressed(at, "i", "text")
    assert at.clear()
    at.refill("again")
    assert line(at) == ("› ", "again")


def test_another_answer_ends_what_was_typed_for_an_approval() -> None:
    at = desk(COMMAND)
    pressed(at, "r", "because")
    at.asks(())
    assert line(at) is None
    at.asks((approval(number=2),))
    assert decided(at, "y")["option"] == "allow"


QUESTION = {"id": "q", "header": "H", "question": "Q?", "options": [{"label": "a"}, {"label": "b"}]}


def test_a_question_is_chosen_typed_or_declined() -> None:
    asked = approval(kind="question", questions=[QUESTION])
    [chosen] = pressed(desk(asked), "2")
    assert isinstance(chosen, Decide)
    assert chosen.answers == {"q": ("b",)}
    [said] = pressed(desk(asked), "t", "neither", "ENTER")
    assert isinstance(said, Decide)
    assert said.answers == {"q": ("neither",)}
    assert decided(desk(asked), "n")["option"] == "reject"
    bare = approval(kind="question", questions=[QUESTION], options=[])
    assert decided(desk(bare), "ESCAPE")["option"] is None
    assert pressed(desk(asked), "?", "d", "i") == [Do.HELP, ShowAll(asked)]
