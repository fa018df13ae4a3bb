"""The whole daemon as a process of its own, with the demo agent: what only all of it together can show."""

from __future__ import annotations

import itertools
import json
import os
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from types import MappingProxyType

import attrs
import pytest
import trio

import jelmored
from jelmored.cli import Exit
from jelmored.control.server import CLOSE_SECONDS
from jelmored.journal.schema import MIGRATIONS, opened

from .client_raw import RawClient, RpcError, connect
from .eventually import eventually
from .notify.endpoint import endpoint
from .notify.programs import path_with, program
from .watch import PATIENCE, Json, Watch

STOP_SECONDS = 20


@attrs.frozen
class Daemon:
    process: trio.Process
    root: Path

    @property
    def socket(self) -> Path:
        return self.root / "r" / "control.sock"

    async def ready(self) -> None:
        assert self.process.stdout is not None
        assert json.loads(await self.process.stdout.receive_some())["ready"]

    async def ended(self) -> int:
        """Its exit code."""
        with trio.fail_after(STOP_SECONDS):
            return await self.process.wait()


@pytest.fixture
def root() -> Iterator[Path]:
    """A directory whose path is short enough for a socket."""
    with tempfile.TemporaryDirectory(prefix="jd-") as made:
        yield Path(made)


@asynccontextmanager
async def started(
    root: Path,
    notify: str = "desktop = false",
    environ: Mapping[str, str] = MappingProxyType({}),
    sessions: str = "",
    control: str = "",
    stderr: int | None = None,
    words: Sequence[str] = (),
) -> AsyncIterator[Daemon]:
    """A daemon that is just starting; it is killed if it has not ended when the body has.

    Args:
        notify: the lines of `[notify]`.
        sessions: the lines of `[sessions]`.
        control: the lines of `[control]`.
        stderr: where it goes, if not to ours.
        words: further ones of its command line.
        environ: laid over its environment.
    """
    home = {"HOME": str(root), "PATH": os.defpath, "PYTHONPATH": str(Path(jelmored.__file__).parents[1]), **environ}
    config = root / "config.toml"
    config.write_text(
        f'default_provider = "demo"\n[providers.claude]\nenabled = false\n[notify]\n{notify}\n[sessions]\n{sessions}\n'
        f"[control]\n{control}\n"
    )
    places = ["--config", str(config), "--state-dir", str(root / "s"), "--runtime-dir", str(root / "r")]
    command = [sys.executable, "-m", "jelmored", *places, *words]
    process = await trio.lowlevel.open_process(command, env=home, stdout=subprocess.PIPE, stderr=stderr)
    assert process.stdout is not None
    async with process.stdout:
        try:
            yield Daemon(process, root)
        finally:
            process.kill()
            await process.wait()


@asynccontextmanager
async def silent(socket: Path) -> AsyncIterator[trio.SocketStream]:
    """A client that answers no farewell: the stop waits for it for a while."""
    async with await trio.open_unix_socket(socket) as stream:
        await RawClient(stream).upgrade()
        yield stream


async def cut_off(stream: trio.SocketStream) -> None:
    """Wait until the daemon waits for this client no more."""
    with trio.fail_after(STOP_SECONDS):
        while await stream.receive_some():
            pass


async def test_no_further_signal_cuts_the_stop_short(root: Path) -> None:
    async with started(root) as daemon:
        await daemon.ready()
        async with connect(daemon.socket) as client, silent(daemon.socket):
            with trio.fail_after(STOP_SECONDS):
                for number in itertools.cycle((signal.SIGTERM, signal.SIGINT)):
                    if daemon.process.poll() is not None:
                        break
                    daemon.process.send_signal(number)
                    await trio.sleep(0.02)
            assert daemon.process.returncode == 0
            assert await client.wait_closed() == 1001
        assert not daemon.socket.exists()
        assert not (root / "s" / "journal.db-wal").exists()


