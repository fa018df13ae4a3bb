"""The editors of examples/ as a person uses them, against a real daemon with the demo."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.client_raw import connect

from .user import EXAMPLES, Desk, desk, editor

pytestmark = pytest.mark.editors

PYTHON = ("python", str(EXAMPLES / "editor.py"))
NODE = ("node", str(EXAMPLES / "editor.js"))
LINES = 120


@pytest.fixture(params=[PYTHON, NODE], ids=["python", "node"])
def program(request: pytest.FixtureRequest) -> tuple[str, ...]:
    chosen: tuple[str, ...] = request.param
    return chosen


@pytest.mark.parametrize("name", ["editor.py", "editor.js", "editor.lua"])
def test_it_is_short(name: str) -> None:
    assert len((EXAMPLES / name).read_text("utf-8").splitlines()) <= LINES


async def test_an_answer_streams_and_a_command_is_changed_before_it_is_allowed(
    program: tuple[str, ...], tmp_path: Path
) -> None:
    async with desk(tmp_path) as at, editor(at, [*program, "What is here?", "demo"]) as screen:
        await screen.until("I am the demo agent")
        await screen.until("? Bash: ls -A")
        await screen.until("3 Reject")
        await screen.type("= echo something else")
        await screen.until("\n  something else\n")
        assert await screen.end() == 0

    assert screen.shown.endswith("[completed]\n")
    assert screen.shown.count("I am the demo agent") == 1


async def test_a_diff_is_shown_and_done(program: tuple[str, ...], tmp_path: Path) -> None:
    async with desk(tmp_path) as at, editor(at, [*program, "edit", "demo"]) as screen:
        await screen.until("+ This file is from the demo of jelmored.\n")
        await screen.until("3 Reject")
        assert not (at.work / "demo.txt").exists()
        await screen.type("1")
        assert await screen.end() == 0
        assert (at.work / "demo.txt").exists()


async def test_a_question_is_answered_with_words_and_with_two_options(program: tuple[str, ...], tmp_path: Path) -> None:
    async with desk(tmp_path) as at, editor(at, [*program, "question", "demo"]) as screen:
        await screen.until("2 Blue")
        await screen.type("Green")
        await screen.until("3 Plums")
        await screen.type("1,3")
        await screen.until(
            '"Which colour do you like best?"="Green", "Which fruits go into the basket?"="Apples, Plums"'
        )
        assert await screen.end() == 0


async def test_a_turn_is_steered(program: tuple[str, ...], tmp_path: Path) -> None:
    async with desk(tmp_path) as at, editor(at, [*program, "steps", "demo"]) as screen:
        await screen.until("* Bash: sleep")
        await screen.type("please stop")
        await screen.until("You said meanwhile: “please stop”.")
        assert await screen.end() == 0
    assert "Step 3" not in screen.shown


async def test_a_turn_is_interrupted(program: tuple[str, ...], tmp_path: Path) -> None:
    async with desk(tmp_path) as at, editor(at, [*program, "steps", "demo"]) as screen:
        await screen.until("* Bash: sleep")
        await screen.type("/stop")
        await screen.end()
    assert screen.shown.endswith("[interrupted]\n")


async def test_a_lost_connection_is_not_seen(program: tuple[str, ...], tmp_path: Path) -> None:
    async with desk(tmp_path) as at, editor(at, [*program, "What is here?", "demo"]) as screen:
        await screen.until("I am the demo")
        at.line.cut()
        await screen.until("3 Reject")
        await screen.type("3")
        assert await screen.end() == 0
        texts = await _texts(at)

    assert at.line.carried == 2
    for text in texts:
        assert screen.shown.count(text) == 1


async def test_another_client_s_session_is_attached_to(program: tuple[str, ...], tmp_path: Path) -> None:
    async with desk(tmp_path) as at, connect(at.line.daemon) as client:
        session = (await client.request("session/create", cwd=str(at.work), provider="demo"))["sessionId"]
        async with editor(at, [*program, "todos", "demo", session]) as screen:
            assert await screen.end() == 0
        texts = await _texts(at)

    assert "The plan is carried out." in screen.shown
    for text in texts:
        assert text in screen.shown


async def _texts(at: Desk) -> list[str]:
    """What the agent has said in the one session that there is, as the log has it."""
    async with connect(at.line.daemon) as client:
        (session,) = (await client.request("session/list"))["sessions"]
        events = (await client.request("session/history", sessionId=session["sessionId"]))["events"]
    return [event["content"] for event in events if event["eventType"] == "assistant"]
