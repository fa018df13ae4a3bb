"""Where the daemon keeps its files: private directories, the lock that proves that it lives, the notice for clients."""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

import attrs
import orjson
import trio

from jelmored.errors import AlreadyRunning, PlaceError

SOCKET_BYTES = 107 if sys.platform == "linux" else 103
"""The longest path of a Unix socket that the system takes."""

PASSABLE = 0o011
"""For a directory: others know that it is there, and can open in it what they know the name of and may open."""

LOOKS = 20
"""A client that looks whether a daemon lives holds its lock for an instant, so look again before giving up."""
LOOK_SECONDS = 0.025


@attrs.frozen(kw_only=True)
class Places:
    """The two directories of a daemon; both are absolute."""

    state: Path
    runtime: Path

    @property
    def socket(self) -> Path:
        return self.runtime / "control.sock"

    @property
    def notice(self) -> Path:
        return self.runtime / "daemon.json"

    @property
    def lock(self) -> Path:
        return self.runtime / "daemon.lock"

    @property
    def tokens(self) -> Path:
        return self.state / "tokens"

    def prepare(self, *, shared: bool = False) -> None:
        """Make the directories, for us alone.

        Args:
            shared: other users are to come to the socket: they may pass the runtime directory, and not read it.

        Raises:
            PlaceError: one can't be made, is not ours alone, or is too long for a socket.
        """
        check_socket(self.socket)
        for directory in (self.state, self.runtime):
            _make(directory)
            check_directory(directory, PASSABLE if directory == self.runtime else 0)
        with _told(self.runtime):
            self.runtime.chmod(0o700 | PASSABLE if shared else 0o700)

    def closed_to_others(self) -> Path | None:
        """The directory on the way to the socket that keeps other users out, if one does by its mode alone."""
        return next((path for path in self.runtime.parents if not path.stat().st_mode & stat.S_IXOTH), None)

    def publish(self, notice: Mapping[str, Any]) -> None:
        """Write `daemon.json` (protocol 1, section 6), whole or not at all, for us alone.

        Raises:
            PlaceError: it can't be written.
        """
        fresh = self.notice.with_suffix(".new")
        with _told(self.notice):
            fresh.unlink(missing_ok=True)
            with open(fresh, "xb", opener=_private) as file:
                file.write(orjson.dumps(notice))
            fresh.replace(self.notice)

    @contextlib.asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """Hold `daemon.lock`: the only proof that a daemon lives, so for as long as it lives.

        Raises:
            AlreadyRunning: another one does.
            PlaceError: the file can't be opened or locked.
        """
        with _lock_file(self.lock) as file:
            if not await _patiently_locked(file):
                raise AlreadyRunning(self.runtime, file.read(32).strip() or "unknown")
            file.truncate()
            file.write(f"{os.getpid()}\n")
            file.flush()
            try:
                yield
            finally:
                self._withdraw()

    def _withdraw(self) -> None:
        with contextlib.suppress(OSError):  # without the lock it means nothing
            self.notice.unlink()


def find(*, state: Path | None = None, runtime: Path | None = None, environ: Mapping[str, str] = os.environ) -> Places:
    """The places by what was asked for, else by the environment, else in the home directory."""
    state = state or _systemds(environ, "STATE_DIRECTORY") or _state_home(environ) / "jelmored"
    runtime = runtime or _systemds(environ, "RUNTIME_DIRECTORY") or _users(environ) or state / "run"
    return Places(state=_absolute(state), runtime=_absolute(runtime))


def _absolute(path: Path) -> Path:
    """Without `..` as well: SQLite takes none above the root."""
    return Path(os.path.abspath(path))


def _systemds(environ: Mapping[str, str], name: str) -> Path | None:
    """Of several, separated by colons, the first one is the main one."""
    first = environ.get(name, "").split(":")[0]
    return Path(first) if first else None


def _state_home(environ: Mapping[str, str]) -> Path:
    home = environ.get("HOME") or os.path.expanduser("~")
    return Path(environ.get("XDG_STATE_HOME") or f"{home}/.local/state")


def _users(environ: Mapping[str, str]) -> Path | None:
    base = environ.get("XDG_RUNTIME_DIR")
    return Path(base) / "jelmored" if base else None


def _make(directory: Path) -> None:
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise PlaceError(f"{directory} can't be made: {error.strerror}") from error


def check_socket(path: Path) -> None:
    """
    Raises:
        PlaceError: the path is too long for a socket.
    """
    length = len(os.fsencode(path))
    if length > SOCKET_BYTES:
        raise PlaceError(
            f"{path} is {length} bytes long and a socket's path has {SOCKET_BYTES} at most: "
            "give a shorter --runtime-dir"
        )


def check_directory(directory: Path, passable: int = 0) -> None:
    """`passable`: what others may have of it, see `PASSABLE`.

    Raises:
        PlaceError: it is not ours alone.
        OSError: it can't be looked at.
    """
    found = directory.stat()
    if found.st_uid != os.geteuid():
        raise PlaceError(f"{directory} belongs to uid {found.st_uid}, not to us (uid {os.geteuid()}): choose another")
    mode = stat.S_IMODE(found.st_mode) & 0o077
    if mode & ~passable:
        raise PlaceError(f"{directory} is open to others (mode has {mode:03o}): run `chmod 700 {directory}`")


def _lock_file(path: Path) -> TextIO:
    with _told(path):
        return open(path, "r+", opener=_private)


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    """Tell the system's errors as a `PlaceError` of the file at `path`."""
    try:
        yield
    except OSError as error:
        raise PlaceError(f"{path} can't be written: {error.strerror}") from error


async def _patiently_locked(file: TextIO) -> bool:
    for _ in range(LOOKS):
        if _locked(file):
            return True
        await trio.sleep(LOOK_SECONDS)
    return False


def _locked(file: TextIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:  # a network's file system
        raise PlaceError(f"{file.name} can't be locked: {error.strerror}: use a directory on a local disk") from error
    return True


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CREAT, 0o600)