async def test_a_signal_while_it_starts_ends_it_as_any_other(root: Path) -> None:
    async with started(root) as daemon:
        await eventually((root / "s" / "journal.db").exists, STOP_SECONDS, lambda: "it opens no journal")
        daemon.process.send_signal(signal.SIGTERM)
        assert await daemon.ended() == 0
        assert not daemon.socket.exists()


async def test_the_notice_says_who_is_there_and_is_gone_with_it(root: Path) -> None:
    notice = root / "r" / "daemon.json"
    async with started(root) as daemon:
        await daemon.ready()
        async with connect(daemon.socket) as client:
            status = await client.request("daemon/status")
        assert json.loads(notice.read_bytes()) == {
            "version": jelmored.__version__,
            "pid": daemon.process.pid,
            "instanceId": status["instanceId"],
            "socket": str(daemon.socket),
            "protocolVersions": [1],
            "options": ["--log-level", "info", "--config", str(root / "config.toml")],
        }
        assert stat.S_IMODE(notice.stat().st_mode) == 0o600
        daemon.process.terminate()
        assert await daemon.ended() == 0
        assert not notice.exists()


async def test_it_reads_its_configuration_again_while_a_turn_goes_on(root: Path) -> None:
    async with started(root) as daemon:
        await daemon.ready()
        config = root / "config.toml"
        async with connect(daemon.socket) as client:
            session_id = await waits(client)
            runs = (await client.request("daemon/status"))["runs"]
            config.write_text(f"max_total_sessions = 7\n{config.read_text()}")
            daemon.process.send_signal(signal.SIGHUP)
            with trio.fail_after(PATIENCE):
                while (await setting(client, "max_total_sessions"))["origin"] == "default":  # noqa: ASYNC110
                    await trio.sleep(0.02)
            assert await setting(client, "max_total_sessions") == {
                "key": "max_total_sessions",
                "value": 7,
                "origin": f"{config}:1",
                "counts": "live",
            }
            config.write_text("max_total_sessions = 0\nx = 1")
            with pytest.raises(RpcError) as refused:
                await client.request("daemon/reload")
            assert refused.value.data["kind"] == "config-invalid"
            assert len(refused.value.data["faults"]) == 2
            assert (await setting(client, "max_total_sessions"))["value"] == 7
            assert (await client.request("daemon/status"))["runs"] == runs
            await deny(client, session_id)
            await eventually_idle(client, session_id)


async def setting(client: RawClient, key: str) -> Json:
    settings: list[Json] = (await client.request("config/get"))["settings"]
    return next(one for one in settings if one["key"] == key)


async def eventually_idle(client: RawClient, session_id: str) -> None:
    with trio.fail_after(PATIENCE):
        while (await client.request("session/get", sessionId=session_id))["status"] != "idle":  # noqa: ASYNC110
            await trio.sleep(0.02)


async def test_a_client_may_give_the_stop_less_time_than_it_would_take(root: Path) -> None:
    async with started(root) as daemon:
        await daemon.ready()
        async with connect(daemon.socket) as client, silent(daemon.socket) as stream:
            assert await client.request("daemon/shutdown", graceSeconds=0.2) == {}
            asked = trio.current_time()
            await cut_off(stream)
            assert trio.current_time() - asked < CLOSE_SECONDS, "what it would have been given"
            assert await client.wait_closed() == 1001
            assert [note.params["kind"] for note in client.notes if note.method == "daemon/event"] == ["stopping"]
        assert await daemon.ended() == 0


async def waits(client: RawClient) -> str:
    """A new session that nobody is attached to, and that waits for an answer."""
    made = await client.request("session/create", cwd="/", prompt="hello")
    session_id: str = made["sessionId"]
    with trio.fail_after(PATIENCE):
        while (await client.request("session/get", sessionId=session_id))["status"] != "waiting_input":  # noqa: ASYNC110
            await trio.sleep(0.02)
    return session_id


