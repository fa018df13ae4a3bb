from __future__ import annotations

import json
import stat
import sys
from pathlib import Path

import pytest
import trio

from jelmored.client.exits import Exit
from tests.client.daemon import FakeDaemon, FakeSession, Turn
from tests.client.machine import Machine

from .test_changes import asked


async def endless(turn: Turn) -> None:
    await trio.sleep_forever()


def talked(daemon: FakeDaemon, events: int = 3) -> FakeSession:
    session = daemon.add(1, name="job", cwd="/w")
    for number in range(events):
        session.tell("assistant", f"é {number}", {"itemId": f"i{number}"})
    return session


async def test_a_session_is_stopped_and_resumed(daemon: FakeDaemon, machine: Machine) -> None:
    talked(daemon)
    done = await machine.jelmore("stop", "job")
    assert (done.code, done.out) == (Exit.OK, "")
    assert done.err == "ses_aaaa (job): suspended; a prompt, or `jelmore resume job`, takes it up again\n"
    assert (await machine.jelmore("ls")).out.splitlines()[1].split()[2] == "suspended"
    assert (await machine.jelmore("wait", "job")).code == Exit.TURN_FAILED  # it does not wait for ever
    done = await machine.jelmore("resume", "job", "--provider", "demo")
    assert done.err == "ses_aaaa (job): goes on at demo with your next prompt; `jelmore send job …`\n"
    assert asked(daemon, "session/resume") == [{"sessionId": "ses_aaaaxxxxxxxxxxxx", "provider": "demo"}]


async def test_its_state_goes_to_stdout_or_into_a_file_of_its_owner(daemon: FakeDaemon, machine: Machine) -> None:
    talked(daemon)
    state = (await machine.jelmore("stop", "job", "--json")).json
    assert state["format"] == "jelmore.session-state"
    kept = machine.work / "job.json"
    kept.write_text("an older one")
    done = await machine.jelmore("stop", "job", "-o", "job.json")
    assert "its state is in job.json" in done.err
    assert json.loads(kept.read_text()) == state
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    done = await machine.jelmore("resume", "--state", "job.json")
    assert done.err.startswith("ses_bbbb (came): goes on at claude")
    assert asked(daemon, "session/resume")[-1] == {"state": state}
    done = await machine.jelmore("resume", "--state", "-", "--json", stdin=kept.read_bytes())
    assert done.json["sessionId"] == "ses_ccccxxxxxxxxxxxx"


async def test_in_a_turn_the_remedy_is_told(daemon: FakeDaemon, machine: Machine) -> None:
    daemon.script = endless
    await machine.jelmore("run", "-d", "-n", "job", "work")
    done = await machine.jelmore("stop", "job")
    assert done.code == Exit.REFUSED
    assert done.err == ("jelmore: a turn runs: its work would be cut\n  → jelmore interrupt ses_aaaaxxxxxxxxxxxx\n")


async def test_a_file_that_can_t_be_written_costs_nothing(daemon: FakeDaemon, machine: Machine) -> None:
    talked(daemon)
    (Path(machine.real_work) / "file").touch()
    for place, why in {
        "no/such/place": "No such file",
        ".": "Is a dir",
        "/": "Is a dir",
        "file/x": "Not a dir",
    }.items():
        done = await machine.jelmore("stop", "job", "-o", place)
        assert (done.code, f"{place} can't be written: {why}" in done.err) == (Exit.USAGE, True)
    assert asked(daemon, "session/suspend") == []
    assert [file.name for file in machine.work.iterdir()] == ["file"]


async def test_one_that_can_t_be_written_in_the_end_is_said_to_be_suspended(
    daemon: FakeDaemon, machine: Machine
) -> None:
    talked(daemon)
    (Path(machine.real_work) / "limited.py").write_text(
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (8, 8));"
        "from jelmored.client.main import main; sys.exit(main())"
    )
    terminal = await machine.at_terminal(
        "stop", "job", "-o", "job.json", command=(sys.executable, "-B", "limited.py"), columns=200
    )
    assert await terminal.end() == Exit.USAGE
    assert "can't be written: File too large" in terminal.seen
    assert "is suspended, `jelmore stop job -o FILE` gives its state again" in terminal.seen
    terminal.close()


