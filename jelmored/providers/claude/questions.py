"""The agent's questions with options, and the answers in the form in which it reads them.

The CLI takes `answers` by the text of each question (it asks no two with the same), each a text of its own making. What
is not answered is left away: the model reads that. Several labels are joined, for of a list it makes `a,b`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from jelmored.domain.permissions import Question, QuestionOption
from jelmored.providers.bounds import cut

TOOL = "AskUserQuestion"
MAX_QUESTION = 16 * 1024
"""Bytes of a question, and of what is said of an option. The CLI allows four of each."""


def questions_of(tool_input: Mapping[str, Any]) -> tuple[Question, ...]:
    """The questions, each with its place among them as its id."""
    return tuple(
        Question(
            id=_id_at(place),
            header=_words(asked.get("header")),
            question=_words(asked["question"]),
            options=tuple(_options(asked.get("options"))),
            multi_select=asked.get("multiSelect") is True,
        )
        for place, asked in _asked(tool_input)
    )


def title(questions: Sequence[Question]) -> str:
    """A line for a person."""
    more = len(questions) - 1
    return questions[0].question + (f" (and {more} more)" if more else "")


def answered(tool_input: Mapping[str, Any], answers: Mapping[str, Sequence[str]]) -> Mapping[str, Any]:
    """The input with the answers in it.

    Args:
        tool_input: as the agent asked.
        answers: by the ids of the questions: labels, or words of one's own.
    """
    given = {asked["question"]: _joined(answers.get(_id_at(place), ())) for place, asked in _asked(tool_input)}
    return {**tool_input, "answers": {question: words for question, words in given.items() if words}}


def _asked(tool_input: Mapping[str, Any]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    questions = tool_input.get("questions")
    for place, asked in enumerate(questions if isinstance(questions, list) else ()):
        if isinstance(asked, Mapping) and isinstance(asked.get("question"), str):
            yield place, asked


def _options(options: Any) -> Iterator[QuestionOption]:
    for option in options if isinstance(options, list) else ():
        match option:
            case {"label": str(label), "description": str(description)}:
                yield QuestionOption(label=label, description=_words(description))
            case {"label": str(label)}:
                yield QuestionOption(label=label)


def _joined(choices: Sequence[str]) -> str:
    """One can tell them apart, also where one has a comma in it."""
    return ("; " if any("," in choice for choice in choices) else ", ").join(choices)


def _id_at(place: int) -> str:
    return f"q{place + 1}"


def _words(value: Any) -> str:
    return cut(value, MAX_QUESTION)[0] if isinstance(value, str) else ""
