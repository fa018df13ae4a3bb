"""MCP servers of a session."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from jelmored.domain.mcp import HttpServer, StdioServer
from jelmored.domain.permissions import Verdict
from jelmored.providers.base import TurnOver

from .claude_run import open_run, prompt
from .script import Script, says, uses, when

pytestmark = pytest.mark.real

TINY = StdioServer(
    command=sys.executable, args=(str(Path(__file__).with_name("tiny_mcp.py")),), env={"TINY_WORD": "plum"}
)


async def test_its_tools_are_there_and_asked_for_and_its_secrets_in_no_argument() -> None:
    scripted = Script(when("", uses("mcp__tiny__say", text="I say"), says("Said.")))
    async with open_run(scripted, mcp_servers={"tiny": TINY}) as run:
        await run.session.prompt(prompt("go"))
        assert (await run.asked(Verdict.ALLOW)).request.tool_name == "mcp__tiny__say"
        await run.until(TurnOver)
        assert "I say, plum" in run.results()[-1]
        assert run.system("mcp_server_failed") == []
        assert "plum" not in " ".join(run.session.launch.argv)


async def test_one_that_is_broken_is_told_once_and_the_session_goes_on() -> None:
    broken = {"gone": StdioServer(command="/no/such"), "deaf": HttpServer(url="http://127.0.0.1:1/")}
    async with open_run(Script(when("", says("Yes."))), mcp_servers={**broken, "tiny": TINY}) as run:
        for _ in range(2):
            await run.turn("go")
        failed = {data.data["name"]: data.data["error"] for data in run.system("mcp_server_failed")}
        assert set(failed) == {"gone", "deaf"}
        assert "ENOENT" in failed["gone"]
        assert len(run.system("mcp_server_failed")) == 2