@pytest.mark.parametrize("where", ["stdout", "file"])
async def test_a_session_is_exported_and_imported_whole(daemon: FakeDaemon, machine: Machine, where: str) -> None:
    session = talked(daemon, 450)
    done = await machine.jelmore("export", "job", *(() if where == "stdout" else ("-o", "job.jsonl")))
    assert done.err == "ses_aaaa (job): 450 events exported; `jelmore import FILE` takes them in elsewhere\n"
    kept = machine.work / "job.jsonl"
    if where == "stdout":
        kept.write_text(done.out)
    first, *events = [json.loads(line) for line in kept.read_text().splitlines()]
    assert (first["format"], first["version"], first["head"]) == ("jelmore.session-export", 1, 450)
    assert first["state"]["facts"]["sessionId"] == session.id
    assert events == session.events
    done = await machine.jelmore("import", "job.jsonl")
    assert done.err == "ses_bbbb (came): is here, with 450 events; it goes on at claude; `jelmore send came …`\n"
    assert daemon.sessions["ses_bbbbxxxxxxxxxxxx"].events == events
    pages = [len(params.get("events", ())) for params in asked(daemon, "session/import")]
    assert pages == [0, 200, 200, 50, 0]
    done = await machine.jelmore("import", "-", "--json", "--provider", "demo", stdin=kept.read_bytes())
    assert done.json["name"] == "came"
    assert asked(daemon, "session/import")[-5]["provider"] == "demo"


async def test_of_one_that_comes_back_only_what_is_new_is_sent(daemon: FakeDaemon, machine: Machine) -> None:
    session = talked(daemon, 450)
    daemon.wants = 202
    assert (await machine.jelmore("export", "job", "-o", "job.jsonl")).code == Exit.OK
    assert (await machine.jelmore("import", "job.jsonl")).code == Exit.OK
    assert daemon.sessions["ses_bbbbxxxxxxxxxxxx"].events == session.events[201:]
    assert [len(params.get("events", ())) for params in asked(daemon, "session/import")] == [0, 199, 50, 0]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "line 1: that is no JSON object"),
        (b"[1]\n", "line 1: that is no JSON object"),
        (b"[" * 100_000, "-, line 1: that is no JSON object"),
        (b'{"a": ' * 900 + b"1" + b"}" * 900, "-, line 1: that is no JSON object"),
        (b"\xff\xfe\x80", "-, line 1: that is no JSON object"),
        (b'{"format": "other"}\n', "is no export of a session; `jelmore export` makes one"),
        (b'{"format": "jelmore.session-state", "digest": "x"}\n', "`jelmore resume --state` takes a state"),
        (b'{"format": "jelmore.session-export", "version": 2}\n', "version 2; this jelmore reads 1: upgrade"),
        (b'{"format": "jelmore.session-export", "version": 1}\n', "line 1: there is no state"),
    ],
)
async def test_what_is_no_export(daemon: FakeDaemon, machine: Machine, content: bytes, words: str) -> None:
    done = await machine.jelmore("import", "-", stdin=content)
    assert done.code == Exit.REFUSED
    assert words in done.err
    assert asked(daemon, "session/import") == []


async def test_a_file_that_is_damaged_makes_no_session(daemon: FakeDaemon, machine: Machine) -> None:
    talked(daemon)
    whole = (await machine.jelmore("export", "job")).out.splitlines(keepends=True)
    broken = "".join([*whole[:2], whole[2][:9]])
    done = await machine.jelmore("import", "-", stdin=broken.encode())
    assert done.code == Exit.REFUSED
    assert "-, line 3: that is no JSON object" in done.err
    assert len(daemon.sessions) == 1


async def test_what_is_no_state(daemon: FakeDaemon, machine: Machine) -> None:
    talked(daemon)
    exported = (await machine.jelmore("export", "job")).out
    done = await machine.jelmore("resume", "--state", "-", stdin=exported.encode())
    assert (done.code, "`jelmore import` takes" in done.err) == (Exit.REFUSED, True)
    done = await machine.jelmore("resume", "--state", "-", stdin=b"[]")
    assert (done.code, "`jelmore stop -o FILE` keeps one" in done.err) == (Exit.REFUSED, True)
    for damaged in (b"[" * 100_000, b"\xff\xfe\x80"):
        done = await machine.jelmore("resume", "--state", "-", stdin=damaged)
        assert (done.code, "- is not the state of a session" in done.err) == (Exit.REFUSED, True)
    done = await machine.jelmore("resume", "--state", "-", stdin=b'{"digest": "other"}')
    assert done.err == "jelmore: the state is damaged\n  → take it again\n"
    done = await machine.jelmore("resume", "--state", "none.json")
    assert (done.code, done.err) == (Exit.USAGE, "jelmore: none.json can't be read: No such file or directory\n")
    done = await machine.jelmore("resume", "job", "--state", "none.json")
    assert (done.code, "not both" in done.err) == (Exit.USAGE, True)
