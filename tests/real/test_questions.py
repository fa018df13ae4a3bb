"""What the agent wants to know, answered by labels and by words; and a plan that a person lets begin."""

from __future__ import annotations

import pytest

from tests.client_raw import RpcError
from tests.invariants import check

from .script import Script, says, uses, when
from .stage import open_stage

pytestmark = pytest.mark.real

QUESTIONS = [
    {
        "question": "Which colours?",
        "header": "Colour",
        "multiSelect": True,
        "options": [{"label": "red", "description": "warm"}, {"label": "blue, dark", "description": "cold"}],
    },
    {
        "question": "How large?",
        "header": "Size",
        "multiSelect": False,
        "options": [{"label": "S", "description": "small"}, {"label": "L", "description": "large"}],
    },
]


async def test_two_selections_and_free_words_reach_the_model() -> None:
    script = Script(when("ask", uses("AskUserQuestion", questions=QUESTIONS), says("Noted.")))
    async with open_stage(script) as stage:
        session = await stage.session(prompt="ask me", permissionMode="allow-all")
        asked = await session.event("approval_requested")
        approval = asked["metadata"]
        assert approval["kind"] == "question"
        colours, size = approval["questions"]
        assert (colours["multiSelect"], [option["label"] for option in colours["options"]]) == (
            True,
            ["red", "blue, dark"],
        )
        with pytest.raises(RpcError) as refused:
            await stage.client.request(
                "approval/resolve", approvalId=approval["approvalId"], answers={size["id"]: ["S", "L"]}
            )
        assert refused.value.kind == "approval-invalid"
        answers = {colours["id"]: ["red", "blue, dark"], size["id"]: ["as large as my dog"]}
        resolved = await stage.client.request("approval/resolve", approvalId=approval["approvalId"], answers=answers)
        assert (resolved["status"], resolved["answers"]) == ("resolved", answers)
        await session.turn_over(1)
        told = str(stage.model.calls[-1].conversation.tool_results[-1]["content"])
        assert all(word in told for word in ("red", "blue, dark", "as large as my dog"))
        assert session.said(1) == "Noted."
        check(session)


async def test_a_question_that_is_declined_tells_the_model_why() -> None:
    script = Script(when("ask", uses("AskUserQuestion", questions=QUESTIONS), says("As you like.")))
    async with open_stage(script) as stage:
        session = await stage.session(prompt="ask me")
        await stage.resolve(session, "reject_once", message="decide by yourself")
        await session.turn_over(1)
        assert "decide by yourself" in str(stage.model.calls[-1].conversation.tool_results[-1])
        assert session.said(1) == "As you like."
        check(session)
