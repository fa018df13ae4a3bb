"""Damaged journals: kept as they are under another name, and what can be read of them goes on."""

from __future__ import annotations

import contextlib
import os
import random
import sqlite3
from collections.abc import Callable
from functools import partial
from pathlib import Path

import orjson
import pytest

from jelmored.domain.ids import PromptId, SessionId
from jelmored.errors import JournalDamaged, JournalError
from jelmored.journal import damage, reader
from jelmored.journal.backlog import Write
from jelmored.journal.base import Attachment, Batch, Entry, StoredPrompt, StoredSession
from jelmored.journal.engine import wal_of
from jelmored.journal.writer import Writer
from tests.journal.contract import ONE, TWO, Clock, seqs

PAGE = 4096
BINARY = b"\x89PNG" * 100


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


def event(seq: int, text: str = "x" * 300) -> Entry:
    return Entry(seq, "assistant", orjson.dumps({"seq": seq, "eventType": "assistant", "content": text}))


def retold(stored: StoredSession, complete: bool) -> tuple[bytes, Entry] | None:
    if stored.facts == b"nonsense":
        return None
    note = {"seq": stored.seq + 1, "complete": complete}
    return b"retold", Entry(stored.seq + 1, "system", orjson.dumps(note))


def written(path: Path, sessions: int = 4, events: int = 200) -> None:
    """A journal with some of everything, closed cleanly."""
    with contextlib.closing(Writer.open(path, "full", Clock())) as writer:
        for number in range(sessions):
            batch = Batch(
                session_id=SessionId(f"ses_{number}"),
                events=tuple(event(seq) for seq in range(1, events + 1)),
                facts=b"{}",
                queue=(StoredPrompt(PromptId("prm_1"), b"{}"),),
                attachments=(Attachment("f" * 64, b"not what its name says"),) if number else (),
            )
            write = Write([batch], 0, 0.0)
            writer.write([write])
            assert write.error is None


def spoil(path: Path, chance: random.Random, pages: range) -> None:
    """Bytes of some pages are others."""
    content = bytearray(path.read_bytes())
    for page in pages:
        start = page * PAGE + chance.randrange(200)
        content[start : start + 100] = chance.randbytes(100)
    path.write_bytes(content)
    damage.suspect(path)


def logs(path: Path) -> dict[str, list[Entry]]:
    with contextlib.closing(reader.Reader(path)) as lent:
        return {stored.session_id: _log(lent, stored.session_id) for stored in lent.run(reader.sessions)}


def _log(lent: reader.Reader, session_id: SessionId) -> list[Entry]:
    return list(lent.run(lambda file: reader.page(file, session_id, 0, None, 10**6, 10**9)).entries)


