"""examples/editor.lua in a Neovim of its own, which is told what a person would type, and whose buffer is read."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import attrs
import pytest
import trio

from tests.client_raw import connect
from tests.eventually import EVERY, eventually

from .user import EXAMPLES, SECONDS, Desk, Screen, desk, editor

pytestmark = pytest.mark.editors

BUFFERS = """join(flatten(map(range(1, bufnr('$')), 'getbufline(v:val, 1, "$")')), "\\n")"""


@attrs.define
class Neovim:
    """One that listens at `address`. `screen`: what it asks, for without a terminal that is written there."""

    address: Path
    screen: Screen

    async def command(self, text: str) -> None:
        await self.keys(f"<C-\\><C-N>:{text}<CR>")

    async def keys(self, keys: str) -> None:
        await self._remote("--remote-send", keys)

    async def until(self, words: str) -> str:
        """The text of its buffers, once these words stand there."""
        with trio.fail_after(SECONDS):
            while words not in (text := await self._remote("--remote-expr", BUFFERS)):  # noqa: ASYNC110
                await trio.sleep(EVERY)
        return text

    async def _remote(self, flag: str, text: str) -> str:
        command = ["nvim", "--server", str(self.address), flag, text]
        done = await trio.run_process(command, capture_stdout=True, capture_stderr=True)
        return (done.stdout or done.stderr).decode().replace("\r", "")  # Neovim 0.7 answers on stderr


@asynccontextmanager
async def _neovim(at: Desk, directory: Path) -> AsyncIterator[Neovim]:
    address = directory / "nvim.sock"
    script = str(EXAMPLES / "editor.lua")
    command = ["nvim", "--headless", "-u", "NONE", "-i", "NONE", "--listen", str(address), "-S", script]
    async with editor(at, command, said=2) as screen:
        await eventually(address.exists, SECONDS)
        yield Neovim(address, screen)


async def test_an_edit_is_shown_with_its_diff_and_allowed(tmp_path: Path) -> None:
    async with desk(tmp_path) as at, _neovim(at, tmp_path) as nvim:
        await nvim.command("Jelmore edit")
        await nvim.screen.until("3: Reject")
        await nvim.keys("1<CR>")
        text = await nvim.until("[completed]")
        assert "+This file is from the demo of jelmored." in text
        assert (at.work / "demo.txt").exists()


async def test_questions_are_answered(tmp_path: Path) -> None:
    async with desk(tmp_path) as at, _neovim(at, tmp_path) as nvim:
        await nvim.command("Jelmore question")
        await nvim.screen.until("2 Blue")
        await nvim.keys("2<CR>")
        await nvim.screen.until("3 Plums")
        await nvim.keys("1,3<CR>")
        text = await nvim.until("[completed]")
    assert '="Blue", "Which fruits go into the basket?"="Apples, Plums"' in text


async def test_a_turn_is_steered_and_another_one_interrupted(tmp_path: Path) -> None:
    async with desk(tmp_path) as at, _neovim(at, tmp_path) as nvim:
        await nvim.command("Jelmore steps")
        await nvim.until("* Bash: sleep")
        await nvim.command("Jelmore please stop")
        await nvim.until("You said meanwhile: “please stop”.")
        await nvim.until("[completed]")
        await nvim.command("Jelmore steps, again")
        await nvim.until("[completed]\nI am the demo agent")
        await nvim.command("JelmoreStop")
        await nvim.until("[interrupted]")


async def test_a_lost_connection_is_not_seen(tmp_path: Path) -> None:
    async with desk(tmp_path) as at, _neovim(at, tmp_path) as nvim:
        await nvim.command("Jelmore todos")
        await nvim.until("I am the demo")
        at.line.cut()
        text = await nvim.until("[completed]")
    assert at.line.carried == 2
    assert text.count("I am the demo agent") == text.count("1 of 3 done.") == 1


async def test_another_client_s_session_is_attached_to(tmp_path: Path) -> None:
    async with desk(tmp_path) as at, connect(at.line.daemon) as client, _neovim(at, tmp_path) as nvim:
        session = (await client.request("session/create", cwd=str(at.work), provider="demo"))["sessionId"]
        await client.request("session/prompt", sessionId=session, prompt="todos")
        await nvim.command(f"JelmoreAttach {session}")
        await nvim.until("The plan is carried out.")
