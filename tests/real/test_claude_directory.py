"""Where the agent is: a `cd` lasts for a turn, a worktree until it is left."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import trio

from jelmored.domain.permissions import Verdict
from jelmored.providers.base import TurnOver

from .claude_run import new_home, open_run, prompt, running
from .model_server import serving
from .script import Script, says, uses, when

pytestmark = pytest.mark.real


async def test_a_cd_is_told_and_undone_with_the_turn() -> None:
    async with open_run(Script(when("", uses("Bash", command="mkdir sub && cd sub"), says("There.")))) as run:
        await run.session.prompt(prompt("go"))
        await run.asked(Verdict.ALLOW)
        await run.until(TurnOver)
        home = run.session.launch.cwd
        assert run.told("directory") == [home, f"{home}/sub", home]
        await run.turn("again")
        assert run.told("directory")[3:] == []


async def make_repository(home: Path) -> None:
    names = {f"GIT_{who}_{what}": "a@b" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    for command in (("init", "-q"), ("commit", "-q", "--allow-empty", "-m", "x")):
        await trio.run_process(["git", *command], cwd=home, env={**os.environ, **names})


async def test_a_worktree_is_entered_and_left() -> None:
    enter, leave = uses("EnterWorktree", name="tree"), uses("ExitWorktree", action="keep")
    script = Script(when("in", enter, says("In.")), when("out", leave, says("Out.")))
    with new_home() as home:
        work = str(home / "work")
        await make_repository(home / "work")
        async with serving(script) as model, running(home, model) as run:
            for _ in range(2):
                await run.turn("in")
                assert run.told("directory")[-1] == f"{work}/.claude/worktrees/tree"
            await run.turn("out")
            assert run.told("directory")[-1] == work
