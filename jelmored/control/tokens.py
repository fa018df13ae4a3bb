"""The tokens of the TCP door as files: a directory of ours alone, in it one file a token that has the token and nothing
else. A token begins with its scope and is compared as a whole, so nobody can widen one."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs

from jelmored import secrecy
from jelmored.domain.scopes import Scope
from jelmored.errors import PlaceError

DEFAULT = "admin"
"""The name of the token that is made when there is none."""
MAX_TOKENS = 100
_LONGEST = 256  # bytes of a file that may be a token

_PASSING = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO, errno.EINTR)
"""Errors that come and go."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_TEXT = re.compile(rf"({'|'.join(Scope)})\.[A-Za-z0-9_-]{{43}}")


class Exposed(PlaceError):
    """What only we may have is open to others, or theirs: with it the daemon does not start."""


@attrs.frozen
class Token:
    """What is kept of a token: never the token itself.

    Args:
        name: of its file.
        scope: what it is good for.
        digest: SHA-256 of it.
    """

    name: str
    scope: Scope
    digest: bytes = attrs.field(repr=False)


def digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def is_name(name: str) -> bool:
    """Letters, digits, - and _, 64 at most."""
    return _NAME.fullmatch(name) is not None


@attrs.frozen
class TokenFiles:
    """The directory of the tokens. Whoever may write there may make tokens.

    Args:
        directory: need not be there yet.
    """

    directory: Path

    def path(self, name: str) -> Path:
        return self.directory / name

    def ensure(self) -> None:
        """Make the directory, and in it a token for everything if it has none.

        Raises:
            PlaceError: it can't be made, or is not ours alone.
        """
        self._make()
        if not self.names():
            self.add(DEFAULT, Scope.ADMIN)

    def names(self) -> list[str]:
        """Of all files there that can be tokens: an editor's copy, or one that is just being written, is none."""
        with _told(self.directory):
            try:
                return sorted(name for name in os.listdir(self.directory) if is_name(name))
            except FileNotFoundError:
                return []

    def read(self) -> tuple[list[Token], list[PlaceError]]:
        """All that can be used, and what is wrong with the others, each with what to do about it.

        Raises:
            PlaceError: the directory is not ours alone, can't be read, or has too many.
            OSError: it can't be told now.
        """
        names = self.names()
        if len(names) > MAX_TOKENS:
            raise PlaceError(f"{self.directory} has more than {MAX_TOKENS} files: remove what is no token in use")
        if names:
            self._check()
        tokens: list[Token] = []
        faults: list[PlaceError] = []
        for name in names:
            try:
                tokens.append(self.token(name))
            except PlaceError as fault:
                faults.append(fault)
        return tokens, faults

    def token(self, name: str) -> Token:
        """Raises `PlaceError` if it is not there, is open to others, or is no token."""
        path = self._path(name)
        with _told(path):
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            _check_file(path, os.fstat(descriptor))
            found = os.read(descriptor, _LONGEST).decode("ascii", errors="replace").strip()
        finally:
            os.close(descriptor)
        match = _TEXT.fullmatch(found)
        if match is None:
            raise PlaceError(f"{path} has no token in it: run `jelmored token revoke {name}` and add it again")
        return Token(name, Scope(match[1]), digest(found))

    def add(self, name: str, scope: Scope) -> Path:
        """A new token; the file that it is in.

        Raises:
            PlaceError: there is one of this name, or it can't be written.
        """
        path = self._path(name)
        self._make()
        if path.exists():
            raise PlaceError(f"there is a token {name} already: `jelmored token rotate {name}` makes it another one")
        self._write(path, scope)
        return path

    def rotate(self, name: str) -> Path:
        """Another token of the same scope in its place: what the old one has let in is closed.

        Raises:
            PlaceError: as `token`, or it can't be written.
        """
        self._check()
        scope = self.token(name).scope
        self._write(self.path(name), scope)
        return self.path(name)

    def revoke(self, name: str) -> None:
        """Raises `PlaceError` if there is none, or it can't be removed."""
        path = self._path(name)
        with _told(path):
            path.unlink()

    def _make(self) -> None:
        with _told(self.directory):
            for directory in (self.directory.parent, self.directory):  # `parents` are open to all
                directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._check()

    def _path(self, name: str) -> Path:
        if not is_name(name):
            raise PlaceError(f"{name!r} is no name of a token: letters, digits, - and _, 64 at most")
        return self.path(name)

    def _write(self, path: Path, scope: Scope) -> None:
        """Whole, or not at all, and never readable for others."""
        fresh = self.directory / f".{secrets.token_hex(8)}"
        with _told(path):
            with open(fresh, "x", encoding="ascii", opener=_private) as file:
                file.write(f"{secrecy.make(scope)}\n")
            fresh.replace(path)

    def _check(self) -> None:
        with _told(self.directory):
            found = self.directory.lstat()
        if not stat.S_ISDIR(found.st_mode):
            raise PlaceError(f"{self.directory} is no directory: move it out of the way of our tokens")
        _check_ours(self.directory, found, "700")


def gone(before: Iterable[Token], after: Iterable[Token]) -> frozenset[bytes]:
    """The digests of those that have been replaced or revoked."""
    return frozenset(token.digest for token in before) - {token.digest for token in after}


def _check_file(path: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise PlaceError(f"{path} is no file: remove it")
    _check_ours(path, found, "600")


def _check_ours(path: Path, found: os.stat_result, mode: str) -> None:
    if found.st_uid != os.geteuid():
        raise Exposed(f"{path} belongs to uid {found.st_uid}, not to us (uid {os.geteuid()}): remove it")
    if open_to := stat.S_IMODE(found.st_mode) & 0o077:
        others = f"{path} is open to others (mode has {open_to:03o})"
        raise Exposed(f"{others}: run `chmod {mode} {path}`, and `jelmored token rotate` for what was in the open")


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Tell the system's errors as a `PlaceError`, unless they say nothing of the path."""
    try:
        yield
    except FileNotFoundError:
        raise PlaceError(f"there is no {path}") from None
    except OSError as error:
        if error.errno in _PASSING:
            raise
        raise PlaceError(f"{path} can't be used: {error.strerror}") from error


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
