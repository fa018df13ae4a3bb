"""What the keys of a person do, at a real pseudo-terminal."""

from __future__ import annotations

import json
import os
import signal
import sys
import termios

import pytest

from jelmored.client.exits import Exit
from tests.client import scripts
from tests.client.daemon import FakeDaemon, Json, Script
from tests.client.expected import check
from tests.client.machine import COMMAND, Machine, Terminal


async def running(daemon: FakeDaemon, machine: Machine, script: Script, *shows: str, lines: int = 24) -> Terminal:
    daemon.script = script
    terminal = await machine.at_terminal("run", "-n", "job", "-C", "/w", "go", lines=lines)
    await terminal.shows(*shows)
    return terminal


async def ended(terminal: Terminal, code: Exit = Exit.OK) -> str:
    assert await terminal.end() == code, terminal.screen.shown
    terminal.close()
    return terminal.screen.shown


def resolved(daemon: FakeDaemon) -> Json:
    [params] = [request["params"] for request in daemon.asked if request["method"] == "approval/resolve"]
    return {key: value for key, value in params.items() if key != "approvalId" and value}


async def test_an_edit_is_shown_and_allowed(daemon: FakeDaemon, machine: Machine) -> None:
    terminal = await running(daemon, machine, scripts.edits, "stop the turn")
    check(__file__, "edit_asked", terminal.screen.shown)
    terminal.press("y")
    check(__file__, "edit_done", await ended(terminal))
    assert "\x1b[32m+line five" in terminal.seen
    assert resolved(daemon) == {"optionId": "allow"}


async def test_what_is_cut_can_be_seen_whole(daemon: FakeDaemon, machine: Machine) -> None:
    terminal = await running(daemon, machine, scripts.edits, "d shows all", lines=12)
    check(__file__, "edit_asked_low", terminal.screen.shown)
    terminal.press("d")
    await terminal.shows("d shows all")
    assert "+and a half" in terminal.screen.text
    terminal.press("n")
    await ended(terminal)


async def test_a_rejection_says_why(daemon: FakeDaemon, machine: Machine) -> None:
    terminal = await running(daemon, machine, scripts.asks, "stop the turn")
    terminal.press("r")
    await terminal.shows("why not")
    terminal.press("use make")
    check(__file__, "reason", await terminal.shows("use make"))
    terminal.press("\r")
    check(__file__, "reason_given", await ended(terminal))
    assert resolved(daemon) == {"optionId": "reject", "message": "use make"}


async def test_a_command_is_edited_before_it_is_allowed(daemon: FakeDaemon, machine: Machine) -> None:
    terminal = await running(daemon, machine, scripts.asks, "stop the turn")
    terminal.press("e")
    await terminal.shows("edit: npm test")
    terminal.press(" -- --bail")
    check(__file__, "edit_command", await terminal.shows("--bail"))
    terminal.press("\r")
    check(__file__, "edit_command_done", await ended(terminal))
    assert resolved(daemon) == {"optionId": "allow", "updatedInput": {"command": "npm test -- --bail"}}


async def test_questions_are_answered_one_after_the_other(daemon: FakeDaemon, machine: Machine) -> None:
    terminal = await running(daemon, machine, scripts.wonders, "1 of 3")
    check(__file__, "question_single", terminal.screen.shown)
    terminal.press("2")
    await terminal.shows("2 of 3")
    terminal.press("1\x1b[B\x1b[B ")
    check(__file__, "question_multi", await terminal.shows("[x] cookies"))
    terminal.press("\r")
    await terminal.shows("3 of 3")
    terminal.press("tgrüße")
    check(__file__, "question_free", await terminal.shows("answer: grüße"))
    terminal.press("\r")
    await ended(terminal)
    assert resolved(daemon) == {"answers": {"q1": ["requests"], "q2": ["retries", "cookies"], "q3": ["grüße"]}}


async def test_a_question_is_declined(daemon: FakeDaemon, machine: Machine) -> None:
    terminal = await running(daemon, machine, scripts.wonders, "1 of 3")
    terminal.press("\x1b")
    await ended(terminal)
    assert resolved(daemon) == {"optionId": "reject"}


async def test_every_option_of_a_plan_has_its_key(daemon: FakeDaemon, machine: Machine) -> None:
    terminal = await running(daemon, machine, scripts.plans, "stop the turn")
    check(__file__, "plan", terminal.screen.shown)
    terminal.press("2")
    await ended(terminal)
    assert resolved(daemon) == {"optionId": "all"}


async def test_help_and_the_input_line(daemon: FakeDaemon, machine: Machine) -> None:
    terminal = await running(daemon, machine, scripts.works, "works")
    terminal.press("?")
    await terminal.shows("leave; the turn goes on")
    terminal.press("i\x1b[200~two\nlines\x1b[201~ and \x15more")
    check(__file__, "help", await terminal.shows("more"))
    terminal.press("\x1b")
    await terminal.shows_not("Ctrl-S into")
    terminal.press("\x1b")
    check(__file__, "interrupted", await ended(terminal, Exit.INTERRUPTED))
    [asked] = [request["params"] for request in daemon.asked if request["method"] == "session/interrupt"]
    assert asked["expectedTurn"] == 1


