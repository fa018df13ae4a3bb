"""What goes in and out beside short texts: images, documents, files, and a great deal of text."""

from __future__ import annotations

import base64
from typing import Any

import attrs
import pytest
import trio

from jelmored.domain.events import EventType, ToolResult
from jelmored.domain.prompts import Block, DocumentBlock, ImageBlock
from jelmored.providers.base import TurnOver
from jelmored.providers.bounds import MAX_RESULT

from .claude_run import ClaudeRun, open_run, prompt
from .script import Script, says, uses, when

pytestmark = pytest.mark.real

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


async def sent(run: ClaudeRun, block: Block) -> dict[str, Any]:
    """The block that the model got of a prompt with this one."""
    asked = prompt("look")
    await run.session.prompt(attrs.evolve(asked, blocks=(*asked.blocks, block)))
    await run.until(TurnOver)
    content = [block for message in run.model.calls[-1].body["messages"] for block in message["content"]]
    found: dict[str, Any] = [part for part in content if isinstance(part, dict) and part["type"] != "text"][-1]
    return found


async def test_images_and_documents_reach_the_model() -> None:
    async with open_run(Script(when("", says("Seen.")))) as run:
        image = await sent(run, ImageBlock(mime_type="image/png", data=PIXEL))
        assert (image["type"], image["source"]["media_type"]) == ("image", "image/png")
        text = base64.b64encode(b"a note").decode()
        document = await sent(run, DocumentBlock(mime_type="text/plain", data=text))
        assert document["source"]["data"] == "a note"


async def test_megabytes_that_the_model_says_come_whole() -> None:
    long = "word " * 600_000
    async with open_run(Script(when("", says(long, pieces=40)))) as run:
        await run.turn("go")
        assert [len(words) for words in run.said()] == [len(long)]


async def test_an_output_of_a_tool_is_bounded_and_the_turn_goes_on() -> None:
    async with open_run(Script(when("", uses("Bash", command="cat big.txt"), says("Much.")))) as run:
        await trio.Path(run.session.launch.cwd, "big.txt").write_text("line\n" * 400_000)
        await run.turn("go")
        (draft,) = run.drafts(EventType.TOOL_RESULT)
        assert isinstance(draft.metadata, ToolResult)
        assert 0 < len(draft.content) <= MAX_RESULT
        assert run.said() == ["Much."]
