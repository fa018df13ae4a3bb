"""Nothing in a project's directory widens anything: neither what is allowed without asking, nor what is run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from jelmored.domain.events import TurnReason
from jelmored.domain.permissions import Answer, Verdict
from jelmored.errors import ErrorKind, SessionError, leaves
from jelmored.providers.base import Asked, TurnOver

from . import claude_run, opencode_run
from .agent_run import AgentRun, new_home, prompt, running
from .hostile import INSTRUCTIONS, Hostile
from .model_server import serving
from .script import Script, says, uses, when

pytestmark = pytest.mark.real


async def asked_in(run: AgentRun[Any]) -> list[str]:
    """A turn in which each tool is allowed by us: those that were asked for."""
    asked: list[str] = []
    await run.session.prompt(prompt("go"))
    while True:
        event = await run.until(object, lambda event: isinstance(event, Asked | TurnOver))
        if isinstance(event, TurnOver):
            assert event.reason is TurnReason.COMPLETED
            return asked
        assert isinstance(event, Asked)
        asked.append(event.request.tool_name)
        await run.session.answer(event.request.request_id, Answer(verdict=Verdict.ALLOW))


def told(run: AgentRun[Any]) -> str:
    return json.dumps([call.body for call in run.model.calls])


@pytest.mark.parametrize("where", ["work", "further"])
async def test_claude_asks_all_the_same_and_runs_nothing(where: str) -> None:
    """As the session's directory, and as a further one."""
    with new_home() as home:
        (home / where).mkdir(exist_ok=True)
        project = Hostile(home / where, home / "ran")
        further = () if where == "work" else (str(home / where),)
        file = str(home / where / "made.txt")
        script = Script(
            when(
                "",
                uses("Bash", command="touch asked.txt"),
                uses("Write", file_path=file, content="x"),
                uses("Read", file_path="/etc/hostname"),
                says("So it is."),
            )
        )
        async with serving(script) as model, claude_run.running(home, model, directories=further) as run:
            assert await asked_in(run) == ["Bash", "Write", "Read"]
            assert INSTRUCTIONS not in told(run)
        assert project.has_run == []


def opencode_script(home: Path) -> Script:
    write = uses("write", filePath=str(home / "work" / "made.txt"), content="x")
    return Script(when("", uses("bash", command="touch asked.txt", description="d"), write, says("So it is.")))


async def test_opencode_asks_all_the_same_and_runs_nothing() -> None:
    with new_home() as home:
        project = Hostile(home / "work", home / "ran")
        async with (
            serving(opencode_script(home)) as model,
            opencode_run.providing(home, model.url) as provider,
            running(provider, home, model) as run,
        ):
            assert await asked_in(run) == ["bash", "write"]
            assert INSTRUCTIONS not in told(run)
        assert project.has_run == []


PLUGINS: Mapping[str, Any] = {
    ".opencode/plugin/evil.js": None,
    ".opencode/plugins/evil.ts": None,
    "opencode.json": {"plugin": ["./evil-plugin.js"]},
    ".opencode/opencode.jsonc": {"plugin": ["../evil-plugin.js"]},
}


async def test_opencode_is_not_started_where_it_would_run_a_plugin_of_the_project() -> None:
    """It does so whatever it is told (1.18.33): that is seen here too."""
    with new_home() as home:
        project = Hostile(home / "work", home / "ran")
        project.put("evil-plugin.js", project.plugin("by-name"))
        for name, content in PLUGINS.items():
            project.put(name, content or project.plugin(name.replace("/", "-")))
        async with serving(opencode_script(home)) as model, opencode_run.providing(home, model.url) as provider:
            with pytest.raises((SessionError, ExceptionGroup)) as refused:
                async with running(provider, home, model):
                    pass
            (error,) = leaves(refused.value)
            assert isinstance(error, SessionError)
            assert error.kind is ErrorKind.FORBIDDEN
            assert project.has_run == []
        async with (
            serving(opencode_script(home)) as model,
            opencode_run.providing(home, model.url, project_plugins=True) as provider,
            running(provider, home, model) as run,
        ):
            assert await asked_in(run) == ["bash", "write"]
        assert project.has_run, "if nothing has run, there is no need to refuse it any more"
