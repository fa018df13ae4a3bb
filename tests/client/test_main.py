"""The command as a program: what it loads, what it says of itself, how it ends."""

from __future__ import annotations

import json
import sys

import pytest
import trio

from jelmored.client.arguments import parse
from jelmored.client.exits import MEANING, Exit

from .daemon import FakeDaemon
from .machine import Machine

LOADED = """
import json, sys
from jelmored.client.main import main
code = main(sys.argv[1:])
print(json.dumps(sorted({name for name in sys.modules if name.startswith("jelmored")})), file=sys.stderr)
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules} - sys.stdlib_module_names)), file=sys.stderr)
sys.exit(code)
"""
NEEDED = {
    "attr",
    "attrs",
    "cattr",
    "cattrs",
    "h11",
    "idna",
    "jelmored",
    "orjson",
    "outcome",
    "sniffio",
    "sortedcontainers",
} | {
    "trio",
    "trio_websocket",
    "typing_extensions",
    "wsproto",
}


@pytest.mark.parametrize("command", ["status", "ls"])
async def test_a_short_command_loads_only_what_it_needs(daemon: FakeDaemon, machine: Machine, command: str) -> None:
    with trio.fail_after(60):
        done = await trio.run_process(
            [sys.executable, "-c", LOADED, command],
            capture_stdout=True,
            capture_stderr=True,
            cwd=machine.work,
            env=machine.environ,
        )
    ours, others = map(json.loads, done.stderr.decode().splitlines())
    assert {name for name in others if not name.startswith("_")} <= NEEDED
    painting = {"painter", "transcript", "questions", "voices", "keys"}
    assert not {name.rpartition(".")[2] for name in ours} & painting


async def test_help_needs_no_daemon_and_no_library(machine: Machine) -> None:
    done = await machine.jelmore("--help")
    assert done.code == Exit.OK
    assert all(f"{code.value:>3}  {words}" in done.out for code, words in MEANING.items())


async def test_what_the_system_refuses_is_said_in_a_line(machine: Machine) -> None:
    (machine.root / "file").touch()
    blocked = await machine.jelmore("status", RUNTIME_DIRECTORY=f"{machine.root}/file/run")
    assert (blocked.code, blocked.err.count("\n")) == (Exit.NO_DAEMON, 1)
    assert "nobody can tell whether a daemon runs" in blocked.err
    binary = await machine.jelmore("run", "-p", stdin=b"\xff\xfe", RUNTIME_DIRECTORY=f"{machine.root}/none")
    assert (binary.code, binary.err.count("\n")) == (Exit.USAGE, 1)
    assert "the prompt is no text in UTF-8" in binary.err
    assert not (machine.root / "none").exists(), "a daemon was started for it"


async def test_a_daemon_that_talks_nonsense_is_no_traceback(daemon: FakeDaemon, machine: Machine) -> None:
    daemon.add(1, usage="none")
    done = await machine.jelmore("ls")
    assert (done.code, done.err.count("\n")) == (Exit.REFUSED, 1)
    assert "what was read makes no sense" in done.err
    assert '"message"' in (await machine.jelmore("ls", "--json")).err


def test_every_exit_code_has_its_sentence() -> None:
    assert set(MEANING) == set(Exit)


@pytest.mark.parametrize(
    "arguments", [["nothing"], ["run", "--approve", "some"], ["wait", "--for", "ever"], ["logs", "-n", "0"], ["send"]]
)
def test_what_makes_no_sense_ends_with_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(arguments)
    assert ended.value.code == Exit.USAGE
    assert "usage: jelmore" in capsys.readouterr().err


def test_options_carry_the_names_of_the_functions_parameters() -> None:
    command = parse(["--json", "send", "job", "more", "-p", "--approve", "all"])
    assert (command.where, command.json, command.spawn) == ("conversations:send", True, True)
    assert command.options == {
        "session": "job",
        "prompt": "more",
        "include": [],
        "follow": False,
        "when_busy": "queue",
        "answer": True,
        "approve": "all",
    }
    assert parse(["send", "more"]).options["session"] is None
    assert not parse(["ls", "--no-spawn"]).spawn
    assert parse(["-C", "/w", "ls"]).at == parse(["ls", "-C", "/w"]).at == "/w"
    assert parse(["send", "job", "-f", "more"]).options["prompt"] == "more"
    assert parse(["send", "job", "--", "--more"]).options["prompt"] == "--more"
    assert parse(["send", "--steer", "more"]).options["when_busy"] == "steer"
