"""Slash commands: nothing that claude answers is lost."""

from __future__ import annotations

import pytest

from jelmored.providers.base import RunFacts

from .claude_run import open_run, prompt
from .script import Script, recalls, says, when

pytestmark = pytest.mark.real


@pytest.mark.parametrize(
    ("command", "answer"),
    [("/context", "Context Usage"), ("/usage", "Total cost"), ("/cost", "Total cost"), ("/nosuch", "Unknown command")],
)
async def test_the_answer_is_shown(command: str, answer: str) -> None:
    async with open_run(Script()) as run:
        await run.turn(command)
        (said,) = run.said()
        assert answer in said
        assert run.model.calls == []


async def test_clear_begins_a_conversation_of_its_own() -> None:
    async with open_run(Script(when("what", recalls), when("", says("Yes.")))) as run:
        await run.turn("remember the word plum")
        await run.turn("/clear")
        (cleared,) = run.system("cleared")
        assert (cleared.data["from"], cleared.data["to"]) == (run.facts.native_id, run.told("native_id")[-1])
        assert run.told("context")[-1].tokens == 0
        await run.turn("what was it")
        assert "plum" not in run.said()[-1]


async def test_compact_makes_the_memory_shorter() -> None:
    async with open_run(Script(when("", says("Yes.")))) as run:
        for words in ("one", "two", "three"):
            await run.turn(words)
        await run.session.prompt(prompt("", compacts=True))
        await run.until(object, lambda event: bool(run.system("compacted")))
        (compacted,) = run.system("compacted")
        assert compacted.data["trigger"] == "manual"


async def test_the_commands_are_named() -> None:
    async with open_run(Script(when("", says("Yes.")))) as run:
        assert "compact" in (run.facts.commands or ())
        await run.turn("hello")
        told = [event.commands for event in run.events if isinstance(event, RunFacts) and event.commands]
        assert "compact" in told[0]
