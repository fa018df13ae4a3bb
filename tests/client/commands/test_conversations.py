"""`run`, `send`, `attach` at a real pseudo-terminal and without one."""

from __future__ import annotations

import os
import signal

import trio
import trio.testing

from jelmored.client.exits import Exit
from tests.client import scripts
from tests.client.daemon import FakeDaemon
from tests.client.expected import check
from tests.client.machine import Machine, Terminal


async def begun(daemon: FakeDaemon, machine: Machine, *arguments: str, columns: int = 80) -> Terminal:
    """A run at a terminal that works, and whose turn has begun."""
    daemon.script = scripts.works
    terminal = await machine.at_terminal("run", "-n", "job", *arguments, "go", columns=columns)
    await terminal.until("On it.")
    return terminal


async def test_a_run_at_a_terminal(daemon: FakeDaemon, machine: Machine) -> None:
    daemon.script = scripts.asks
    terminal = await machine.at_terminal("run", "-n", "tests", "-C", "/w", "make it green")
    check(__file__, "run_asks", await terminal.shows("stop the turn"))
    terminal.press("q y")
    assert await terminal.end() == Exit.OK
    check(__file__, "run_at_terminal", terminal.screen.shown)
    terminal.close()


async def test_a_run_on_a_dumb_narrow_terminal(daemon: FakeDaemon, machine: Machine) -> None:
    daemon.script = scripts.asks
    environ = {"TERM": "dumb"}
    terminal = await machine.at_terminal("run", "-C", "/w", "make it green", columns=24, environ=environ)
    await terminal.until("Esc")
    terminal.press("n")
    assert await terminal.end() == Exit.OK
    assert "\x1b" not in terminal.seen
    check(__file__, "run_dumb_and_narrow", terminal.seen)
    terminal.close()


async def test_nothing_that_an_agent_says_steers_the_terminal(daemon: FakeDaemon, machine: Machine) -> None:
    daemon.script = scripts.attacks
    terminal = await machine.at_terminal("run", "-C", "/w", "go", environ={"NO_COLOR": "1"})
    await terminal.until("stop the turn")
    terminal.press("y")
    await terminal.end()
    check(__file__, "attack", terminal.screen.shown)
    terminal.close()


async def test_always_is_an_answer_of_its_own(daemon: FakeDaemon, machine: Machine) -> None:
    daemon.script = scripts.asks
    terminal = await machine.at_terminal("run", "go")
    await terminal.until("stop the turn")
    terminal.press("a")
    assert await terminal.end() == Exit.OK
    assert "allowed, always: this exact command, in this session" in terminal.seen
    terminal.close()


async def test_the_next_question_is_asked_when_the_first_is_answered(daemon: FakeDaemon, machine: Machine) -> None:
    daemon.script = scripts.reads
    terminal = await machine.at_terminal("run", "go")
    await terminal.until("stop the turn")
    terminal.press("y")
    await terminal.until("stop the turn", times=2)
    terminal.press("n")
    await terminal.end()
    assert "allow, reject" in terminal.seen
    terminal.close()


async def test_a_question_that_another_answers_is_settled_here_too(daemon: FakeDaemon, machine: Machine) -> None:
    daemon.script = scripts.asks
    terminal = await machine.at_terminal("run", "-n", "job", "go")
    await terminal.until("stop the turn")
    assert (await machine.jelmore("approve", "job")).code == Exit.OK
    assert await terminal.end() == Exit.OK
    assert "allowed by jelmore" in terminal.seen
    terminal.close()


async def test_escape_interrupts(daemon: FakeDaemon, machine: Machine) -> None:
    terminal = await begun(daemon, machine)
    terminal.press("\x1b")
    assert await terminal.end() == Exit.INTERRUPTED
    assert "interrupted (user)" in terminal.seen
    terminal.close()


async def test_ctrl_c_interrupts(daemon: FakeDaemon, machine: Machine) -> None:
    terminal = await begun(daemon, machine)
    terminal.press("\x03")
    assert await terminal.end() == Exit.INTERRUPTED
    terminal.close()


async def test_ctrl_d_leaves_and_the_turn_goes_on(daemon: FakeDaemon, machine: Machine) -> None:
    terminal = await begun(daemon, machine)
    terminal.press("\x04")
    assert await terminal.end() == Exit.OK
    assert "detached; the turn goes on: `jelmore attach job` comes back to it" in terminal.seen
    assert _turn_runs(daemon)
    terminal.close()


async def test_a_closed_terminal_leaves_and_the_turn_goes_on(daemon: FakeDaemon, machine: Machine) -> None:
    terminal = await begun(daemon, machine)
    terminal.close()
    with trio.fail_after(60):
        await terminal.process.wait()
        while daemon.peers:
            await trio.testing.wait_all_tasks_blocked(0.01)
    assert _turn_runs(daemon)


