"""Plug-ins of a project are found wherever OpenCode would find them."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
import trio

from jelmored.errors import ErrorKind, SessionError
from jelmored.providers.opencode import projects

FOUND = {
    ".opencode/plugin/a.js": "",
    ".opencode/plugins/.a.ts": "",
    "opencode.json": '{"plugin": ["./a.js"]}',
    "opencode.jsonc": '{ // well\n "plugin": ["x"] }',
    ".opencode/opencode.json": '{"plugins": [{"package": "x"}]}',
    ".opencode/opencode.jsonc": '{"\\u0070lugin": ["x"]}',
}
HARMLESS = {
    ".opencode/plugin/README.md": "",
    ".opencode/agent/plugin.md": "",
    ".opencode/tool/a.js": "",
    "opencode.json": '{"model": "a/b", "plugin": [], "instructions": ["about \\u0070lugins.md"]}',
    "opencode.jsonc": "{ /* nothing */ }",
    "plugin/a.js": "",
}


def put(directory: Path, name: str, text: str) -> str:
    file = directory / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return str(file)


@pytest.mark.parametrize("name", FOUND)
@pytest.mark.parametrize("where", [".", "..", "../.."])
async def test_it_is_found_there_and_above(tmp_path: Path, name: str, where: str) -> None:
    work = tmp_path / "a" / "b"
    work.mkdir(parents=True)
    await projects.check(str(work), "/nobody")
    put((work / where).resolve(), name, FOUND[name])
    with pytest.raises(SessionError) as refused:
        await projects.check(str(work), "/nobody")
    assert refused.value.kind is ErrorKind.FORBIDDEN
    assert name in refused.value.message
    assert "project_plugins" in (refused.value.remedy or "")


@pytest.mark.parametrize("name", HARMLESS)
async def test_what_is_none_is_no_matter(tmp_path: Path, name: str) -> None:
    put(tmp_path, name, HARMLESS[name])
    await projects.check(str(tmp_path), "/nobody")


@pytest.mark.parametrize(
    "text", ['{"a": 1, "plugin": [], "plugin": ["x"]}', '{"plugin": ["x"], "plugin": []}', "{" * 9999]
)
async def test_in_doubt_there_is_one(tmp_path: Path, text: str) -> None:
    put(tmp_path, "opencode.json", text + ('"plugin"' if text[1] == "{" else ""))
    with pytest.raises(SessionError):
        await projects.check(str(tmp_path), "/nobody")


async def test_what_lies_in_ones_home_is_ones_own(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    put(tmp_path, ".opencode/plugin/mine.js", "")
    await projects.check(str(tmp_path / "work"), str(tmp_path))


async def test_a_link_to_a_folder_of_plugins_is_followed(tmp_path: Path) -> None:
    put(tmp_path, "elsewhere/a.js", "")
    (tmp_path / "work/.opencode").mkdir(parents=True)
    (tmp_path / "work/.opencode/plugin").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SessionError):
        await projects.check(str(tmp_path / "work"), "/nobody")


@pytest.mark.parametrize("name", ["opencode.json", ".opencode/opencode.jsonc"])
async def test_a_pipe_holds_nobody_up_and_may_say_anything(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    os.mkfifo(tmp_path / name)
    with trio.fail_after(5), pytest.raises(SessionError, match=name):
        await projects.check(str(tmp_path), "/nobody")


@pytest.mark.parametrize(("error", "there"), [(errno.EMFILE, True), (errno.EIO, True), (errno.EACCES, False)])
def test_what_could_not_be_looked_at_now_may_be_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: int, there: bool
) -> None:
    def fails(*_: object) -> int:
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(os, "open", fails)
    assert (projects.first(tmp_path, Path("/nobody")) is not None) is there
