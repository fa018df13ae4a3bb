"""The tokens that are good now."""

from __future__ import annotations

import errno
import hmac
import os
from collections.abc import Collection
from pathlib import Path

import pytest
from structlog.typing import EventDict

from jelmored.actors.running import running
from jelmored.control import keyring
from jelmored.control.keyring import Keyring
from jelmored.control.tokens import TokenFiles, digest
from jelmored.domain.scopes import Scope
from jelmored.errors import PlaceError
from tests.eventually import eventually


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TokenFiles:
    monkeypatch.setattr(keyring, "LOOK_SECONDS", 0.01)
    return TokenFiles(tmp_path / "tokens")


def text_of(files: TokenFiles, name: str) -> str:
    return files.path(name).read_text().strip()


async def test_what_changes_in_the_directory_is_noticed(files: TokenFiles) -> None:
    lost: list[Collection[bytes]] = []
    ring = Keyring(files, lost.append)
    async with running(ring.run):
        first = text_of(files, "admin")
        assert ring.find(first)
        ci = files.add("ci", Scope.OBSERVER).read_text().strip()
        await eventually(lambda: ring.find(ci) is not None, 5)
        assert (found := ring.find(ci)) is not None
        assert (found.name, found.scope) == ("ci", Scope.OBSERVER)
        assert lost == []
        files.rotate("admin")
        await eventually(lambda: lost, 5)
        assert (ring.find(first), lost) == (None, [{digest(first)}])
        assert ring.find(text_of(files, "admin"))
        files.revoke("ci")
        await eventually(lambda: len(lost) == 2, 5)
        assert (ring.find(ci), lost[1]) == (None, {digest(ci)})


async def test_one_that_is_opened_to_others_is_as_good_as_revoked(files: TokenFiles, logged: list[EventDict]) -> None:
    lost: list[Collection[bytes]] = []
    ring = Keyring(files, lost.append)
    async with running(ring.run):
        first = text_of(files, "admin")
        files.path("admin").chmod(0o644)
        await eventually(lambda: lost, 5)
        assert ring.find(first) is None
    told = [entry["why"] for entry in logged if entry["log_level"] == "error"]
    assert len(told) == 1
    assert "chmod 600" in told[0]
    assert first not in str(logged)


async def test_it_does_not_begin_with_one_that_is_not_in_order(files: TokenFiles) -> None:
    files.ensure()
    files.path("admin").chmod(0o644)
    with pytest.raises(PlaceError, match="chmod 600"):
        async with running(Keyring(files, lambda _: None).run):
            pass


async def test_one_that_is_no_token_keeps_nobody_from_anything(files: TokenFiles, logged: list[EventDict]) -> None:
    files.ensure()
    notes = files.path("notes")
    notes.write_text("what I have to remember")
    notes.chmod(0o600)
    ring = Keyring(files, lambda _: None)
    async with running(ring.run):
        assert ring.find(text_of(files, "admin"))
    [told] = [entry["why"] for entry in logged if entry["log_level"] == "error"]
    assert "notes has no token in it" in told


async def test_all_are_compared_whichever_it_is(files: TokenFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    files.ensure()
    for number in range(4):
        files.add(f"t{number}", Scope.OBSERVER)
    compared: list[bytes] = []
    original = hmac.compare_digest

    def counting(shown: bytes, known: bytes) -> bool:
        compared.append(known)
        return bool(original(shown, known))

    ring = Keyring(files, lambda _: None)
    async with running(ring.run):
        with monkeypatch.context() as patched:
            patched.setattr(hmac, "compare_digest", counting)
            for text in (text_of(files, "admin"), text_of(files, "t3"), "x", ""):
                compared.clear()
                ring.find(text)
                assert sorted(compared) == sorted(token.digest for token in files.read()[0])


async def test_for_want_of_a_descriptor_nobody_is_locked_out(
    files: TokenFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost: list[Collection[bytes]] = []
    ring = Keyring(files, lost.append)
    looks: list[object] = []

    def out_of_descriptors(*where: object) -> list[str]:
        looks.append(where)
        raise OSError(errno.EMFILE, "Too many open files")

    async with running(ring.run):
        first = text_of(files, "admin")
        with monkeypatch.context() as patched:
            patched.setattr(os, "listdir", out_of_descriptors)
            await eventually(lambda: len(looks) > 3, 5)
        assert ring.find(first)
        assert lost == []
    monkeypatch.setattr(os, "listdir", out_of_descriptors)
    with pytest.raises(PlaceError, match="can't be read: Too many"):
        async with running(Keyring(files, lost.append).run):
            pass