async def test_attach_shows_what_was_and_takes_part(daemon: FakeDaemon, machine: Machine) -> None:
    daemon.script = scripts.asks
    assert (await machine.jelmore("run", "-d", "-n", "job", "-C", "/w", "go")).code == Exit.OK
    terminal = await machine.at_terminal("attach", "job")
    await terminal.until("stop the turn")
    terminal.press("y")
    await terminal.until("8.4 s")
    terminal.press("\x03")  # no turn runs: it leaves
    assert await terminal.end() == Exit.OK
    check(__file__, "attach", terminal.screen.shown)
    terminal.close()


async def test_attach_without_a_terminal_looks_on_until_the_turn_ends(daemon: FakeDaemon, machine: Machine) -> None:
    daemon.script = scripts.asks
    await machine.jelmore("run", "-d", "-n", "job", "go")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_approve_soon, machine)
        attached = await machine.jelmore("attach", "job")
    assert attached.code == Exit.OK
    assert "All green." in attached.out
    assert (await machine.jelmore("attach", "job")).out.count("All green.") == 1


async def _approve_soon(machine: Machine) -> None:
    assert (await machine.jelmore("wait", "job", "--for", "input")).code == Exit.OK
    assert (await machine.jelmore("approve", "job")).code == Exit.OK


async def test_the_answer_alone_on_stdout(daemon: FakeDaemon, machine: Machine) -> None:
    daemon.script = scripts.asks
    done = await machine.jelmore("run", "-p", "--approve", "all", "-C", "/w", "go")
    assert (done.code, done.out) == (Exit.OK, "All green.\n")
    check(__file__, "run_print_stderr", done.err)


async def test_the_answer_in_a_pipe_while_the_terminal_asks(daemon: FakeDaemon, machine: Machine) -> None:
    daemon.script = scripts.asks
    reading, writing = os.pipe()
    terminal = await machine.at_terminal("run", "-p", "go", stdout=writing)
    os.close(writing)
    await terminal.until("stop the turn")
    terminal.press("y")
    assert await terminal.end() == Exit.OK
    assert os.read(reading, 4096) == b"All green.\n"
    os.close(reading)
    terminal.close()


async def test_without_a_terminal_an_approval_is_denied(daemon: FakeDaemon, machine: Machine) -> None:
    daemon.script = scripts.asks
    done = await machine.jelmore("run", "go")
    assert done.code == Exit.NO_TERMINAL
    assert "→ rejected: there is no terminal to ask at" in done.out
    assert "Then not." in done.out
    [told] = [request["params"] for request in daemon.asked if request["method"] == "approval/resolve"]
    assert told["optionId"] == "reject"
    assert "no terminal" in told["message"]


async def test_approve_answers_beforehand(daemon: FakeDaemon, machine: Machine) -> None:
    daemon.script = scripts.reads
    done = await machine.jelmore("run", "-p", "--approve", "all", "go")
    assert (done.code, done.out) == (Exit.OK, "allow, allow\n")
    done = await machine.jelmore("run", "-p", "--approve", "none", "go")
    assert (done.code, done.out) == (Exit.OK, "reject, reject\n")
    done = await machine.jelmore("run", "-p", "--approve", "reads", "go")
    assert (done.code, done.out) == (Exit.NO_TERMINAL, "allow, reject\n")


async def test_a_turn_that_fails_has_its_code(daemon: FakeDaemon, machine: Machine) -> None:
    daemon.script = scripts.fails
    done = await machine.jelmore("run", "go")
    assert done.code == Exit.TURN_FAILED
    assert "✗ not logged in\n  → log in\n" in done.out


async def test_a_run_in_the_background(daemon: FakeDaemon, machine: Machine) -> None:
    daemon.script = scripts.works
    done = await machine.jelmore("run", "-d", "-n", "job", "go")
    assert (done.code, done.out.strip()) == (Exit.OK, next(iter(daemon.sessions)))
    assert "jelmore attach job" in done.err


async def test_the_options_of_a_run_reach_the_daemon(daemon: FakeDaemon, machine: Machine) -> None:
    options = ["-m", "opus", "--provider", "claude", "--permission-mode", "allow-reads", "-C", "sub"]
    await machine.jelmore("run", *options, "go")
    [asked] = [request["params"] for request in daemon.asked if request["method"] == "session/create"]
    assert (asked["model"], asked["provider"], asked["permissionMode"]) == ("opus", "claude", "allow-reads")
    assert asked["cwd"] == str(machine.work / "sub")


