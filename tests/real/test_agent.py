"""The real claude and the scripted model without a daemon between them: what the other tests stand on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import trio

from . import agents
from .model_server import ModelServer, serving
from .script import Fault, Script, breaks, fails, recalls, says, uses, when

FLAGS = (
    *("-p", "--verbose", "--include-partial-messages", "--model", "default"),
    *("--input-format", "stream-json", "--output-format", "stream-json"),
)


async def _converse(home: Path, model: ModelServer, *prompts: str) -> list[dict[str, Any]]:
    """All that claude prints for these prompts."""
    said = "".join(
        json.dumps({"type": "user", "message": {"role": "user", "content": prompt}}) + "\n" for prompt in prompts
    )
    with trio.fail_after(30):
        done = await trio.run_process(
            [str(agents.claude()), *FLAGS],
            stdin=said.encode(),
            capture_stdout=True,
            capture_stderr=True,
            check=False,
            cwd=home,
            env=agents.environment(home, model.url),
        )
    return [json.loads(line) for line in done.stdout.splitlines()]


def _of(messages: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [message for message in messages if message["type"] == kind]


@pytest.mark.real
async def test_a_tool_runs_and_the_model_hears_of_it(tmp_path: Path) -> None:
    async with serving(Script(when("run", uses("Bash", command="echo hi"), says("Run.")))) as model:
        (result,) = _of(await _converse(tmp_path, model, "run it"), "result")
        assert result["result"] == "Run."
        assert model.calls[-1].conversation.tool_results[-1]["content"] == "hi"


@pytest.mark.real
@pytest.mark.parametrize("fault", [Fault.CUT, Fault.GARBLED, Fault.ERROR])
async def test_a_broken_stream_is_asked_for_again_without_streaming(tmp_path: Path, fault: Fault) -> None:
    async with serving(Script(when("", breaks(says("The first."), fault), says("The second.")))) as model:
        (result,) = _of(await _converse(tmp_path, model, "go"), "result")
        assert result["result"] == "The second."
        assert [call.streaming for call in model.calls] == [True, False]


@pytest.mark.real
async def test_a_retry_honours_what_the_model_asks(tmp_path: Path) -> None:
    async with serving(Script(when("", fails(429, retry_after=1), says("Now.")))) as model:
        (result,) = _of(await _converse(tmp_path, model, "go"), "result")
        assert result["result"] == "Now."
        first, second = (call.time for call in model.calls)
        assert second - first >= 1


@pytest.mark.real
async def test_the_conversation_is_sent(tmp_path: Path) -> None:
    async with serving(Script(when("first thing", recalls), when("", says("Noted.")))) as model:
        await _converse(tmp_path, model, "my parrot is called Coco")
        assert model.calls[0].conversation.human == ("my parrot is called Coco",)


def test_an_agent_that_is_not_installed_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(agents.OVERRIDE, str(tmp_path))
    with pytest.raises(agents.AgentMissing, match="make test-real"):
        agents.claude()
