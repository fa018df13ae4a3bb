"""A daemon that finds its journal damaged starts, says so, and keeps what it found."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
from contextlib import closing, suppress

import trio

from jelmored.journal import damage
from tests.client_raw import Closed, RpcError, connect
from tests.invariants import check
from tests.real.daemon import Place, new_place, running

from .test_full_disk import begun, configuration, journal_of

PAGE = 4096


def _status(place: Place) -> str:
    """What a person sees."""
    told = subprocess.run(
        [sys.executable, "-m", "jelmored.client.main", "status"],
        env={"HOME": str(place.home), "JELMORE_SOCKET": str(place.socket), "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
        timeout=20,
    )
    return told.stdout


async def test_it_starts_loudly_with_what_could_be_read() -> None:
    chance = random.Random(4)
    async with new_place() as place:
        async with running(place, configuration()) as daemon, connect(place.socket) as client:
            watches = [await begun(client, place, "300 1000 0") for _ in range(4)]
            for watch in watches:
                await watch.turn_over(1)
            known = {watch.session_id: watch for watch in watches}
            await daemon.kill()
        journal = journal_of(place)
        with closing(sqlite3.connect(journal)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # or the log may have what is damaged below once more
        damage.suspect(journal)
        content = bytearray(journal.read_bytes())
        middle = len(content) // PAGE // 2
        for page in range(middle, middle + 3):
            content[page * PAGE : page * PAGE + 200] = chance.randbytes(200)
        journal.write_bytes(content)
        async with running(place, configuration()) as daemon, connect(place.socket) as client:
            health = (await client.request("daemon/status"))["journal"]
            assert health["ok"]
            aside = journal.with_name(health["damaged"].rpartition("/")[2])
            assert aside.read_bytes() == content
            assert str(aside) in await trio.to_thread.run_sync(_status, place)
            assert "the journal was damaged" in place.log.read_text()
            cut = 0
            for session in (await client.request("session/list"))["sessions"]:
                former = known.pop(session["sessionId"])
                again = await client.subscribe(session["sessionId"])
                await again.caught_up()
                *kept, note = again.events
                assert again.frames.items() - {(note["seq"], again.frames[note["seq"]])} <= former.frames.items()
                assert note["metadata"]["subtype"] == "salvaged"
                same = again.reply["logId"] == former.reply["logId"]
                assert same == note["metadata"]["complete"] == (len(kept) == len(former.frames))
                cut += not same
                await client.request("session/prompt", sessionId=session["sessionId"], prompt="1 1 0")
                await again.turn_over(2)
                if same:
                    check(again)
            assert cut >= 1
            assert len(known) <= 1
            assert await daemon.stop() == 0
        async with running(place, configuration()), connect(place.socket) as client:
            assert "damaged" not in (await client.request("daemon/status"))["journal"]
            assert aside.exists()


async def test_damage_that_shows_while_it_runs_ends_the_daemon_and_the_next_one_starts() -> None:
    async with new_place() as place:
        async with running(place, configuration()) as daemon, connect(place.socket) as client:
            watch = await begun(client, place, "300 1000 0")
            await watch.turn_over(1)
            assert await daemon.stop() == 0
        journal = journal_of(place)
        sound = journal.read_bytes()
        journal.write_bytes(sound[: 20 * PAGE] + b"\xde" * (len(sound) - 20 * PAGE))
        async with running(place, configuration()) as daemon, connect(place.socket) as client:  # it closed cleanly
            with suppress(RpcError, Closed):  # whatever it is told meanwhile, it is the end that counts
                for _ in range(20):
                    await client.request("session/prompt", sessionId=watch.session_id, prompt="50 1000 0")
            with trio.fail_after(30):
                assert await daemon.process.wait() == 5
            assert "malformed" in place.log.read_text()
        async with running(place, configuration()) as daemon, connect(place.socket) as client:
            assert (await client.request("daemon/status"))["journal"]["damaged"]
            assert await daemon.stop() == 0