async def test_what_the_daemon_takes_of_the_environment_goes_along(daemon: FakeDaemon, machine: Machine) -> None:
    await machine.jelmore("run", "-e", "EDITOR=vi", "--env", "OWN", "go", LANG="C.UTF-8", OWN="x", SECRET="s")
    [asked] = [request["params"] for request in daemon.asked if request["method"] == "session/create"]
    path = machine.environ["PATH"]
    assert asked["environment"] == {"PATH": path, "LANG": "C.UTF-8", "EDITOR": "vi", "OWN": "x"}
    refused = await machine.jelmore("run", "--env", "NOT_SET", "go")
    assert (refused.code, "NOT_SET" in refused.err) == (Exit.USAGE, True)


async def test_a_prompt_on_stdin(daemon: FakeDaemon, machine: Machine) -> None:
    assert "› from a pipe" in (await machine.jelmore("run", stdin=b"from a pipe\n")).out
    assert "› from a pipe" in (await machine.jelmore("run", "-", stdin=b"from a pipe\n")).out
    empty = await machine.jelmore("run")
    assert (empty.code, empty.err) == (Exit.USAGE, "jelmore: the prompt on stdin is empty\n")


async def test_send_goes_to_the_last_session_of_the_directory(daemon: FakeDaemon, machine: Machine) -> None:
    daemon.add(1, cwd="/elsewhere")
    daemon.add(2, cwd=machine.real_work, name="here")
    done = await machine.jelmore("send", "more")
    assert (done.code, done.err) == (Exit.OK, "ses_bbbb (here): started\n")


async def test_send_and_follow(daemon: FakeDaemon, machine: Machine) -> None:
    session = daemon.add(1, name="job")
    done = await machine.jelmore("send", "-f", "job", "more")
    assert done.code == Exit.OK
    assert "› more" in done.out
    assert "Hello, world." in done.out
    assert (await machine.jelmore("send", "-p", session.id, "again")).out == "Hello, world.\n"


async def test_a_killed_run_leaves_the_terminal_as_it_was(daemon: FakeDaemon, machine: Machine) -> None:
    terminal = await begun(daemon, machine)
    terminal.process.send_signal(signal.SIGTERM)
    assert await terminal.end() == Exit.OK
    assert "detached; the turn goes on" in terminal.seen
    terminal.close()


async def test_json_lines_are_the_events(daemon: FakeDaemon, machine: Machine) -> None:
    daemon.script = scripts.attacks
    done = await machine.jelmore("run", "--json", "--approve", "all", "go")
    events = [line["event"] for line in done.lines if "event" in line]
    [session] = daemon.sessions.values()
    assert events == session.events[: len(events)]
    assert events[-1]["eventType"] == "turn_ended"
    assert not set(done.out) & set("\x1b\x9b\u202e")


def _turn_runs(daemon: FakeDaemon) -> bool:
    [session] = daemon.sessions.values()
    return session.turn is not None and not session.turn.cancel_called


async def test_a_real_daemon_and_its_demo_agent(machine: Machine) -> None:
    try:
        terminal = await machine.at_terminal("run", "-n", "demo", "--provider", "demo", "look around")
        await terminal.shows("stop the turn", "waits for you")
        terminal.press("e")
        await terminal.shows("edit: ls -A")
        terminal.press("\x15echo $((6 * 7))\r")
        assert await terminal.end() == Exit.OK, terminal.screen.shown
        assert "● execute  Bash: ls -A | head -n 20  ok  42" in terminal.screen.text
        assert "┃ ✓ allowed  Bash: echo $((6 * 7))" in terminal.screen.text
        terminal.close()
        terminal = await machine.at_terminal("attach", "demo")
        await terminal.shows("idle", "what is to be done?")
        assert "✓ allowed" in terminal.screen.text
        terminal.press("what did I say before?\r")
        await terminal.shows("The first one was: “look around”", "idle")
        terminal.press("\x04")
        assert await terminal.end() == Exit.OK
        terminal.close()
    finally:
        await machine.jelmore("daemon", "stop")


async def test_the_answer_and_the_rest_at_one_terminal(daemon: FakeDaemon, machine: Machine) -> None:
    daemon.script = scripts.asks
    terminal = await machine.at_terminal("run", "-p", "-C", "/w", "go")
    await terminal.shows("stop the turn")
    terminal.press("y")
    assert await terminal.end() == Exit.OK
    check(__file__, "run_print_at_terminal", terminal.screen.shown)
    terminal.close()


async def test_questions_on_a_dumb_terminal(daemon: FakeDaemon, machine: Machine) -> None:
    daemon.script = scripts.wonders
    terminal = await machine.at_terminal("run", "-C", "/w", "go", environ={"TERM": "dumb"})
    await terminal.until("declines")
    terminal.press("2")
    await terminal.until("2 of 3")
    terminal.press("3\r")
    await terminal.until("3 of 3")
    terminal.press("t")
    await terminal.until("answer: ")
    terminal.press("x")
    terminal.press("y\r")
    assert await terminal.end() == Exit.OK
    check(__file__, "questions_dumb", terminal.seen)
    terminal.close()
