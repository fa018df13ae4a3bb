"""Questions with options: what is asked, and what the model reads of the answers."""

from __future__ import annotations

from typing import Any

import pytest

from jelmored.domain.permissions import Verdict
from jelmored.providers.base import TurnOver

from .claude_run import ClaudeRun, open_run, prompt
from .script import Line, Script, says, uses, when

pytestmark = pytest.mark.real


def question(text: str, *labels: str, multi: bool = False) -> dict[str, Any]:
    options = [{"label": label, "description": f"It is {label}"} for label in labels]
    return {"question": text, "header": "H", "options": options, "multiSelect": multi}


def asks(*questions: dict[str, Any]) -> Line:
    return uses("AskUserQuestion", questions=list(questions))


THREE = asks(
    question("Which colors?", "Red, dark", "Blue", "Green", multi=True),
    question("Which size?", "S", "M"),
    question("Which name?", "Ann", "Bob"),
)


async def outcome(run: ClaudeRun, verdict: Verdict, **answer: Any) -> str:
    """What the model is told when its questions are answered like this."""
    await run.session.prompt(prompt("go"))
    asked = await run.asked(verdict, **answer)
    assert [len(q.options) for q in asked.request.questions] == [3, 2, 2]
    assert asked.request.title == "Which colors? (and 2 more)"
    await run.until(TurnOver)
    return run.results()[-1]


async def test_selections_and_free_text_reach_the_model() -> None:
    async with open_run(Script(when("go", THREE, says("Thanks.")))) as run:
        answers = {"q1": ("Red, dark", "Blue"), "q2": ("M",), "q3": ("Zoë, the first",)}
        told = await outcome(run, Verdict.ALLOW, answers=answers)
        assert '"Which colors?"="Red, dark; Blue", "Which size?"="M", "Which name?"="Zoë, the first"' in told


async def test_what_is_not_answered_is_left_away_and_a_refusal_is_read() -> None:
    script = Script(when("go", THREE, says("Thanks."), THREE, says("So be it."), THREE, says("Well.")))
    async with open_run(script) as run:
        assert '"Which size?"="S, M"' in await outcome(run, Verdict.ALLOW, answers={"q2": ("S", "M")})
        assert await outcome(run, Verdict.DENY, message="Ask me later.") == "Ask me later."
        assert "did not answer" in await outcome(run, Verdict.ALLOW)


async def test_claude_itself_refuses_two_questions_with_one_text() -> None:
    twice = asks(question("Same?", "A", "B"), question("Same?", "C", "D"))
    async with open_run(Script(when("go", twice, says("Oh.")))) as run:
        await run.turn("go")
        assert "must be unique" in run.results()[-1]
