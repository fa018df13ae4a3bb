"""From the words of a command line to the answer to an approval. What does not fit is refused with what would."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from jelmored.domain.permissions import Approval, Option, OptionKind, Question

from .errors import Misused, Unclear

Answers = Mapping[str, tuple[str, ...]]


def option_of_kind(approval: Approval, kind: OptionKind) -> Option:
    """The option of this kind.

    Raises:
        Unclear: the approval has none, or it is a question, which takes other words than yes and no.
    """
    if approval.questions:
        raise Unclear(
            f"{approval.approval_id} asks a question: {_choices(approval.questions)}; `jelmore answer` does it"
        )
    found = next((option for option in approval.options if option.kind is kind), None)
    if found is None:
        raise Unclear(f"{approval.approval_id} ({approval.title}) has no such answer: {_options(approval)}")
    return found


def option_called(approval: Approval, word: str) -> Option:
    """The option with this id, or a unique beginning of one."""
    exact = [option for option in approval.options if option.option_id == word]
    found = exact or [option for option in approval.options if option.option_id.startswith(word)]
    if len(found) != 1:
        raise Unclear(f"{approval.approval_id} has no one answer {word!r}: {_options(approval)}")
    return found[0]


def edited(approval: Approval, command: str | None, text: str | None) -> Mapping[str, Any] | None:
    """The input that the tool gets instead of its own: another command, or a whole one as JSON; None: its own."""
    if command is not None:
        if approval.command is None:
            raise Misused(f"{approval.approval_id} ({approval.title}) asks for no command; --input takes a whole input")
        return {**(approval.input or {}), "command": command}
    if text is None:
        return None
    try:
        value = json.loads(text)
    except ValueError as error:
        raise Misused(f"--input is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise Misused("--input is a JSON object, with every field of the tool's input")
    return value


def answers(questions: Sequence[Question], labels: Sequence[str], named: Sequence[str], *, free: bool) -> Answers:
    """The answers to questions that were asked together.

    Args:
        labels: to one question, all that are chosen; to several, one for each, in order.
        named: `ID=LABEL[,LABEL]`, each for one question.
        free: a word that is no option's is an answer too.

    Raises:
        Unclear: a word fits no option, or several; a question is left without an answer.
    """
    given = {**_in_order(questions, labels), **dict(_by_id(questions, word) for word in named)}
    missing = [question for question in questions if not given.get(question.id)]
    if missing:
        raise Unclear(f"an answer is missing: {_choices(missing)}")
    return {question.id: _chosen(question, given[question.id], free=free) for question in questions}


def _in_order(questions: Sequence[Question], labels: Sequence[str]) -> Mapping[str, Sequence[str]]:
    if len(questions) == 1 and labels:
        return {questions[0].id: labels}
    if len(labels) > len(questions):
        raise Unclear(f"{len(labels)} answers to {len(questions)} questions: {_choices(questions)}")
    return {question.id: [label] for question, label in zip(questions, labels, strict=False)}


def _by_id(questions: Sequence[Question], word: str) -> tuple[str, Sequence[str]]:
    name, sign, labels = word.partition("=")
    found = [question for question in questions if name in {question.id, question.header}]
    if not sign or len(found) != 1:
        raise Unclear(f"--question {word!r} names no question: {_choices(questions)}")
    whole = any(labels == option.label for option in found[0].options)
    return found[0].id, [labels] if whole else labels.split(",")


def _chosen(question: Question, words: Sequence[str], *, free: bool) -> tuple[str, ...]:
    if len(words) > 1 and not question.multi_select:
        raise Unclear(f"one answer only: {_choices([question])}")
    return tuple(_label(question, word, free=free) for word in words)


def _label(question: Question, word: str, *, free: bool) -> str:
    labels = [option.label for option in question.options]
    exact = [label for label in labels if label == word]
    alike = [label for label in labels if label.casefold() == word.casefold()]
    begun = [label for label in labels if label.casefold().startswith(word.casefold())]
    found = exact or alike or begun
    if len(found) == 1:
        return found[0]
    if free and word:
        return word
    raise Unclear(f"{word!r} is {'no' if not found else 'more than one'} answer; {_choices([question])}")


def _options(approval: Approval) -> str:
    return ", ".join(f"{option.option_id} ({option.name})" for option in approval.options) or "there is none"


def _choices(questions: Sequence[Question]) -> str:
    return "; ".join(_choice(question) for question in questions)


def _choice(question: Question) -> str:
    labels = " | ".join(option.label for option in question.options)
    several = ", one or more" if question.multi_select else ""
    return f"{question.id}: {question.question} [{labels}]{several}"
