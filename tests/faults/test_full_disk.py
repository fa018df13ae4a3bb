"""A disk that takes nothing: sessions pause, say so, and go on by themselves; nothing that was told is lost."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio

from jelmored.cli import Exit
from tests.client_raw import RawClient, RpcError, connect
from tests.eventually import eventually
from tests.invariants import check
from tests.real.daemon import Daemon, Place, command, new_place, running
from tests.watch import Watch

from . import talker
from .disk import MEGABYTE, LimitedFiles, SmallDisk, can_mount, small_disk

Disk = SmallDisk | LimitedFiles
NOTICED = 10.0  # seconds until a daemon that writes has found out
RELIEF = 5.0  # seconds from room to work


def configuration() -> Mapping[str, Any]:
    providers = {"talker": {"type": talker.TYPE}, "claude": {"enabled": False}, "opencode": {"enabled": False}}
    return {
        "notify": {"desktop": False},
        "default_provider": "talker",
        "sessions": {"resume_interrupted": "never"},  # who talks by numbers understands no handoff
        "providers": providers,
    }


def journal_of(place: Place) -> Path:
    return place.root / "state" / "journal.db"


@asynccontextmanager
async def _on_a_small_disk() -> AsyncIterator[tuple[Daemon, Disk]]:
    async with new_place() as place:
        with small_disk(place.root / "state", 48 * MEGABYTE) as disk:
            async with running(place, configuration()) as daemon:
                yield daemon, disk


@asynccontextmanager
async def _with_limited_files() -> AsyncIterator[tuple[Daemon, Disk]]:
    async with new_place() as place, running(place, configuration()) as daemon:
        yield daemon, LimitedFiles(daemon.process.pid, journal_of(place))


needs_mount = pytest.mark.skipif(not can_mount(), reason="this user may not mount")


@pytest.fixture(params=[pytest.param(_on_a_small_disk, marks=needs_mount), _with_limited_files])
def stage(request: pytest.FixtureRequest) -> Any:
    return request.param


async def begun(client: RawClient, place: Place, prompt: str) -> Watch:
    """A session in its first turn."""
    made = await client.request("session/create", cwd=str(place.work))
    watch = await client.subscribe(made["sessionId"])
    await client.request("session/prompt", sessionId=watch.session_id, prompt=prompt)
    return watch


async def told(client: RawClient, kind: str, seconds: float) -> float:
    """Trio's time at which the daemon told all of it."""

    def look() -> list[float]:
        notes = (note for note in client.notes if note.method == "daemon/event")
        return [note.time for note in notes if note.params["kind"] == kind]

    return (await eventually(look, seconds, lambda: f"no {kind}"))[-1]


async def refusal(client: RawClient, method: str, **params: Any) -> RpcError:
    with pytest.raises(RpcError) as caught:
        await client.request(method, **params)
    return caught.value


async def test_sessions_pause_and_go_on_by_themselves(stage: Any) -> None:
    async with stage() as (daemon, disk), connect(daemon.place.socket) as client:
        place = daemon.place
        watches = [await begun(client, place, "600 2000 0.005") for _ in range(4)]
        await watches[0].event("assistant")
        disk.fill()
        await told(client, "journal-full", NOTICED)
        await trio.sleep(1.5)  # what was in hand has come through, or waits
        stood = [len(watch.events) for watch in watches]

        asked = trio.current_time()
        no = await refusal(client, "session/prompt", sessionId=watches[0].session_id, prompt="1 1 0")
        assert trio.current_time() - asked < 1
        assert (no.kind, no.data["retryable"]) == ("journal-full", True)
        assert str(place.root / "state") in no.data["remedy"]
        assert (await refusal(client, "session/create", cwd=str(place.work))).kind == "journal-full"
        health = (await client.request("daemon/status"))["journal"]
        assert (health["ok"], health["kind"], health["remedy"]) == (False, "journal-full", no.data["remedy"])
        await trio.sleep(1.5)
        assert [len(watch.events) for watch in watches] == stood, "they pause"
        assert not [e for watch in watches for e in watch.events if e["eventType"] == "turn_ended"]

        disk.free()
        free = trio.current_time()
        assert await told(client, "journal-ok", RELIEF) - free <= RELIEF
        for watch in watches:
            ended = await watch.turn_over(1, 60)
            assert ended["metadata"]["reason"] == "completed"
            assert len(watch.of_turn(1, "assistant")) == 600
            check(watch)
        assert (await client.request("daemon/status"))["journal"]["ok"]
        await client.request("session/prompt", sessionId=watches[0].session_id, prompt="1 1 0")
        await watches[0].turn_over(2)


