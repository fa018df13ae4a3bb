"""Turns of the real OpenCode: text, thoughts, tools, what they cost, and what is sent along with a prompt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import pytest

from jelmored.domain.events import Draft, EventType, ToolResult, ToolUse, TurnReason
from jelmored.domain.permissions import Answer, PermissionMode, Verdict
from jelmored.domain.prompts import FileBlock, ImageBlock, TextBlock
from jelmored.providers.base import Delta, SessionChange, TurnOver

from . import agents
from .agent_run import prompt
from .opencode_run import open_run
from .script import Script, says, thinks, uses, uses_all, when
from .script import ToolUse as Use

pytestmark = pytest.mark.real

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC"
"""One red pixel."""


async def test_a_turn_streams_its_text_and_says_what_it_took() -> None:
    async with open_run(Script(when("hello", says("Hello, who is there?", pieces=4)))) as run:
        over = await run.turn("hello")

        assert over.reason is TurnReason.COMPLETED
        assert run.said() == ["Hello, who is there?"]
        deltas = [event for event in run.events if isinstance(event, Delta)]
        assert "".join(delta.text for delta in deltas) == "Hello, who is there?"
        assert len(deltas) == 4
        assert over.usage is not None
        assert (over.usage.model, over.usage.input_tokens, over.usage.output_tokens) == (agents.OPENCODE_MODEL, 100, 20)
        assert over.usage.cost_usd == pytest.approx((100 * 1 + 20 * 2) / 1e6)


@pytest.mark.soak
async def test_thoughts_are_told_apart_from_what_is_said() -> None:
    async with open_run(Script(when("think", thinks("First this. Then that.", "Done.")))) as run:
        await run.turn("think")

        assert [draft.content for draft in run.drafts(EventType.THINKING)] == ["First this. Then that."]
        assert run.said() == ["Done."]


async def test_a_tool_runs_when_it_is_allowed_and_the_model_hears_of_it() -> None:
    script = Script(when("list", uses("bash", command="echo from-the-tool", description="says"), says("It said so.")))
    async with open_run(script) as run:
        await run.session.prompt(prompt("list"))
        asked = await run.asked(Verdict.ALLOW)
        over = await run.until(TurnOver)

        assert (asked.request.tool_name, asked.request.command) == ("bash", "echo from-the-tool")
        assert over.reason is TurnReason.COMPLETED
        assert "from-the-tool" in run.results()[0]
        assert run.said() == ["It said so."]
        use, result = _tool(run.drafts(EventType.TOOL_USE)), _tool(run.drafts(EventType.TOOL_RESULT))
        assert isinstance(use, ToolUse)
        assert isinstance(result, ToolResult)
        assert use.tool_use_id == result.tool_use_id == asked.request.tool_use_id
        assert not result.is_error


def _tool(drafts: list[Draft]) -> object:
    (only,) = drafts
    return only.metadata


async def test_what_is_denied_does_not_happen_and_the_model_hears_why() -> None:
    script = Script(when("make", uses("write", filePath="made", content="x"), says("I see.")))
    async with open_run(script) as run:
        await run.session.prompt(prompt("make"))
        asked = await run.asked(Verdict.DENY, message="not in this house")
        over = await run.until(TurnOver)

        assert asked.request.tool_name == "write"
        assert [place.path.rpartition("/")[2] for place in asked.request.locations] == ["made"]
        assert asked.request.located
        assert over.reason is TurnReason.COMPLETED
        assert "not in this house" in run.results()[0]
        assert run.said() == ["I see."]
        assert not (run.work / "made").exists()


@pytest.mark.soak
async def test_of_two_that_are_asked_together_one_may_be_denied_and_the_other_allowed() -> None:
    both = uses_all(
        Use("bash", {"command": "touch one", "description": "one"}),
        Use("bash", {"command": "touch two", "description": "two"}),
    )
    async with open_run(Script(when("both", both, says("Half of it.")))) as run:
        await run.session.prompt(prompt("both"))
        first = await run.asked()
        second = await run.asked()
        await run.session.answer(first.request.request_id, Answer(verdict=Verdict.DENY, message="not this"))
        await run.session.answer(second.request.request_id, Answer(verdict=Verdict.ALLOW))
        over = await run.until(TurnOver)

        assert over.reason is TurnReason.COMPLETED
        assert run.said() == ["Half of it."]
        allowed = str(second.request.command).split()[-1]
        assert [path.name for path in run.work.iterdir()] == [allowed]


async def test_reading_is_not_asked() -> None:
    async with open_run(Script(when("read", uses("read", filePath="note"), says("Read.")))) as run:
        (run.work / "note").write_text("what stands there")
        over = await run.turn("read")

        assert over.reason is TurnReason.COMPLETED
        assert "what stands there" in run.results()[0]


async def test_a_session_that_plans_is_offered_no_tool_to_change_files() -> None:
    script = Script(when("look", says("Looked.")))
    async with open_run(script, permission_mode=PermissionMode.PLAN) as run:
        await run.turn("look")
        planning = _offered(run.model.calls[-1].body)
        await run.session.change(SessionChange(permission_mode=PermissionMode.ASK))
        await run.turn("look")

        assert not {"write", "edit"} & planning
        assert {"write", "edit", "bash"} <= _offered(run.model.calls[-1].body)


@pytest.mark.soak
async def test_a_session_that_denies_is_offered_none_at_all() -> None:
    async with open_run(Script(when("look", says("Looked."))), permission_mode=PermissionMode.DENY) as run:
        await run.turn("look")

        assert not _offered(run.model.calls[-1].body)


def _offered(body: Mapping[str, Any]) -> set[str]:
    return {tool["function"]["name"] for tool in body.get("tools", ())}


async def test_a_question_is_put_to_a_person() -> None:
    asked = {"question": "Which colour?", "header": "Colour", "options": [{"label": "red", "description": "warm"}]}
    script = Script(when("paint", uses("question", questions=[asked]), says("Red it is.")))
    async with open_run(script) as run:
        await run.session.prompt(prompt("paint"))
        request = (await run.asked()).request
        (question,) = request.questions
        await run.session.answer(request.request_id, Answer(verdict=Verdict.ALLOW, answers={question.id: ("red",)}))
        over = await run.until(TurnOver)

        assert (question.question, [option.label for option in question.options]) == ("Which colour?", ["red"])
        assert over.reason is TurnReason.COMPLETED
        assert "red" in run.results()[0]


@pytest.mark.soak
async def test_images_and_unsaved_files_reach_the_model() -> None:
    async with open_run(Script(when("", says("Seen.")))) as run:
        blocks = (
            ImageBlock(mime_type="image/png", data=PNG),
            FileBlock(path="/w/a.py", text="unsaved words"),
            TextBlock(text="look"),
        )
        await run.session.prompt(attrs.evolve(prompt("look"), blocks=blocks))
        over = await run.until(TurnOver)

        conversation = run.model.calls[-1].conversation
        assert over.reason is TurnReason.COMPLETED
        assert len(conversation.images) == 1
        assert any("unsaved words" in text for text in conversation.human)


@pytest.mark.soak
async def test_the_system_prompt_is_added_and_a_new_model_is_asked_from_the_next_prompt_on() -> None:
    async with open_run(Script(when("", says("Yes."))), system_prompt="Speak like a sailor.") as run:
        await run.turn("hello")
        await run.session.change(SessionChange(model=agents.OTHER_MODEL))
        await run.turn("hello again")

        first, second = run.model.calls
        assert "Speak like a sailor." in first.body["messages"][0]["content"]
        assert (first.body["model"], second.body["model"]) == ("large", "small")
        assert run.told("model") == [agents.OPENCODE_MODEL, agents.OTHER_MODEL]


@pytest.mark.soak
async def test_a_conversation_is_compacted() -> None:
    script = Script(when("summary", says("They said hello.")), when("", says("Hello!")))
    async with open_run(script) as run:
        await run.turn("hello")
        await run.session.prompt(prompt("", compacts=True))
        over = await run.until(TurnOver)

        assert over.reason is TurnReason.COMPLETED
        assert run.system("compacted")


@pytest.mark.soak
async def test_a_subagent_asks_as_well_and_its_words_are_told_apart() -> None:
    task = uses("task", description="look", prompt="do the small thing", subagent_type="general")
    script = Script(
        when("small thing", uses("bash", command="touch by-child", description="t"), says("The child did it.")),
        when("delegate", task, says("It is done.")),
    )
    async with open_run(script) as run:
        await run.session.prompt(prompt("delegate"))
        begin = await run.asked(Verdict.ALLOW)
        inner = await run.asked(Verdict.ALLOW)
        over = await run.until(TurnOver)

        assert (begin.request.tool_name, inner.request.tool_name) == ("task", "bash")
        assert over.reason is TurnReason.COMPLETED
        assert (run.work / "by-child").exists()
        assert run.said()[-1] == "It is done."