def test_it_is_set_aside_as_it_is_and_every_log_is_a_prefix(path: Path) -> None:
    written(path)
    pages = path.stat().st_size // PAGE
    spoil(path, random.Random(1), range(pages // 2, pages // 2 + 4))
    before = path.read_bytes()
    with contextlib.closing(Writer.open(path, "full", Clock(), retell=retold)) as writer:
        assert writer.aside is not None
        aside, found = writer.aside
        assert aside.name == "journal.db.damaged-20261123T005601Z"
        assert aside.read_bytes() == before
        assert found.cut >= 1
        assert found.whole >= 1
    for entries in logs(path).values():
        *kept, note = entries
        assert kept == [event(seq) for seq in range(1, len(kept) + 1)]
        assert orjson.loads(note.body) == {"seq": len(kept) + 1, "complete": len(kept) == 200}
    with contextlib.closing(Writer.open(path, "full", Clock())) as writer:
        assert writer.aside is None
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        assert connection.execute("SELECT count(*) FROM attachments").fetchone() == (0,), "it is not what it says"


def test_whatever_is_spoilt_the_start_succeeds_and_no_log_has_a_gap(tmp_path: Path) -> None:
    for seed in range(25):
        path, chance = tmp_path / str(seed) / "journal.db", random.Random(seed)
        written(path, sessions=3, events=60)
        pages = path.stat().st_size // PAGE
        first = chance.randrange(pages)
        spoil(path, chance, range(first, min(pages, first + chance.randrange(1, 6))))
        with contextlib.closing(Writer.open(path, "full", Clock(), retell=retold)) as writer:
            write = Write([Batch(session_id=TWO, events=(event(1),), facts=b"{}")], 0, 0.0)
            writer.write([write])
            assert write.error is None
        for entries in logs(path).values():
            assert seqs(tuple(entries)) == list(range(1, len(entries) + 1))


def test_what_is_no_database_any_more_is_set_aside_too(path: Path) -> None:
    path.write_bytes(b"\xde" * 100_000)
    with contextlib.closing(Writer.open(path, "full", Clock(), retell=retold)) as writer:
        assert writer.aside is not None
        assert writer.aside[0].read_bytes() == b"\xde" * 100_000
    assert logs(path) == {}


def test_an_earlier_one_is_never_overwritten(path: Path) -> None:
    for number in range(3):
        path.write_bytes(b"%d" % number * 1000)
        Writer.open(path, "full", Clock(), retell=retold).close()
    asides = sorted(file for file in path.parent.iterdir() if "damaged" in file.name)
    assert [file.read_bytes()[:1] for file in asides] == [b"0", b"1", b"2"]


def test_facts_that_make_no_sense_leave_the_session_behind(path: Path) -> None:
    with contextlib.closing(Writer.open(path, "full", Clock())) as writer:
        for session_id, facts in ((ONE, b"nonsense"), (TWO, b"{}")):
            writer.write([Write([Batch(session_id=session_id, events=(event(1),), facts=facts)], 0, 0.0)])
    spoil(path, random.Random(3), range(20, 21))
    damage.set_aside(path, "full", retold, Clock())
    assert list(logs(path)) == [TWO]


def test_without_a_way_to_tell_sessions_it_is_refused_and_left(path: Path) -> None:
    path.write_bytes(b"\xde" * 100_000)
    with pytest.raises(JournalDamaged):
        Writer.open(path, "full", Clock())
    assert path.read_bytes() == b"\xde" * 100_000


def test_one_that_can_not_be_moved_is_an_error_that_says_so(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_bytes(b"\xde" * 100_000)

    def refuse(self: Path, target: Path) -> None:
        raise PermissionError(1, "Operation not permitted", str(self))

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(JournalError, match=r"Operation not permitted.*journal\.db"):
        Writer.open(path, "full", Clock(), retell=retold)
    assert path.read_bytes() == b"\xde" * 100_000


class Killed(BaseException):
    """As SIGKILL: nothing is cleaned up behind it."""


def _killed_at(step: int, monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> bool:
    """Let all steps that change names be taken but this one and those behind it. False: there are fewer."""
    taken = 0

    def guarded(do: Callable[..., object]) -> Callable[..., object]:
        def step_of(*args: object, **kwargs: object) -> object:
            nonlocal taken
            taken += 1
            if taken > step:
                raise Killed
            return do(*args, **kwargs)

        return step_of

    with monkeypatch.context() as patched:
        for name in ("rename", "write_text", "unlink"):
            patched.setattr(Path, name, guarded(getattr(Path, name)))
        try:
            act()
        except Killed:
            return True
        return False


@pytest.mark.parametrize("with_log", [False, True])
def test_cut_at_any_step_the_next_start_goes_on_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, with_log: bool
) -> None:
    for step in range(100):
        path = tmp_path / str(step) / "journal.db"
        written(path, sessions=2, events=100)
        pages = path.stat().st_size // PAGE
        spoil(path, random.Random(5), range(pages // 2, pages // 2 + 3))
        if with_log:
            wal_of(path).write_bytes(b"torn" * 1000)
        before = path.read_bytes()
        cut = _killed_at(step, monkeypatch, partial(damage.set_aside, path, "full", retold, Clock()))
        Writer.open(path, "full", Clock(), retell=retold).close()
        (aside,) = [file for file in path.parent.iterdir() if file.name.endswith("Z")]
        assert aside.read_bytes() == before
        left = {file.name for file in path.parent.iterdir()} - {aside.name, f"{aside.name}-wal", f"{aside.name}-shm"}
        assert left == {"journal.db", "journal.db.reserve", "lock"}
        assert len(logs(path)) == 2
        if not cut:
            break
    assert 3 < step < 99


def test_a_suspicion_is_looked_into_and_forgotten(path: Path) -> None:
    written(path)
    damage.suspect(path)
    Writer.open(path, "full", Clock(), retell=retold).close()
    assert not damage.is_suspect(path)
    assert len(logs(path)) == 4
    assert not [name for name in os.listdir(path.parent) if "damaged" in name]
