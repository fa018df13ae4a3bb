"""Our answers, as the server wants them."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from jelmored.domain.ids import RequestId
from jelmored.domain.permissions import Answer, PermissionRequest, Question, ToolKind, Verdict
from jelmored.providers.opencode.replies import Reply, reply_to

ASKED = PermissionRequest(
    request_id=RequestId("per_1"), tool_name="bash", kind=ToolKind.EXECUTE, title="ls", input={"command": "ls"}
)
QUESTION = attrs.evolve(
    ASKED,
    request_id=RequestId("que_1"),
    questions=(
        Question(id="q1", header="", question="Which?", options=()),
        Question(id="q2", header="", question="How?", options=()),
    ),
)


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (Answer(verdict=Verdict.ALLOW), {"reply": "once"}),
        (Answer(verdict=Verdict.DENY, message="not now"), {"reply": "reject", "message": "not now"}),
        (Answer(verdict=Verdict.DENY), {"reply": "reject", "message": "The user does not allow this."}),
        (
            Answer(verdict=Verdict.ALLOW, updated_input={"command": "ls -l"}),
            {"reply": "reject", "message": 'The user wants this with another input: {"command":"ls -l"}'},
        ),
    ],
)
def test_a_permission_is_given_once_or_refused_with_a_word(answer: Answer, body: dict[str, Any]) -> None:
    assert reply_to(ASKED, answer) == Reply("/permission/per_1/reply", body, rejects=body["reply"] == "reject")


def test_answers_come_in_the_order_of_the_questions() -> None:
    given = Answer(verdict=Verdict.ALLOW, answers={"q2": ("slowly", "well"), "q1": ("this",)})

    assert reply_to(QUESTION, given) == Reply("/question/que_1/reply", {"answers": [["this"], ["slowly", "well"]]})


@pytest.mark.parametrize("answer", [Answer(verdict=Verdict.DENY, message="no"), Answer(verdict=Verdict.ALLOW)])
def test_a_question_that_gets_no_answer_is_rejected(answer: Answer) -> None:
    assert reply_to(QUESTION, answer) == Reply("/question/que_1/reject", rejects=True)
