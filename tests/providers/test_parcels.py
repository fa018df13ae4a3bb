"""What carries an agent's own record comes back as it went, or is refused with a reason."""

from __future__ import annotations

import io
import stat
import tarfile
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jelmored.errors import ErrorKind, SessionError
from jelmored.providers import parcels
from jelmored.providers.parcels import put, unwrapped, wrapped

FILES = {"transcript.jsonl": b"{}\n" * 1000, "subagents/agent-1.jsonl": b"\x00\xff", "empty": b""}


@given(st.dictionaries(st.from_regex(r"[a-z]{1,8}(/[a-z]{1,8})?", fullmatch=True), st.binary(max_size=2000)))
def test_what_is_wrapped_is_unwrapped(files: dict[str, bytes]) -> None:
    assert unwrapped(wrapped(files)) == files


@given(st.data())
def test_a_parcel_that_was_changed_is_refused_or_still_whole(data: st.DataObject) -> None:
    parcel = bytearray(wrapped(FILES))
    at = data.draw(st.integers(0, len(parcel) - 1))
    parcel[at] ^= data.draw(st.integers(1, 255))
    try:
        files = unwrapped(bytes(parcel))
    except SessionError:
        return
    assert files == FILES


@pytest.mark.parametrize("cut", [0, 1, 10, -1])
def test_half_a_parcel_is_refused(cut: int) -> None:
    with pytest.raises(SessionError, match="damaged") as refused:
        unwrapped(wrapped(FILES)[:cut])
    assert refused.value.kind is ErrorKind.STATE_INVALID


def _tar(member: tarfile.TarInfo) -> bytes:
    body = io.BytesIO()
    with tarfile.open(fileobj=body, mode="w") as tar:
        tar.addfile(member)
    return zlib.compress(body.getvalue())


@pytest.mark.parametrize("name", ["../out", "/etc/passwd", "a/../../b", "a b", "subagents/..", ""])
def test_no_name_leads_out_of_its_place(name: str) -> None:
    with pytest.raises(SessionError, match="no file that can be there"):
        unwrapped(_tar(tarfile.TarInfo(name)))


def test_nothing_but_files_is_taken() -> None:
    link = tarfile.TarInfo("link")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    with pytest.raises(SessionError):
        unwrapped(_tar(link))


def test_what_swells_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parcels, "MAX_SIZE", 1024)
    with pytest.raises(SessionError, match="too large"):
        unwrapped(wrapped({"a": bytes(4 * 1024 * 1024)}))


def test_a_file_is_put_for_its_owner_alone_and_replaces_none(tmp_path: Path) -> None:
    file = tmp_path / "new" / "a.jsonl"
    assert put(file, b"one")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert put(file, b"one"), "the same again"
    assert not put(file, b"two")
    assert file.read_bytes() == b"one"
    assert [one.name for one in file.parent.iterdir()] == ["a.jsonl"]
