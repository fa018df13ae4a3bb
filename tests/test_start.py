"""Ready soon after a sudden end, however much there is: process start → ready line (R6 of what we promise)."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest
import trio

from jelmored.domain.commands import CreateSession
from jelmored.domain.events import Event, EventType, Said
from jelmored.domain.ids import ItemId, ProviderName, SessionId
from jelmored.domain.permissions import PermissionMode
from jelmored.domain.sessions import OpenTurn
from jelmored.domain.times import utc_now
from jelmored.journal.schema import opened
from jelmored.sessions.moving.founding import first_facts
from jelmored.wire import codec

from .client_raw import connect
from .test_daemon import started

SESSIONS = 1000
CUT = 10  # sessions that were in a turn
LINE = "so many words, about as long as a line of an answer that an agent gives " * 3


def fill(path: Path, events: int) -> None:
    """A journal of so many events, of 1,000 sessions."""
    path.parent.mkdir(mode=0o700)
    with contextlib.closing(opened(path, "normal")) as connection:
        connection.execute("BEGIN")
        for row in range(1, SESSIONS + 1):
            _keep_session(connection, row, events // SESSIONS)
        connection.execute("COMMIT")


def _keep_session(connection: sqlite3.Connection, row: int, events: int) -> None:
    facts = first_facts(CreateSession(cwd="/tmp"), ProviderName("demo"), PermissionMode.ASK, ())
    if row <= CUT:
        facts = codec.from_json(
            {
                **codec.to_json(facts),
                "status": "active",
                "turn": 1,
                "openTurn": codec.to_json(OpenTurn(number=1, prompt_id=None, started_at=utc_now())),
            },
            type(facts),
        )
    kept = (row, facts.session_id, events, codec.encode(facts))
    connection.execute("INSERT INTO sessions VALUES (?, ?, ?, ?)", kept)
    connection.executemany("INSERT INTO events VALUES (?, ?, ?, ?)", _events(row, facts.session_id, events))


def _events(row: int, session_id: SessionId, number: int) -> Iterator[tuple[int, int, str, bytes]]:
    first = Event(
        session_id=session_id,
        seq=1,
        event_type=EventType.ASSISTANT,
        content=LINE,
        metadata=Said(item_id=ItemId("item")),
        timestamp=utc_now(),
        turn=1,
        provider=ProviderName("demo"),
    )
    before, _, behind = codec.encode(first).partition(b'"seq":1,')
    for seq in range(1, number + 1):
        yield row, seq, "assistant", b'%s"seq":%d,%s' % (before, seq, behind)


@attrs.frozen
class Start:
    """Seconds until it was ready: on the clock, and of the processor, which a busy machine does not change."""

    wall: float
    cpu: float


def _cpu(pid: int) -> float:
    """Seconds that a process has had of the processor."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def starts(events: int) -> list[Start]:
    """Of two starts, each after the daemon before it was killed."""
    with tempfile.TemporaryDirectory(prefix="jd-") as made:
        root, taken = Path(made), list[Start]()
        await trio.to_thread.run_sync(fill, root / "s" / "journal.db", events)
        for _ in range(3):
            begun = trio.current_time()
            async with started(root) as daemon:
                await daemon.ready()
                taken.append(Start(trio.current_time() - begun, _cpu(daemon.process.pid)))
                async with connect(daemon.socket) as client:
                    status = await client.request("daemon/status")
                    assert sum(status["sessions"].values()) >= SESSIONS
                    assert status["journal"]["ok"]
                    await client.request("session/create", cwd="/")  # the log has something that is not in the file
                daemon.process.kill()
                await daemon.process.wait()
    return taken[1:]


@pytest.mark.soak
async def test_with_a_million_events() -> None:
    taken = await starts(1_000_000)
    print(*taken, sep="\n")
    assert min(start.wall for start in taken) < 2, taken


async def test_with_fifty_thousand_events() -> None:
    taken = await starts(50_000)
    assert min(start.cpu for start in taken) < 2, taken
