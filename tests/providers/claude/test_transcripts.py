"""The names are those that the real CLI (2.1.197) was seen to make."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jelmored.providers.claude.transcripts import Record, Tally, Transcript, compared, cut_name, folder_name


@pytest.mark.parametrize(
    ("cwd", "name"),
    [
        ("/home/user/project", "-home-user-project"),
        ("/tmp/w/we ird.d_ir/ünï", "-tmp-w-we-ird-d-ir--n-"),
        ("/a/😀", "-a---"),
    ],
)
def test_folder_names(cwd: str, name: str) -> None:
    assert folder_name(cwd) == name


def transcript(home: Path, cwd: Path, **env: str) -> Transcript:
    return Transcript.of({"HOME": str(home), **env}, str(cwd), "native-1")


async def test_it_is_found_where_claude_keeps_it(tmp_path: Path) -> None:
    cwd = tmp_path / "p"
    folder = tmp_path / ".claude" / "projects" / folder_name(str(cwd.resolve()))
    assert transcript(tmp_path, cwd).find() is None
    folder.mkdir(parents=True)
    assert transcript(tmp_path, cwd).find() is None
    (folder / "native-1.jsonl").touch()
    assert transcript(tmp_path, cwd).find() is not None
    assert transcript(tmp_path, tmp_path / "q").find() is None


async def test_links_are_followed_and_the_place_can_be_set(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    folder = tmp_path / "cfg" / "projects" / folder_name(str((tmp_path / "real").resolve()))
    folder.mkdir(parents=True)
    (folder / "native-1.jsonl").touch()
    assert transcript(tmp_path, tmp_path / "link", CLAUDE_CONFIG_DIR=str(tmp_path / "cfg")).find() is not None


async def test_a_long_name_is_cut_and_ends_with_a_hash(tmp_path: Path) -> None:
    cwd = tmp_path.joinpath(*["d" * 50] * 5)
    name = folder_name(str(cwd.resolve()))[:200] + "-xmgwc4"
    folder = tmp_path / ".claude" / "projects" / name
    folder.mkdir(parents=True)
    (folder / "native-1.jsonl").touch()
    assert transcript(tmp_path, cwd).find() is not None


def test_a_long_name_ends_with_the_hash_that_the_cli_makes() -> None:
    cwd = "/tmp/jr-9zg99au7/" + "/".join(["d" * 50] * 5) + "/ünï😀"
    assert cut_name(cwd) == f"{folder_name(cwd)[:200]}-dmmosl"
    assert cut_name("/home/user") == "-home-user"


def message(number: int, **more: object) -> bytes:
    words = {"type": "user", "message": {"role": "user", "content": f"words {number}"}, "uuid": f"u{number}"}
    return json.dumps({**words, **more}, separators=(",", ":")).encode() + b"\n"


NOTE = b'{"type":"last-prompt","leafUuid":"u1"}\n'
RECORD = message(1) + NOTE + message(2) + NOTE


def marked(record: bytes) -> str | None:
    return Tally.of(io.BytesIO(record)).mark


def look(record: bytes, mark: str | None) -> Record:
    return compared(io.BytesIO(record), mark)


@pytest.mark.parametrize(
    ("record", "seen"),
    [
        (RECORD, Record.WHOLE),
        (RECORD + NOTE, Record.WHOLE),  # it was opened and closed again
        (RECORD + b'{"type":"mo', Record.WHOLE),
        (RECORD + message(3), Record.GROWN),
        (message(1) + NOTE, Record.DAMAGED),
        (RECORD[: len(RECORD) // 2], Record.DAMAGED),
        (RECORD.replace(b"words 1", b"words 9"), Record.DAMAGED),
        (RECORD.replace(b"words 1", b"words 9") + message(3), Record.DAMAGED),
        (RECORD[:-60] + bytes(60), Record.DAMAGED),
        (b"garbage\n" * 9, Record.DAMAGED),
        (b"", Record.DAMAGED),
    ],
)
def test_what_has_become_of_a_record_that_has_a_mark(record: bytes, seen: Record) -> None:
    assert look(record, marked(RECORD)) is seen


@pytest.mark.parametrize(
    ("record", "seen"),
    [
        (RECORD, Record.WHOLE),
        (message(1), Record.WHOLE),
        (RECORD[:-80], Record.WHOLE),  # claude was killed while it wrote
        (RECORD[:-60] + bytes(60), Record.DAMAGED),  # the power was cut
        (NOTE, Record.DAMAGED),
        (b"", Record.DAMAGED),
    ],
)
def test_what_has_become_of_a_record_whose_mark_is_not_known(record: bytes, seen: Record) -> None:
    assert look(record, None) is seen


@given(st.lists(st.sampled_from(["message", "note", "torn"]), min_size=1, max_size=12), st.data())
def test_a_record_that_only_claude_has_written_is_never_refused(lines: list[str], data: st.DataObject) -> None:
    """Whatever notes it makes when it is opened and closed: only words are told from a mark."""

    def written(kind: str, number: int) -> bytes:
        return {"message": message(number), "note": NOTE, "torn": message(number)[:20] + b"\n"}[kind]

    record = message(0) + b"".join(written(kind, number) for number, kind in enumerate(lines, 1))
    notes = NOTE * data.draw(st.integers(0, 3))
    assert look(record + notes, marked(record)) is Record.WHOLE
    assert look(record + notes + message(99), marked(record)) is Record.GROWN


async def test_it_is_looked_at_where_it_lies(tmp_path: Path) -> None:
    cwd = tmp_path / "p"
    record = transcript(tmp_path, cwd)
    assert (await record.look(None), await record.mark()) == (Record.GONE, None)
    record.path.parent.mkdir(parents=True)
    record.path.write_bytes(RECORD)
    mark = await record.mark()
    assert mark == marked(RECORD)
    assert await record.look(mark) is Record.WHOLE
