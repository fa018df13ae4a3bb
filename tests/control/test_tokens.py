"""Token files: made, read, refused, replaced."""

from __future__ import annotations

import base64
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from jelmored.control.tokens import MAX_TOKENS, TokenFiles, digest, gone
from jelmored.domain.scopes import Scope
from jelmored.errors import PlaceError


@pytest.fixture
def files(tmp_path: Path) -> TokenFiles:
    return TokenFiles(tmp_path / "state" / "tokens")


def test_the_first_one_is_made_by_itself_and_is_ours_alone(files: TokenFiles) -> None:
    files.ensure()
    path = files.path("admin")
    assert stat.S_IMODE(files.directory.stat().st_mode) == 0o700
    assert stat.S_IMODE(files.directory.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    scope, _, chance = path.read_text().strip().partition(".")
    assert scope == "admin"
    assert len(base64.urlsafe_b64decode(chance + "=")) * 8 >= 256
    assert files.token("admin").digest == digest(path.read_text().strip())
    assert chance not in repr(files.token("admin"))


def test_it_is_made_only_where_there_is_none(files: TokenFiles) -> None:
    files.add("ci", Scope.OBSERVER)
    files.ensure()
    assert files.names() == ["ci"]


@pytest.mark.parametrize("scope", Scope)
def test_each_has_its_scope(files: TokenFiles, scope: Scope) -> None:
    assert files.add("x", scope).read_text().startswith(f"{scope}.")
    assert files.token("x").scope is scope


def test_what_an_editor_leaves_there_is_no_token(files: TokenFiles) -> None:
    files.ensure()
    for name in ("admin~", "x.tmp", ".admin.swp"):
        (files.directory / name).write_text("in the way")
    tokens, faults = files.read()
    assert ([token.name for token in tokens], faults) == (["admin"], [])


def test_no_two_are_the_same(files: TokenFiles) -> None:
    texts = {files.add(f"t{number}", Scope.ADMIN).read_text() for number in range(50)}
    assert len(texts) == 50


def test_one_that_is_there_is_not_overwritten(files: TokenFiles) -> None:
    path = files.add("ci", Scope.ADMIN)
    before = path.read_text()
    with pytest.raises(PlaceError, match=r"there is a token ci already.*rotate"):
        files.add("ci", Scope.OBSERVER)
    assert path.read_text() == before


def test_rotation_keeps_the_scope_and_the_file(files: TokenFiles) -> None:
    path = files.add("ci", Scope.OPERATOR)
    before = files.token("ci")
    assert files.rotate("ci") == path
    after = files.token("ci")
    assert (after.scope, after.digest == before.digest) == (Scope.OPERATOR, False)
    assert gone([before], [after]) == {before.digest}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(files.directory) == ["ci"]


def test_revocation(files: TokenFiles) -> None:
    files.add("ci", Scope.OPERATOR)
    files.revoke("ci")
    assert files.read() == ([], [])
    for step in (files.revoke, files.rotate, files.token):
        with pytest.raises(PlaceError, match="there is no"):
            step("ci")


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", ".x", "a" * 65, "ü", "a b", "-x"])
def test_a_name_leads_nowhere_else(files: TokenFiles, name: str) -> None:
    for step in (lambda: files.add(name, Scope.ADMIN), lambda: files.revoke(name), lambda: files.rotate(name)):
        with pytest.raises(PlaceError, match=r"no name of a token|there is no"):
            step()
    assert not files.directory.exists() or not files.names()


def _open_to_group(path: Path) -> None:
    path.chmod(0o640)


def _open_to_all(path: Path) -> None:
    path.chmod(0o604)


def _a_link(path: Path) -> None:
    aside = path.parent.parent / "elsewhere"
    path.rename(aside)
    path.symlink_to(aside)


def _a_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path, 0o600)


def _another_text(path: Path) -> None:
    path.write_text("admin.short\n")


def _a_longer_text(path: Path) -> None:
    path.write_text(path.read_text().strip() + "x" * 1000)


def _another_scope(path: Path) -> None:
    path.write_text("root." + path.read_text().partition(".")[2])


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_open_to_group, r"open to others \(mode has 040\): run `chmod 600 "),
        (_open_to_all, r"open to others \(mode has 004\): run `chmod 600 "),
        (_a_link, "can't be used"),
        (_a_directory, "is no file: remove it"),
        (_a_pipe, "is no file: remove it"),
        (_another_text, "has no token in it: run"),
        (_a_longer_text, "has no token in it: run"),
        (_another_scope, "has no token in it: run"),
    ],
)
def test_a_file_that_is_not_in_order_is_told_with_what_to_do(
    files: TokenFiles, spoil: Callable[[Path], None], words: str
) -> None:
    files.add("good", Scope.ADMIN)
    spoil(files.add("bad", Scope.ADMIN))
    tokens, faults = files.read()
    assert [token.name for token in tokens] == ["good"]
    assert len(faults) == 1
    with pytest.raises(PlaceError, match=words):
        files.token("bad")


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a file away")
def test_another_owner_is_refused(files: TokenFiles) -> None:
    os.chown(files.add("ci", Scope.ADMIN), 4711, 4711)
    with pytest.raises(PlaceError, match="belongs to uid 4711, not to us"):
        files.token("ci")
    os.chown(files.directory, 4711, 4711)
    with pytest.raises(PlaceError, match="belongs to uid 4711, not to us"):
        files.ensure()


def test_a_directory_that_others_can_read_is_refused(files: TokenFiles) -> None:
    files.ensure()
    files.directory.chmod(0o755)
    for step in (files.ensure, files.read, lambda: files.add("x", Scope.ADMIN)):
        with pytest.raises(PlaceError, match=r"open to others \(mode has 055\): run `chmod 700 "):
            step()


def test_a_directory_that_is_a_link_is_refused(files: TokenFiles, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    files.directory.parent.mkdir()
    files.directory.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PlaceError, match="is no directory"):
        files.ensure()


def test_there_is_an_end_to_how_many(files: TokenFiles) -> None:
    files.ensure()
    for number in range(MAX_TOKENS):
        (files.directory / f"t{number}").touch()
    with pytest.raises(PlaceError, match="more than 100 files"):
        files.read()
