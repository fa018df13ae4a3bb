from __future__ import annotations

import pytest
import trio

from jelmored.client.client import RECONNECT_SECONDS
from jelmored.client.exits import Exit
from tests.client.daemon import FakeDaemon
from tests.client.expected import expected
from tests.client.machine import Machine

from .test_states import talked


async def test_the_status_in_words_and_as_a_value(daemon: FakeDaemon, machine: Machine) -> None:
    assert (await machine.jelmore("status")).out == expected(__file__, "status")
    assert (await machine.jelmore("status", "--json")).json["providers"] == {"claude": "healthy", "demo": "healthy"}


async def test_no_daemon_is_started_for_its_status(machine: Machine) -> None:
    done = await machine.jelmore("status")
    assert done.code == Exit.NO_DAEMON
    assert "no daemon runs" in done.err
    assert not (machine.root / "state").exists()


async def test_no_spawn_is_obeyed_before_and_after_the_command(machine: Machine) -> None:
    for arguments in (("--no-spawn", "ls"), ("ls", "--no-spawn")):
        assert (await machine.jelmore(*arguments)).code == Exit.NO_DAEMON
    assert not (machine.root / "state").exists()


async def test_start_leaves_a_daemon_that_runs_alone(daemon: FakeDaemon, machine: Machine) -> None:
    done = await machine.jelmore("daemon", "start")
    assert (done.code, done.err) == (Exit.OK, f"the daemon runs already: {daemon.socket}\n")


async def test_stop_waits_until_it_is_gone(daemon: FakeDaemon, machine: Machine) -> None:
    assert (await machine.jelmore("daemon", "stop")).err == "the daemon has stopped\n"
    assert daemon.stopped.is_set()
    assert (await machine.jelmore("daemon", "stop")).err == "no daemon runs\n"


async def test_stop_asks_nothing_of_a_daemon_that_is_gone(daemon: FakeDaemon, machine: Machine) -> None:
    daemon.ends_at = "daemon/status"  # the first thing that is asked behind the shutdown
    began = trio.current_time()
    done = await machine.jelmore("daemon", "stop")
    assert (done.code, done.err) == (Exit.OK, "the daemon has stopped\n")
    assert trio.current_time() - began < RECONNECT_SECONDS / 3


async def test_it_is_drained_and_undrained(daemon: FakeDaemon, machine: Machine) -> None:
    daemon.add(1, status="active")
    assert (await machine.jelmore("daemon", "drain")).err == "it begins no turns; none in hand\n"
    assert "none begins: the daemon drains" in (await machine.jelmore("status")).out
    assert (await machine.jelmore("daemon", "drain", "--wait", "--json")).json["draining"] is True
    assert (await machine.jelmore("daemon", "undrain")).err == "it begins turns again\n"
    assert not daemon.draining


async def test_the_log_of_a_daemon_that_was_started_on_demand(machine: Machine) -> None:
    assert (await machine.jelmore("daemon", "logs")).code == Exit.NO_DAEMON
    (machine.root / "state").mkdir()
    (machine.root / "state" / "daemon.log").write_text("one\ntwo \x1b[2J\nthree\n")
    assert (await machine.jelmore("daemon", "logs", "-n", "2")).out == "two ␛[2J\nthree\n"


async def test_the_log_is_followed(machine: Machine) -> None:
    (machine.root / "state").mkdir()
    log = machine.root / "state" / "daemon.log"
    log.write_text("one\n")
    terminal = await machine.at_terminal("daemon", "logs", "-f")
    await terminal.until("one")
    with log.open("a") as file:
        file.write("two \x1b[2J\n")
    await terminal.until("two ␛[2J")
    terminal.press("\x03")
    assert await terminal.end() == Exit.INTERRUPTED
    terminal.close()


async def test_the_log_of_a_session(daemon: FakeDaemon, machine: Machine) -> None:
    await machine.jelmore("run", "-d", "-n", "job", "-C", "/w", "go")
    await machine.jelmore("wait", "job")
    shown = await machine.jelmore("logs", "job")
    assert shown.out == expected(__file__, "logs")
    events = [line["event"]["seq"] for line in (await machine.jelmore("logs", "job", "-n", "2", "--json")).lines]
    assert events == [6, 7]


async def test_a_log_whose_reader_goes_away(daemon: FakeDaemon, machine: Machine) -> None:
    session = daemon.add(1, name="job")
    for _ in range(300):
        session.tell("user", "x" * 1000, {"promptId": "p", "disposition": "started", "by": _BY})
    done = await machine.piped("logs job | head -n 1; echo ${PIPESTATUS[0]}")
    assert done.out.splitlines()[-1] == str(Exit.PIPE_CLOSED.value)
    assert done.err == ""


_BY = {"connectionId": "con_1", "client": "jelmore"}


@pytest.mark.parametrize(("number", "seen"), [("2", [4, 5]), ("5", [1, 2, 3, 4, 5]), ("99", [1, 2, 3, 4, 5])])
async def test_of_a_log_the_last_events_are_shown(
    daemon: FakeDaemon, machine: Machine, number: str, seen: list[int]
) -> None:
    talked(daemon, 5)
    lines = (await machine.jelmore("logs", "job", "-n", number, "--json")).lines
    assert [line["event"]["seq"] for line in lines if "event" in line] == seen


async def test_the_configuration_is_read_again(daemon: FakeDaemon, machine: Machine) -> None:
    assert (await machine.jelmore("daemon", "reload")).err.splitlines() == [
        "load_balancing: counts now",
        "journal.synchronous: needs a new start of the daemon",
    ]
    daemon.reloads = {"applied": ["a", "b"], "nextRun": ["b"], "needsRestart": []}
    assert (await machine.jelmore("daemon", "reload")).err.splitlines() == [
        "a: counts now",
        "b: counts for agents that are started from now on",
    ]
    assert (await machine.jelmore("daemon", "reload", "--json")).json == daemon.reloads
    daemon.reloads = {"applied": [], "needsRestart": []}
    assert (await machine.jelmore("daemon", "reload")).err == "nothing has changed\n"
    daemon.faults = ["/c.toml:1: x: unknown key"]
    refused = await machine.jelmore("daemon", "reload")
    assert refused.code == Exit.REFUSED
    assert daemon.faults[0] in refused.err
