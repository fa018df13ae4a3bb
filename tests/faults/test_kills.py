"""The daemon is killed at any moment, again and again; nothing that it told anybody is lost.

`KILLS=1000 SEED=3 pytest -m soak tests/faults/test_kills.py` is the long form.
"""

from __future__ import annotations

import json
import os
import random
import sqlite3
from collections.abc import Mapping
from contextlib import asynccontextmanager, closing
from typing import Any

import attrs
import pytest
import trio

from jelmored.journal.schema import MIGRATIONS, opened
from tests.client_raw import Closed, RawClient, RpcError, connect
from tests.eventually import eventually
from tests.invariants import check
from tests.real import daemon
from tests.real.daemon import Place, new_place, running
from tests.watch import Watch

from .history import History
from .test_full_disk import configuration, journal_of

KILLS = int(os.environ.get("KILLS", "1000"))
SEED = int(os.environ.get("SEED", "1"))
SESSIONS = 20
REAL_PROCESSES = 4  # of the sessions; the others talk as fast as the daemon hears
TASKS = 4
WORDS = "25 1500 0.002"
EXPECTED = {"queue-full", "overloaded", "wrong-status", "not-found"}
SLOW = 60.0  # seconds; all sessions at once, on a machine that does other things too


def with_demo() -> Mapping[str, Any]:
    settings = configuration()
    return {**settings, "providers": {**settings["providers"], "demo": {"max_concurrent_sessions": 50}}}


