"""A session of OpenCode is packed as its server gives it out; what is no session never reaches the program."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import orjson
import pytest

from jelmored.errors import SessionError
from jelmored.providers import parcels
from jelmored.providers.opencode.records import ROOT, Importer, pack

from .fake import Says, serving
from .test_memories import CHILD, KEPT
from .test_memories import ROOT as NATIVE_ID

OTHER = {**KEPT[0]["messages"][-1], "info": {**KEPT[0]["messages"][-1]["info"], "id": "msg_other"}}
MISSING = Says({"message": "no such session"}, 404)


def answers(messages: list[Any] | None = None) -> dict[str, Any]:
    return {
        f"GET /session/{NATIVE_ID}": Says(KEPT[0]["info"]),
        f"GET /session/{NATIVE_ID}/message": Says(KEPT[0]["messages"] if messages is None else messages),
        f"GET /session/{NATIVE_ID}/children": Says([KEPT[1]["info"]]),
        f"GET /session/{CHILD}": Says(KEPT[1]["info"]),
        f"GET /session/{CHILD}/message": Says(KEPT[1]["messages"]),
        f"GET /session/{CHILD}/children": Says([]),
    }


async def packed() -> bytes:
    async with serving(answers=answers()) as (_, client):
        record = await pack(client, NATIVE_ID)
    assert record is not None
    return record


def program(home: Path, *, code: int = 0) -> Importer:
    """One that keeps what it is told to import, and says that it is there."""
    file = home / "opencode"
    file.write_text(f'#!/bin/sh\ncat "$2" >> {home}/taken; echo "$PWD $1" >> {home}/calls; echo no >&2; exit {code}\n')
    file.chmod(stat.S_IRWXU)
    return Importer(program=str(file), env={"PATH": "/usr/bin:/bin", "HOME": str(home)})


async def unpacked(importer: Importer, record: bytes, there: dict[str, Any], cwd: Path) -> bool:
    async with serving(answers=there) as (_, client):
        return await importer.unpack(client, NATIVE_ID, str(cwd), record)


def appears(home: Path, before: list[Any] | None = None) -> dict[str, Any]:
    """A server that has the session, or more than these messages of it, once the program has run."""
    ran = (home / "taken").exists
    return {
        f"GET /session/{NATIVE_ID}": lambda _: Says(KEPT[0]["info"]) if ran() or before is not None else MISSING,
        f"GET /session/{NATIVE_ID}/message": lambda _: Says(KEPT[0]["messages"] if ran() else before or []),
    }


async def test_it_goes_with_its_subagents() -> None:
    files = parcels.unwrapped(await packed())
    assert set(files) == {ROOT, f"{CHILD}.json"}
    assert orjson.loads(files[ROOT]) == {"info": KEPT[0]["info"], "messages": KEPT[0]["messages"]}


async def test_what_is_not_there_or_too_large_is_not_packed(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(answers={f"GET /session/{NATIVE_ID}": MISSING}) as (_, client):
        assert await pack(client, NATIVE_ID) is None
    monkeypatch.setattr(parcels, "MAX_SIZE", 1000)
    async with serving(answers=answers()) as (_, client):
        assert await pack(client, NATIVE_ID) is None


async def test_the_program_takes_it_in_the_directory_of_the_session(tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    assert await unpacked(program(tmp_path), await packed(), appears(tmp_path), work)
    assert (tmp_path / "calls").read_text() == f"{work} import\n" * 2
    assert json.loads((tmp_path / "taken").read_text().partition("}{")[0] + "}")["info"]["id"] == NATIVE_ID


@pytest.mark.parametrize(
    ("there", "taken"),
    [([*KEPT[0]["messages"], OTHER], True), ([KEPT[0]["messages"][0], OTHER], False), ([OTHER], False)],
)
async def test_what_is_there_and_has_gone_on_stays(tmp_path: Path, there: list[Any], taken: bool) -> None:
    assert await unpacked(program(tmp_path), await packed(), answers(there), tmp_path) is taken
    assert not (tmp_path / "calls").exists()


@pytest.mark.parametrize("known", [0, 2])
async def test_to_what_is_there_is_added_what_came_behind_it(known: int, tmp_path: Path) -> None:
    there = KEPT[0]["messages"][:known]
    assert await unpacked(program(tmp_path), await packed(), appears(tmp_path, there), tmp_path)
    assert (tmp_path / "calls").exists()


async def test_a_program_that_does_not_add_it_is_not_believed(tmp_path: Path) -> None:
    assert not await unpacked(program(tmp_path), await packed(), answers(KEPT[0]["messages"][:2]), tmp_path)


@pytest.mark.parametrize(
    "files",
    [
        {},
        {ROOT: b"garbage"},
        {ROOT: b"{}"},
        {ROOT: b'{"info":{"id":"ses_other"},"messages":[]}'},
        {ROOT: b'{"info":{"id":"%b"}}' % NATIVE_ID.encode()},
    ],
)
async def test_what_is_no_such_session_is_refused(tmp_path: Path, files: dict[str, bytes]) -> None:
    async with serving() as (_, client):
        with pytest.raises(SessionError, match="damaged"):
            await program(tmp_path).unpack(client, NATIVE_ID, str(tmp_path), parcels.wrapped(files))
    assert not (tmp_path / "calls").exists()


async def test_a_program_that_does_not_take_it_says_why(tmp_path: Path) -> None:
    record = await packed()
    async with serving(answers=appears(tmp_path)) as (_, client):
        with pytest.raises(SessionError, match=r"damaged.*no"):
            await program(tmp_path, code=1).unpack(client, NATIVE_ID, str(tmp_path), record)