async def deny(client: RawClient, session_id: str) -> None:
    [approval] = (await client.request("approval/list", sessionId=session_id))["approvals"]
    await client.request("approval/resolve", approvalId=approval["approvalId"], optionId="reject")


async def test_a_person_who_is_away_is_told_every_way_and_once(root: Path) -> None:
    script, sender = program(root, "tell-me"), program(root, "notify-send")
    async with endpoint(204) as server:
        notify = f'command = ["{script.path}"]\nwebhook = "{server.url}"'
        environ = {"PATH": path_with(root), "DBUS_SESSION_BUS_ADDRESS": "unix:path=/nowhere"}
        async with started(root, notify, environ) as daemon:
            await daemon.ready()
            async with connect(daemon.socket) as client:
                session_id = await waits(client)
                await eventually(lambda: len(server.posted) == 1 and script.calls and sender.calls, PATIENCE)
                await deny(client, session_id)
                await eventually(lambda: (script.calls, sender.calls, len(server.posted)) == (2, 2, 2), PATIENCE)
            assert json.loads(script.stdin)["event"] == "ended"
            assert script.env["JELMORE_SESSION_ID"] == session_id
            daemon.process.terminate()
            assert await daemon.ended() == 0
        async with started(root, notify, environ) as daemon:
            await daemon.ready()
            daemon.process.terminate()
            assert await daemon.ended() == 0
    told = [json.loads(one.body) for one in server.posted]
    assert [(one["event"], one["sessionId"], one["title"]) for one in told] == [
        ("waiting", session_id, "hello"),
        ("ended", session_id, "hello"),
    ], "nothing of it is told again by the next daemon"
    assert (told[0]["status"], told[0]["approval"]["toolName"]) == ("waiting_input", "Bash")
    assert (told[1]["status"], told[1]["reason"], told[1]["text"]) == ("idle", "completed", "turn 1 is done")


async def test_who_is_attached_is_not_told(root: Path) -> None:
    async with endpoint(204) as server, started(root, f'desktop = false\nwebhook = "{server.url}"') as daemon:
        await daemon.ready()
        async with connect(daemon.socket) as client:
            made = await client.request("session/create", cwd="/")
            watch = await client.subscribe(made["sessionId"])
            await client.request("session/prompt", sessionId=made["sessionId"], prompt="hello")
            await watch.event("approval_requested")
            await deny(client, made["sessionId"])
            await watch.event("turn_ended")
            other = await waits(client)  # what is told is told in order
            await eventually(lambda: server.posted, PATIENCE)
        assert [json.loads(one.body)["sessionId"] for one in server.posted] == [other]


async def test_a_turn_that_the_death_of_the_daemon_cut_is_told_by_the_next_one(root: Path) -> None:
    async with endpoint(204) as server:
        notify = f'desktop = false\nwebhook = "{server.url}"'
        async with started(root, notify) as daemon:
            await daemon.ready()
            async with connect(daemon.socket) as client:
                await waits(client)
            await eventually(lambda: server.posted, PATIENCE)
            daemon.process.kill()
            await daemon.ended()
        for _ in range(2):
            async with started(root, notify) as daemon:
                await daemon.ready()
                await eventually(lambda: len(server.posted) == 2, PATIENCE)
                daemon.process.terminate()
                assert await daemon.ended() == 0
    told = [json.loads(one.body) for one in server.posted]
    assert [(one["event"], one.get("reason"), one["status"]) for one in told] == [
        ("waiting", None, "waiting_input"),
        ("ended", "interrupted", "idle"),
    ]


async def test_a_way_that_takes_nothing_does_not_hold_up_the_stop(root: Path) -> None:
    async with endpoint("hang") as server:
        notify = f'desktop = false\ncommand = ["sleep", "1000"]\nwebhook = "{server.url}"'
        async with started(root, notify) as daemon:
            await daemon.ready()
            async with connect(daemon.socket) as client:
                await waits(client)
                await eventually(lambda: server.posted, PATIENCE)
            asked = trio.current_time()
            daemon.process.terminate()
            assert await daemon.ended() == 0
            assert trio.current_time() - asked < STOP_SECONDS / 2