@attrs.define
class Trial:
    """Clients of a daemon that is killed. What they know outlives it."""

    place: Place
    chance: random.Random
    history: History = attrs.field(factory=History)
    sessions: list[str] = attrs.field(factory=list)
    unanswered: dict[str, tuple[str, str]] = attrs.field(factory=dict)
    """requestKey → session and words of prompts whose answer never came."""
    keys: int = 0
    words: dict[str, str] = attrs.field(factory=dict)

    async def live(self) -> None:
        """One life of a daemon, from its start to its death."""
        self.place.config.write_text(json.dumps(with_demo()))
        process = await daemon._start(self.place)
        try:
            if self.chance.random() < 0.25:
                await trio.sleep(self.chance.uniform(0, 1.2))  # while it starts
            else:
                await daemon._ready_line(self.place, process, 2 * SLOW)
                await self._work(process)
        finally:
            process.kill()
            await process.wait()
            if process.stdout is not None:
                await process.stdout.aclose()

    async def _work(self, process: trio.Process) -> None:
        """Until it is killed at some moment, perhaps while it stops."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._clients)
            await trio.sleep(self.chance.uniform(0, 1.2))
            if self.chance.random() < 0.2:
                process.terminate()
                await trio.sleep(self.chance.uniform(0, 0.5))
            process.kill()
            await process.wait()

    async def _clients(self) -> None:
        """Several tasks of a client, for as long as the daemon lives."""
        try:
            async with self._listening() as client, trio.open_nursery() as nursery:
                for _ in range(TASKS):
                    nursery.start_soon(self._ask_on, client)
        except* (Closed, OSError):
            pass

    async def _ask_on(self, client: RawClient) -> None:
        acts, weights = (self._prompt, self._again, self._create, self._delete), (12, 4, 1, 1)
        while True:
            (act,) = self.chance.choices(acts, weights)
            try:
                await act(client)
            except RpcError as no:
                if no.kind not in EXPECTED:
                    raise
            await trio.sleep(self.chance.uniform(0, 0.02))

    @asynccontextmanager
    async def _listening(self) -> Any:
        """A client that hears all sessions, each from behind the last event that was heard of it."""
        async with connect(self.place.socket) as client:
            try:
                for session_id in self.sessions:
                    await client.subscribe(session_id, self.history.last(session_id))
                yield client
            finally:
                for note in client.notes:
                    if note.is_event:
                        self.history.heard(note.params["sessionId"], note.raw)

    async def _create(self, client: RawClient, **more: Any) -> None:
        if len(self.sessions) < SESSIONS:
            provider = "demo" if len(self.sessions) % SESSIONS < REAL_PROCESSES else "talker"
            made = await client.request(
                "session/create", cwd=str(self.place.work), provider=provider, permissionMode="allow-all"
            )
            session_id = made["sessionId"]
            self.history.created(session_id)
            self.sessions.append(session_id)
            await client.subscribe(session_id, 0)

    async def _delete(self, client: RawClient) -> None:
        """A session goes for good, and there is room for another one."""
        if not self.sessions:
            return
        session_id = self.chance.choice(self.sessions)
        self.history.removed(session_id)  # from here on it may be open, closed or gone
        self.sessions.remove(session_id)
        await client.request("session/close", sessionId=session_id)
        await client.request("session/delete", sessionId=session_id)

    async def _prompt(self, client: RawClient) -> None:
        if len(self.sessions) < SESSIONS:
            await self._create(client)
        key, self.keys = f"key-{self.keys}", self.keys + 1
        await self._ask(client, key, self.chance.choice(self.sessions))

    async def _again(self, client: RawClient) -> None:
        """What was answered, or may have been, is asked once more."""
        asked = [*self.unanswered, *self.words]
        if asked and (session_id := self._owner(key := self.chance.choice(asked))) in self.sessions:
            await self._ask(client, key, session_id)

    def _owner(self, key: str) -> str:
        return self.words.get(key) or self.unanswered[key][0]

    async def _ask(self, client: RawClient, key: str, session_id: str) -> None:
        if key not in self.words:
            self.unanswered[key] = session_id, WORDS
        try:
            receipt = await client.request("session/prompt", sessionId=session_id, prompt=WORDS, requestKey=key)
        except RpcError:
            self.unanswered.pop(key, None)
            raise
        self.unanswered.pop(key, None)
        self.words[key] = session_id
        self.history.acknowledged(session_id, key, receipt)

    async def verdict(self) -> None:
        """A last life: every log is read from its start, and every session answers once more."""
        async with running(self.place, with_demo()) as last, self._listening() as client:
            logs = {session_id: await self._replay(client, session_id) for session_id in self.sessions}
            listed = (await client.request("session/list", includeTerminated=True, limit=200))["sessions"]
            assert {session["sessionId"] for session in listed} >= set(self.sessions)
            assert self.history.faults(logs) == []
            for key, session_id in list(self.words.items())[-50:]:
                if session_id in self.sessions:
                    await self._ask(client, key, session_id)
            async with trio.open_nursery() as nursery:
                for session_id in self.sessions:
                    nursery.start_soon(self._resume, client, session_id)
            assert await last.stop() == 0
        with closing(sqlite3.connect(journal_of(self.place))) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]

    async def _replay(self, client: RawClient, session_id: str) -> list[str]:
        watch = await client.subscribe(session_id, "start")
        await watch.note(lambda note: note.method == "session/caughtUp", SLOW)
        return [note.raw for note in watch.notes if note.is_event and note.params["seq"] <= watch.reply["head"]]

    async def _resume(self, client: RawClient, session_id: str) -> None:
        await client.request("session/interrupt", sessionId=session_id)
        await self._until_idle(client, session_id)
        watch: Watch = await client.subscribe(session_id, "start")
        receipt = await client.request("session/prompt", sessionId=session_id, prompt="3 10 0")
        ended = await watch.turn_over(receipt["turn"], SLOW)
        assert ended["metadata"]["reason"] == "completed"
        check(watch)

    async def _until_idle(self, client: RawClient, session_id: str) -> None:
        with trio.fail_after(SLOW):
            while (await client.request("session/get", sessionId=session_id))["status"] != "idle":  # noqa: ASYNC110
                await trio.sleep(0.1)


async def kill_loop(kills: int, seed: int) -> History:
    async with new_place() as place:
        trial = Trial(place, random.Random(seed))
        for _ in range(kills):
            await trial.live()
        await trial.verdict()
        return trial.history


async def test_nothing_that_was_told_is_lost_whenever_the_daemon_is_killed() -> None:
    history = await kill_loop(50, SEED)
    assert history.events > 1000
    assert len(history.receipts) > 50


@pytest.mark.soak
async def test_nothing_is_lost_in_very_many_kills() -> None:
    history = await kill_loop(KILLS, SEED)
    print(f"{KILLS} kills: {history.events} events and {len(history.receipts)} receipts were told, 0 lost")


async def test_a_migration_that_is_killed_is_done_by_the_next_start() -> None:
    chance = random.Random(SEED)
    async with new_place() as place:
        journal = journal_of(place)
        journal.parent.mkdir(mode=0o700)
        with closing(opened(journal, migrations=MIGRATIONS[:1])) as connection:
            connection.execute("BEGIN")
            connection.executemany(
                "INSERT INTO sessions VALUES (?, ?, 50, CAST('{}' AS BLOB))", [(n, f"ses_{n}") for n in range(1, 101)]
            )
            connection.executemany(
                "INSERT INTO events VALUES (?, ?, 'assistant', CAST('{}' AS BLOB))",
                [(n, seq) for n in range(1, 101) for seq in range(1, 51)],
            )
            connection.execute("COMMIT")
        place.config.write_text(json.dumps(with_demo()))
        for _ in range(8):
            process = await daemon._start(place)
            await eventually(lambda: (place.root / "run" / "daemon.lock").exists(), SLOW)
            await trio.sleep(chance.uniform(0, 0.4))
            process.kill()
            await process.wait()
        async with running(place, with_demo()) as last:
            assert await last.stop() == 0
        with closing(sqlite3.connect(journal)) as connection:
            assert connection.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert connection.execute("SELECT count(*) FROM events").fetchone() == (5000,)
