"""The names are those that the real CLI (2.1.197) was seen to make."""

from __future__ import annotations

from pathlib import Path

import pytest

from jelmored.providers.claude.transcripts import Transcript, folder_name


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
    assert not await transcript(tmp_path, cwd).exists()
    folder.mkdir(parents=True)
    assert not await transcript(tmp_path, cwd).exists()
    (folder / "native-1.jsonl").touch()
    assert await transcript(tmp_path, cwd).exists()
    assert not await transcript(tmp_path, tmp_path / "q").exists()


async def test_links_are_followed_and_the_place_can_be_set(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    folder = tmp_path / "cfg" / "projects" / folder_name(str((tmp_path / "real").resolve()))
    folder.mkdir(parents=True)
    (folder / "native-1.jsonl").touch()
    assert await transcript(tmp_path, tmp_path / "link", CLAUDE_CONFIG_DIR=str(tmp_path / "cfg")).exists()


async def test_a_long_name_is_cut_and_ends_with_a_hash(tmp_path: Path) -> None:
    cwd = tmp_path.joinpath(*["d" * 50] * 5)
    name = folder_name(str(cwd.resolve()))[:200] + "-xmgwc4"
    folder = tmp_path / ".claude" / "projects" / name
    folder.mkdir(parents=True)
    (folder / "native-1.jsonl").touch()
    assert await transcript(tmp_path, cwd).exists()
