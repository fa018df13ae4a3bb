"""A conversation of claude's is carried with all that belongs to it, and put where claude looks for it."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from jelmored.errors import SessionError
from jelmored.providers import parcels
from jelmored.providers.claude.records import MAIN, pack, unpack
from jelmored.providers.claude.transcripts import Transcript

ID = "11111111-2222-4333-8444-555555555555"
LINE = json.dumps({"type": "user", "uuid": "u1", "message": {"content": "hi"}}, separators=(",", ":")).encode() + b"\n"


def transcript(home: Path, native_id: str = ID, cwd: str = "/home/user/project") -> Transcript:
    return Transcript.of({"HOME": str(home)}, cwd, native_id)


def written(home: Path, content: bytes = LINE, **beside: bytes) -> Transcript:
    """A conversation as claude leaves it; `beside`: files of its subagents."""
    kept = transcript(home)
    folder = kept.path.with_suffix("") / "subagents"
    folder.mkdir(parents=True)
    kept.path.write_bytes(content)
    for name, words in beside.items():
        (folder / f"{name}.jsonl").write_bytes(words)
    return kept


def packed(kept: Transcript) -> bytes:
    record = pack(kept)
    assert record is not None
    return record


def test_it_is_put_where_claude_looks_for_it(tmp_path: Path) -> None:
    record = packed(written(tmp_path / "a", one=b"{}\n"))
    there = transcript(tmp_path / "b", cwd="/srv/other")
    assert unpack(there, record)
    assert there.find() == there.path
    assert there.path.read_bytes() == LINE
    assert (there.path.with_suffix("") / "subagents" / "one.jsonl").read_bytes() == b"{}\n"
    files = [Path(at, name) for at, _, names in os.walk(tmp_path / "b") for name in names]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_what_is_there_stays(tmp_path: Path) -> None:
    record = packed(written(tmp_path / "a"))
    grown = written(tmp_path / "b", LINE + LINE)
    assert unpack(grown, record), "the same conversation, which has gone on: its mark tells"
    assert grown.path.read_bytes() == LINE + LINE
    other = written(tmp_path / "c", LINE.replace(b"hi", b"ho"), one=b"mine")
    assert not unpack(other, record)
    assert other.path.read_bytes() == LINE.replace(b"hi", b"ho")


def test_to_what_is_there_only_what_came_behind_it_is_added(tmp_path: Path) -> None:
    record = packed(written(tmp_path / "a", LINE + LINE, one=b"1\n2\n", two=b"2"))
    there = written(tmp_path / "b", LINE, one=b"1\n", two=b"other")
    with there.path.open("rb") as former:
        assert unpack(there, record)
        assert former.read() == LINE + LINE  # the same file: who has it open goes on with it
    beside = there.path.with_suffix("") / "subagents"
    assert [(beside / f"{name}.jsonl").read_bytes() for name in ("one", "two")] == [b"1\n2\n", b"other"]
    cut = written(tmp_path / "c", (LINE + LINE)[:-7])
    assert unpack(cut, record), "cut in the middle, it is taken up"
    assert cut.path.read_bytes() == LINE + LINE


def test_one_that_was_gone_on_with_apart_stays_with_all_beside_it(tmp_path: Path) -> None:
    record = packed(written(tmp_path / "a", LINE + LINE, one=b"1\n2\n"))
    apart = written(tmp_path / "b", LINE + LINE.replace(b"hi", b"ho"), one=b"1\n")
    assert not unpack(apart, record)
    assert apart.path.read_bytes() == LINE + LINE.replace(b"hi", b"ho")
    assert (apart.path.with_suffix("") / "subagents" / "one.jsonl").read_bytes() == b"1\n"


def test_what_is_too_large_stays_at_home_piece_by_piece(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parcels, "MAX_SIZE", len(LINE) + 100)
    kept = written(tmp_path, large=b"x" * 200, small=b"y" * 50)
    assert set(parcels.unwrapped(packed(kept))) == {MAIN, "subagents/small.jsonl"}
    monkeypatch.setattr(parcels, "MAX_SIZE", 10)
    assert pack(kept) is None


def test_what_is_not_there_is_not_packed(tmp_path: Path) -> None:
    assert pack(transcript(tmp_path)) is None


@pytest.mark.parametrize(
    "record",
    [b"", b"garbage", parcels.wrapped({}), parcels.wrapped({MAIN: b""}), parcels.wrapped({MAIN: b"garbage\n"})],
)
def test_what_is_no_conversation_is_refused(tmp_path: Path, record: bytes) -> None:
    with pytest.raises(SessionError, match="damaged"):
        unpack(transcript(tmp_path), record)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("native_id", ["../../etc/x", "", "x", ID.upper() + "/.."])
def test_no_id_leads_out_of_the_folder(tmp_path: Path, native_id: str) -> None:
    with pytest.raises(SessionError, match="no such id"):
        unpack(transcript(tmp_path, native_id), parcels.wrapped({MAIN: LINE}))


def test_only_what_claude_keeps_beside_it_is_put_there(tmp_path: Path) -> None:
    record = parcels.wrapped({MAIN: LINE, "settings.json": b"{}", "subagents/a.jsonl": b"{}"})
    there = transcript(tmp_path)
    assert unpack(there, record)
    beside = there.path.with_suffix("")
    assert [str(file.relative_to(beside)) for file in beside.rglob("*") if file.is_file()] == ["subagents/a.jsonl"]


def test_a_disk_that_refuses_is_told(tmp_path: Path) -> None:
    (tmp_path / ".claude").write_text("no directory")
    with pytest.raises(SessionError, match="can't be put"):
        unpack(transcript(tmp_path), parcels.wrapped({MAIN: LINE}))
