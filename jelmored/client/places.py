"""Where a daemon of this user keeps its files, and whether one lives: `daemon.lock` held by flock is the only proof."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Mapping
from pathlib import Path

import attrs

from jelmored.domain.ids import InstanceId

from .errors import NoDaemon


@attrs.frozen(kw_only=True)
class DaemonNotice:
    """`daemon.json`: what a daemon says of itself once its listeners are up (protocol 1, section 6)."""

    version: str
    pid: int
    instance_id: InstanceId
    socket: str
    protocol_versions: tuple[int, ...]
    url: str | None = None
    token_file: str | None = None
    options: tuple[str, ...] = ()


@attrs.frozen
class Places:
    """The two directories of a daemon."""

    runtime: Path
    state: Path

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Places:
        """The same rules as the daemon's, so that both look in the same place."""
        state = _first(environ.get("STATE_DIRECTORY")) or _base(environ) / "jelmored"
        runtime = _first(environ.get("RUNTIME_DIRECTORY")) or _runtime(environ) or state / "run"
        return cls(runtime=runtime.absolute(), state=state.absolute())

    @property
    def log(self) -> Path:
        """Where a daemon that was started on demand writes what it has to say."""
        return self.state / "daemon.log"

    @property
    def socket(self) -> Path:
        """Where a daemon listens, if it is not told otherwise."""
        return self.runtime / "control.sock"

    def alive(self) -> bool:
        """Does a daemon hold the lock? Lookers take it shared for an instant, so they don't mislead each other.

        Raises:
            NoDaemon: the lock can't be looked at.
        """
        try:
            lock = os.open(self.runtime / "daemon.lock", os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise NoDaemon(f"nobody can tell whether a daemon runs: {error}") from None
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(lock)
        return False

    def notice(self) -> DaemonNotice | None:
        """What the last daemon wrote; it may be of one that is gone.

        Raises:
            NoDaemon: the file is not such a notice.
        """
        from jelmored.wire import codec

        path = self.runtime / "daemon.json"
        try:
            return codec.decode(path.read_bytes(), DaemonNotice)
        except FileNotFoundError:
            return None
        except codec.InvalidValue as invalid:
            raise NoDaemon(f"{path} is not a daemon's notice: {invalid}") from None
        except OSError as error:
            raise NoDaemon(f"the daemon's notice can't be read: {error}") from None


def _base(environ: Mapping[str, str]) -> Path:
    return Path(environ.get("XDG_STATE_HOME") or _home(environ) / ".local" / "state")


def _home(environ: Mapping[str, str]) -> Path:
    return Path(environ.get("HOME") or os.path.expanduser("~"))


def _runtime(environ: Mapping[str, str]) -> Path | None:
    base = environ.get("XDG_RUNTIME_DIR")
    return Path(base) / "jelmored" if base else None


def _first(directories: str | None) -> Path | None:
    """systemd separates several by a colon; the first one is the main one."""
    return Path(directories.split(":")[0]) if directories else None
