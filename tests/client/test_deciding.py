from __future__ import annotations

from typing import Any

import pytest

from jelmored.client.deciding import answers, edited, option_called, option_of_kind
from jelmored.client.errors import Misused, Unclear
from jelmored.domain.permissions import Approval, OptionKind, Question
from jelmored.wire import codec

from .daemon import FakeDaemon, approval_of, question


def approval(**more: Any) -> Approval:
    session = FakeDaemon(runtime=None).add()  # type: ignore[arg-type]
    return codec.from_json(approval_of(session, "apr_1", "Bash", **more), Approval)


def questions(*asked: Any) -> tuple[Question, ...]:
    return approval(kind="question", questions=list(asked)).questions


COLOUR = question("colour", "Which colour?", "Red", "Green", "Grey")
PARTS = question("parts", "Which parts?", "Roof", "Wall, outer", "Wall", multi_select=True)


def test_an_option_by_its_kind() -> None:
    assert option_of_kind(approval(), OptionKind.ALLOW_ALWAYS).option_id == "allow-always"
    with pytest.raises(Unclear, match=r"no such answer: allow \(Allow\)"):
        option_of_kind(approval(), OptionKind.REJECT_ALWAYS)


def test_a_question_takes_no_yes() -> None:
    with pytest.raises(Unclear, match=r"asks a question: colour: Which colour\? \[Red \| Green \| Grey\]"):
        option_of_kind(approval(questions=[COLOUR]), OptionKind.ALLOW_ONCE)


def test_an_option_by_its_id() -> None:
    assert option_called(approval(), "allow").option_id == "allow"
    assert option_called(approval(), "allow-").option_id == "allow-always"
    assert option_called(approval(), "rej").option_id == "reject"
    for word in ("al", "never"):
        with pytest.raises(Unclear, match=r"allow \(Allow\), allow-always \(Always allow\), reject \(Reject\)"):
            option_called(approval(), word)


def test_another_command_keeps_the_rest_of_the_input() -> None:
    asked = approval(command="rm x", input={"command": "rm x", "timeout": 5})
    assert edited(asked, "ls", None) == {"command": "ls", "timeout": 5}
    assert edited(asked, None, '{"command": "pwd"}') == {"command": "pwd"}
    assert edited(asked, None, None) is None


def test_an_edit_that_makes_no_sense() -> None:
    with pytest.raises(Misused, match="asks for no command"):
        edited(approval(), "ls", None)
    with pytest.raises(Misused, match="is not JSON"):
        edited(approval(), None, "{")
    with pytest.raises(Misused, match="a JSON object"):
        edited(approval(), None, "[]")


@pytest.mark.parametrize("word", ["Green", "green", "gree"])
def test_one_question_by_its_label_or_a_beginning(word: str) -> None:
    assert answers(questions(COLOUR), [word], [], free=False) == {"colour": ("Green",)}


def test_several_of_one_question() -> None:
    assert answers(questions(PARTS), ["roof", "Wall"], [], free=False) == {"parts": ("Roof", "Wall")}


def test_several_questions_in_order_or_by_name() -> None:
    asked = questions(COLOUR, PARTS)
    wanted = {"colour": ("Red",), "parts": ("Roof",)}
    assert answers(asked, ["Red", "Roof"], [], free=False) == wanted
    assert answers(asked, [], ["parts=Roof", "colour=Red"], free=False) == wanted
    assert answers(asked, ["Red"], ["parts=Roof,Wall"], free=False)["parts"] == ("Roof", "Wall")


def test_a_label_with_a_comma_in_it() -> None:
    assert answers(questions(PARTS), [], ["parts=Wall, outer"], free=False) == {"parts": ("Wall, outer",)}


def test_words_of_ones_own_only_where_they_are_meant() -> None:
    assert answers(questions(COLOUR), ["Mauve"], [], free=True) == {"colour": ("Mauve",)}
    with pytest.raises(Unclear, match=r"'Mauve' is no answer; colour: .* \[Red \| Green \| Grey\]"):
        answers(questions(COLOUR), ["Mauve"], [], free=False)


@pytest.mark.parametrize(
    ("labels", "named", "words"),
    [
        (["Gre"], [], "'Gre' is more than one answer"),
        (["Red", "Green"], [], "one answer only"),
        ([], [], "an answer is missing: colour"),
        ([], ["colour"], "names no question"),
        ([], ["size=Red"], "names no question"),
        ([""], [], "more than one answer"),
    ],
)
def test_what_does_not_fit_is_refused_with_what_would(labels: list[str], named: list[str], words: str) -> None:
    with pytest.raises(Unclear, match=words) as refused:
        answers(questions(COLOUR), labels, named, free=False)
    assert "[Red | Green | Grey]" in str(refused.value)


def test_more_answers_than_questions() -> None:
    with pytest.raises(Unclear, match="3 answers to 2 questions"):
        answers(questions(COLOUR, PARTS), ["Red", "Roof", "Wall"], [], free=False)