async def test_turns_may_end_before_the_stop_and_no_others_begin(root: Path) -> None:
    async with started(root, sessions="drain_seconds = 60") as daemon:
        await daemon.ready()
        async with connect(daemon.socket) as client:
            session_id = await waits(client)
            daemon.process.terminate()
            while not (await client.request("daemon/status"))["draining"]:  # noqa: ASYNC110
                await trio.sleep(0.02)
            queued = await client.request("session/prompt", sessionId=session_id, prompt="hello again")
            assert queued["disposition"] == "queued"
            await deny(client, session_id)
            assert await client.wait_closed() == 1001
            kinds = [note.params["kind"] for note in client.notes if note.method == "daemon/event"]
            assert kinds == ["draining", "stopping"]
        assert await daemon.ended() == 0
    async with started(root) as daemon:
        await daemon.ready()
        async with connect(daemon.socket) as client:
            watch = await client.subscribe(session_id)
            await watch.event("approval_requested", turn=2)
            assert (await watch.turn_over(1))["metadata"]["reason"] == "completed"


async def test_who_asks_twice_waits_for_no_turn(root: Path) -> None:
    async with started(root, sessions="drain_seconds = 600") as daemon:
        await daemon.ready()
        async with connect(daemon.socket) as client:
            session_id = await waits(client)
            daemon.process.terminate()
            while not (await client.request("daemon/status"))["draining"]:  # noqa: ASYNC110
                await trio.sleep(0.02)
            daemon.process.terminate()
        assert await daemon.ended() == 0
    async with started(root) as daemon:
        await daemon.ready()
        async with connect(daemon.socket) as client:
            watch = await client.subscribe(session_id)
            ended = await watch.turn_over(1)
            assert ended["metadata"]["cause"] == "daemon_restart"
            await watch.event("approval_requested", turn=2)


async def test_it_is_drained_by_its_own_command_until_no_turn_is_in_hand(root: Path) -> None:
    async with started(root) as daemon:
        await daemon.ready()
        async with connect(daemon.socket) as client:
            session_id = await waits(client)
            command = [sys.executable, "-m", "jelmored", "drain", "--runtime-dir", str(root / "r")]
            environ = {"HOME": str(root), "PATH": os.defpath, "PYTHONPATH": str(Path(jelmored.__file__).parents[1])}
            drain = await trio.lowlevel.open_process(command, env=environ)
            while not (await client.request("daemon/status"))["draining"]:  # noqa: ASYNC110
                await trio.sleep(0.02)
            assert drain.poll() is None, "it waits for the turn"
            await deny(client, session_id)
            with trio.fail_after(STOP_SECONDS):
                assert await drain.wait() == 0


async def test_a_journal_of_a_newer_daemon_is_refused_and_stays_as_it_is(root: Path) -> None:
    journal = root / "s" / "journal.db"
    journal.parent.mkdir(mode=0o700)
    opened(journal, migrations=(*MIGRATIONS, ("CREATE TABLE more (a TEXT)",))).close()
    before = journal.read_bytes()
    async with started(root) as daemon:
        assert await daemon.ended() == Exit.JOURNAL
    assert journal.read_bytes() == before


async def exported(client: RawClient, session_id: str) -> tuple[Json, list[Json]]:
    """Its state, and all its events up to there."""
    reply = await client.request("session/export", sessionId=session_id)
    events: list[Json] = []
    while not events or events[-1]["seq"] < reply["head"]:
        after = events[-1]["seq"] if events else 0
        page = await client.request("session/history", sessionId=session_id, after=after, limit=5)
        events += page["events"]
    return reply["state"], [event for event in events if event["seq"] <= reply["head"]]