async def test_who_runs_and_queues_sees_that_turn_too(daemon: FakeDaemon, machine: Machine) -> None:
    terminal = await running(daemon, machine, scripts.asks, "stop the turn")
    terminal.press("iand then\r")
    await terminal.shows("and then  waits")
    terminal.press("y")
    await terminal.shows("› and then", "stop the turn")
    terminal.press("n")
    assert "Then not." in await ended(terminal)


async def test_an_image_goes_along(daemon: FakeDaemon, machine: Machine) -> None:
    work = machine.real_work
    (machine.work / "shot.png").write_bytes(b"\x89PNG")
    (machine.work / "notes.txt").write_text("x")
    daemon.add(1, name="job", cwd=work)
    terminal = await machine.at_terminal("attach", "job")
    await terminal.shows("idle")
    terminal.press("see shot.png and @notes.txt\r")
    await terminal.shows("8.4 s")
    [asked] = [request["params"] for request in daemon.asked if request["method"] == "session/prompt"]
    kinds = [block["type"] for block in asked["prompt"]]
    assert (kinds, asked["whenBusy"]) == (["text", "image", "file"], "queue")
    terminal.press("\x04")
    await ended(terminal)


async def test_who_else_waits_is_said(daemon: FakeDaemon, machine: Machine) -> None:
    daemon.script = scripts.asks
    for name in ("one", "two"):
        await machine.jelmore("run", "-d", "-n", name, "go")
    terminal = await running(daemon, machine, scripts.works, "2 others wait: jelmore next")
    terminal.press("\x04")
    await ended(terminal)


async def test_another_stops_the_turn(daemon: FakeDaemon, machine: Machine) -> None:
    terminal = await running(daemon, machine, scripts.works, "works")
    assert (await machine.jelmore("interrupt", "job")).code == Exit.OK
    assert "another client stopped the turn" in await ended(terminal, Exit.INTERRUPTED)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
async def test_told_to_go_it_leaves_the_terminal_as_it_was(
    daemon: FakeDaemon, machine: Machine, number: signal.Signals
) -> None:
    terminal = await running(daemon, machine, scripts.works, "works")
    assert not termios.tcgetattr(terminal.fd)[3] & termios.ECHO
    terminal.process.send_signal(number)
    assert await terminal.end() == Exit.OK
    assert terminal.seen.endswith("\x1b[?25h\x1b[?2004l")
    assert termios.tcgetattr(terminal.fd)[3] & termios.ECHO
    terminal.close()


SHELL = """
import os, signal, sys, termios
def run(argv):
    pid = os.fork()
    if pid == 0:
        os.setpgid(0, 0)
        os.tcsetpgrp(0, os.getpgrp())
        signal.signal(signal.SIGTTOU, signal.SIG_DFL)
        os.execv(argv[0], argv)
    return pid
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
pid = run(sys.argv[1:])
_, status = os.waitpid(pid, os.WUNTRACED)
os.tcsetpgrp(0, os.getpgrp())
echoes = bool(termios.tcgetattr(0)[3] & termios.ECHO)
print("stopped", os.WIFSTOPPED(status), "echo", echoes, flush=True)
os.read(0, 10)
os.tcsetpgrp(0, pid)
os.kill(pid, signal.SIGCONT)
_, status = os.waitpid(pid, 0)
print("ended", os.waitstatus_to_exitcode(status), flush=True)
"""


async def test_it_is_suspended_and_comes_back(daemon: FakeDaemon, machine: Machine) -> None:
    daemon.script = scripts.works
    shell = [sys.executable, "-c", SHELL, *COMMAND]
    terminal = await machine.at_terminal("run", "-n", "job", "go", command=shell)
    await terminal.shows("works")
    terminal.press("\x1a")
    await terminal.shows("stopped True echo True")
    terminal.press("fg\n")
    await terminal.shows("works")
    terminal.press("\x04")
    assert await terminal.end() == 0
    assert "ended 0" in terminal.seen
    terminal.close()


async def test_a_refusal_keeps_what_was_typed(daemon: FakeDaemon, machine: Machine) -> None:
    huge = machine.work / "huge.png"
    daemon.add(1, name="job", cwd=machine.real_work)
    with huge.open("wb") as file:
        os.truncate(file.fileno(), 8 * 1024 * 1024)
    terminal = await machine.at_terminal("attach", "job")
    await terminal.shows("idle")
    terminal.press("look at huge.png\r")
    await terminal.shows("too large", "› look at huge.png")
    terminal.press("\x03")  # it is thrown away
    await terminal.shows("what is to be done?")
    terminal.press("\x04")
    await ended(terminal)
    assert "session/prompt" not in json.dumps(daemon.asked)
