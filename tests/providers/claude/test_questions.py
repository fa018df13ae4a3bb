from __future__ import annotations

from typing import Any

import pytest

from jelmored.domain.permissions import Question, QuestionOption
from jelmored.providers.claude.questions import MAX_QUESTION, answered, questions_of, title

COLORS: dict[str, Any] = {
    "question": "Which colors?",
    "header": "Color",
    "multiSelect": True,
    "options": [{"label": "Red, dark", "description": "As wine"}, {"label": "Blue"}, {"label": "Green"}],
}
SIZE: dict[str, Any] = {"question": "Which size?", "header": "Size", "options": [{"label": "S"}, {"label": "M"}]}
BOTH: dict[str, Any] = {"questions": [COLORS, SIZE], "metadata": {"source": "x"}}


def test_each_has_an_id_of_its_own() -> None:
    colors, size = questions_of(BOTH)
    assert colors.id != size.id
    assert colors == Question(
        id=colors.id,
        header="Color",
        question="Which colors?",
        options=(QuestionOption(label="Red, dark", description="As wine"), *map(_option, ("Blue", "Green"))),
        multi_select=True,
    )
    assert not size.multi_select


def _option(label: str) -> QuestionOption:
    return QuestionOption(label=label)


def test_the_title_is_the_first_and_how_many_more() -> None:
    assert title(questions_of({"questions": [SIZE]})) == "Which size?"
    assert title(questions_of(BOTH)) == "Which colors? (and 1 more)"


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        ({"q1": ("Blue", "Green"), "q2": ("M",)}, {"Which colors?": "Blue, Green", "Which size?": "M"}),
        ({"q1": ("Red, dark", "Blue")}, {"Which colors?": "Red, dark; Blue"}),
        ({"q2": ('XXL, "the largest"',)}, {"Which size?": 'XXL, "the largest"'}),
        ({"q1": (), "q3": ("no such question",)}, {}),
    ],
)
def test_answers_go_by_the_text_of_the_question(answers: dict[str, tuple[str, ...]], told: dict[str, str]) -> None:
    assert answered(BOTH, answers) == {**BOTH, "answers": told}


def test_the_text_that_an_answer_goes_by_is_the_whole_one() -> None:
    long = "?" * (MAX_QUESTION + 1)
    (question,) = questions_of({"questions": [{**SIZE, "question": long}]})
    assert len(question.question) <= MAX_QUESTION
    assert answered({"questions": [{**SIZE, "question": long}]}, {"q1": ("S",)})["answers"] == {long: "S"}


@pytest.mark.parametrize("questions", [None, "x", [1, {}, {"question": 2}], [{"question": "?", "options": [1, {}]}]])
def test_what_is_no_question_is_left_away(questions: Any) -> None:
    assert [question.options for question in questions_of({"questions": questions})] in ([], [()])
    assert answered({"questions": questions}, {"q1": ()})["answers"] == {}