async def imported(client: RawClient, state: Json, events: list[Json], *, whole: bool = True) -> Json:
    """The session; or, not whole, what the daemon says of the first pages."""
    told: Json = await client.request("session/import", state=state)
    session_id, new = told["sessionId"], [event for event in events if event["seq"] >= told["next"]]
    for begin in range(0, len(new) if whole else 3, 3):
        told = await client.request("session/import", sessionId=session_id, events=new[begin : begin + 3])
    if whole:
        told = await client.request("session/import", sessionId=session_id, last=True)
    return told


async def said(client: RawClient, watch: Watch, prompt: str) -> str:
    """The answer to one more prompt."""
    receipt = await client.request("session/prompt", sessionId=watch.session_id, prompt=prompt)
    ended = await watch.turn_over(receipt["turn"])
    assert ended["metadata"]["reason"] == "completed"
    return watch.said(receipt["turn"])


async def test_a_session_goes_to_another_daemon_and_comes_back(root: Path) -> None:
    for place in ("a", "b"):
        (root / place).mkdir()
    async with started(root / "b") as there:
        await there.ready()
        async with connect(there.socket) as other:
            async with started(root / "a") as here:
                await here.ready()
                async with connect(here.socket) as client:
                    made = await client.request("session/create", cwd=str(root), name="job", permissionMode="allow-all")
                    watch = await client.subscribe(made["sessionId"])
                    await said(client, watch, "remember Coco")
                    session = {"sessionId": watch.session_id}
                    left = await client.request("session/suspend", **session)
                    await other.request("session/resume", **left)
                    moved = await other.subscribe(watch.session_id)
                    assert "This is prompt 2" in await said(other, moved, "remember Tom")
                    back = await other.request("session/suspend", **session)
                    was = await client.request("session/get", **session)
                    with pytest.raises(RpcError, match="is not in a state") as no:
                        await client.request("session/resume", **back)
                    assert (no.value.kind, no.value.data["field"]) == ("state-invalid", "state.facts.seq")
                    assert "jelmore import FILE" in no.value.data["remedy"]
                    state, events = await exported(other, watch.session_id)
                    told = await imported(client, state, events, whole=False)
                    assert (told["next"], told["head"]) == (was["seq"] + 4, state["facts"]["seq"])
                    assert await client.request("session/get", **session) == was
                here.process.kill()  # the pages break off
            async with started(root / "a") as here:
                await here.ready()
                async with connect(here.socket) as client:
                    watch = await client.subscribe(watch.session_id)
                    assert watch.reply["head"] == was["seq"]
                    assert (await client.request("session/get", **session))["status"] == "suspended"
                    view = await imported(client, state, events)
                    assert (view["turn"], view["logId"], view["name"]) == (2, was["logId"], "job")
                    assert view["usage"] == state["facts"]["usage"]
                    await watch.event("status_change", after=state["facts"]["seq"])
                    answer = await said(client, watch, "what did I say first?")
                    assert "This is prompt 3" in answer
                    assert "remember Coco" in answer
                    assert [event["seq"] for event in watch.events] == list(range(1, len(watch.events) + 1))
                    assert watch.events[was["seq"] : len(events) + was["seq"]] == events
                    # and once more to the other one, whose log goes on too
                    await client.request("session/suspend", **session)
                    head = moved.events[-1]["seq"]
                    again = await imported(other, *await exported(client, watch.session_id))
                    assert again["logId"] == state["facts"]["logId"]
                    assert "This is prompt 4" in await said(other, moved, "remember Rex")
                    first = moved.events[0]["seq"]
                    assert [e["seq"] for e in moved.events] == list(range(first, first + len(moved.events)))
                    with pytest.raises(RpcError, match="came from there at event"):
                        await imported(client, state, events)
                    assert moved.events[-1]["seq"] > head