@needs_mount
async def test_what_has_begun_can_be_ended_by_the_reserve() -> None:
    async with _on_a_small_disk() as (daemon, disk), connect(daemon.place.socket) as client:
        cut = await begun(client, daemon.place, "100000 2000 0.005")
        closed = await begun(client, daemon.place, "100000 2000 0.005")
        disk.fill()
        await told(client, "journal-full", NOTICED)
        assert await client.request("session/interrupt", sessionId=cut.session_id) == {"interrupted": True}
        assert (await cut.turn_over(1))["metadata"]["reason"] == "interrupted"
        assert (await client.request("session/close", sessionId=closed.session_id))["status"] == "terminated"
        assert (await closed.turn_over(1))["metadata"]["reason"] == "interrupted"
        assert await client.request("session/delete", sessionId=closed.session_id) == {}
        assert not (await client.request("daemon/status"))["journal"]["ok"]
        check(cut)
        assert await daemon.stop() == 0


@needs_mount
async def test_a_daemon_that_is_killed_while_it_is_full_starts_paused_and_has_lost_nothing() -> None:
    async with new_place() as place:
        with small_disk(place.root / "state", 48 * MEGABYTE) as disk:
            async with running(place, configuration()) as daemon, connect(place.socket) as client:
                watch = await begun(client, place, "100000 2000 0.002")
                await watch.event("assistant")
                disk.fill()
                await told(client, "journal-full", NOTICED)
                disk.fill()  # the room of the reserve as well
                known = dict(watch.frames)
                await daemon.kill()
            async with running(place, configuration()), connect(place.socket) as client:
                assert (await client.request("daemon/status"))["journal"]["kind"] == "journal-full"
                again = await client.subscribe(watch.session_id)
                await again.caught_up()
                assert {seq: again.frames.get(seq) for seq in known} == known
                disk.free()
                await told(client, "journal-ok", RELIEF)
                assert (await again.turn_over(1))["metadata"]["cause"] == "daemon_restart"
                await client.request("session/prompt", sessionId=watch.session_id, prompt="1 1 0")
                await again.turn_over(2)
                check(again)


@needs_mount
async def test_a_first_start_without_room_says_so_and_leaves_nothing_half_made() -> None:
    async with new_place() as place:
        with small_disk(place.root / "state", 24 * MEGABYTE) as disk:
            disk.fill()
            with pytest.raises(AssertionError, match="did not get ready"):
                async with running(place, configuration()):
                    pass
            assert "no room for the journal" in place.log.read_text()
            disk.free()
            async with running(place, configuration()), connect(place.socket) as client:
                assert (await client.request("daemon/status"))["journal"]["ok"]
                await (await begun(client, place, "1 1 0")).turn_over(1)


@needs_mount
async def test_a_start_on_a_read_only_disk_says_so_and_touches_nothing() -> None:
    async with new_place() as place:
        with small_disk(place.root / "state", 48 * MEGABYTE) as disk:
            async with running(place, configuration()) as daemon, connect(place.socket) as client:
                await (await begun(client, place, "5 10 0")).turn_over(1)
                assert await daemon.stop() == 0
            before = {file.name: file.read_bytes() for file in disk.path.iterdir() if file.is_file()}
            disk.read_only()
            ended = await trio.run_process(command(place), check=False, capture_stdout=True, capture_stderr=True)
            assert ended.returncode == Exit.JOURNAL
            assert b"Read-only file system" in ended.stderr
            assert str(disk.path).encode() in ended.stderr
            assert {file.name: file.read_bytes() for file in disk.path.iterdir() if file.is_file()} == before
