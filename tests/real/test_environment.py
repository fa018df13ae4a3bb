"""What a client has sent along reaches what the tools of its session start, and those of no other."""

from __future__ import annotations

from typing import Any

import pytest

from jelmored.domain.permissions import Answer, Verdict
from jelmored.providers.base import Asked, TurnOver

from . import claude_run, opencode_run
from .agent_run import AgentRun, new_home, prompt, running
from .model_server import serving
from .script import Script, says, uses, when

pytestmark = pytest.mark.real

BROUGHT = {"EDITOR": "vi", "OWN": "theirs", "PATH": "/venv/bin:relative"}
OWN = {"OWN": "own"}
COMMAND = "echo $EDITOR:$OWN:$PATH"


async def seen(run: AgentRun[Any]) -> str:
    await run.session.prompt(prompt("go"))
    while True:
        event = await run.until(object, lambda event: isinstance(event, Asked | TurnOver))
        if isinstance(event, TurnOver):
            return run.results()[-1].strip()
        assert isinstance(event, Asked)
        answer = Answer(verdict=Verdict.ALLOW)
        await run.session.answer(event.request.request_id, answer)


async def test_of_claude() -> None:
    script = Script(when("", uses("Bash", command=COMMAND), says("So it is.")))
    async with claude_run.open_run(script, {"environment": OWN}, environment=BROUGHT) as run:
        found = await seen(run)
        assert found.startswith("vi:own:/")
        assert "venv" not in found, "its provider has a PATH of its own here"


async def test_of_opencode_where_all_sessions_have_one_server() -> None:
    tool = uses("bash", command=COMMAND, description="d")
    script = Script(when("", tool, says("So it is."), tool, says("So it is.")))
    with new_home() as home:
        async with serving(script) as model, opencode_run.providing(home, model.url, environment=OWN) as provider:
            async with running(provider, home, model, environment=BROUGHT) as run:
                assert (await seen(run)).startswith("vi:own:/venv/bin:/")
            async with running(provider, home, model) as run:
                found = await seen(run)
                assert found.startswith(":own:/")
                assert "venv" not in found
