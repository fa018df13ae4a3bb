"""The daemon's own: its configuration, its directories, its socket, itself, its journal."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

from jelmored.config.places import PASSABLE, check_directory, check_socket
from jelmored.control.tokens import Exposed, TokenFiles
from jelmored.errors import PlaceError
from jelmored.journal.schema import APPLICATION_ID, MIGRATIONS

from .findings import Area, Finding
from .scene import Scene

HEADER = 100
"""Bytes of a database's header: https://sqlite.org/fileformat.html#the_database_header"""
MAGIC = b"SQLite format 3\0"
USER_VERSION, APPLICATION = slice(60, 64), slice(68, 72)


def configuration(scene: Scene) -> Iterator[Finding]:
    area = Area("configuration")
    for fault in scene.faults:
        yield area.bad(fault, "correct it; no daemon starts with it. `jelmored check-config` says all that is wrong")
    if not scene.faults:
        read = ", ".join(map(str, scene.files)) or "no file, so everything has its default"
        yield area.good(f"read: {read}")


def directories(scene: Scene) -> Iterator[Finding]:
    area = Area("directories")
    shared = bool(scene.settings and scene.settings.control.allow_users)
    for name, directory in (("state", scene.places.state), ("runtime", scene.places.runtime)):
        try:
            check_directory(directory, PASSABLE if shared and name == "runtime" else 0)
        except FileNotFoundError:
            yield area.note(f"{name}: {directory} is not there yet; the first start makes it")
        except PlaceError as error:
            what, _, remedy = str(error).rpartition(": ")
            yield area.bad(f"{name}: {what}", remedy)
        except OSError as error:
            yield area.bad(f"{name}: {directory} can't be looked at: {error.strerror}", "give another directory")
        else:
            yield area.good(f"{name}: {directory}")


def tokens(scene: Scene) -> Iterator[Finding]:
    """Of the port, if there is one, or has been."""
    area, files = Area("tokens"), TokenFiles(scene.places.tokens)
    if not (scene.settings and scene.settings.control.tcp) and not files.directory.exists():
        return
    try:
        found, faults = files.read()
    except PlaceError as error:
        found, faults = [], [error]
    for fault in faults:
        what, _, remedy = str(fault).rpartition(": ")
        shut = "; no daemon with a port starts" if isinstance(fault, Exposed) else ""
        yield area.bad(f"{what}{shut}" if what else remedy, remedy if what else "give it back to the daemon's user")
    if not faults:
        named = ", ".join(f"{token.name} ({token.scope})" for token in found)
        yield area.good(named or "none yet; the first is made when the port opens")


def workspaces(scene: Scene) -> Iterator[Finding]:
    """The directories that sessions may work in; one that is missing may only not be mounted now."""
    area = Area("workspaces")
    for root in scene.settings.sessions.workspace_roots if scene.settings else ():
        if Path(root).expanduser().is_dir():
            yield area.good(root)
        else:
            yield area.note(f"{root} is no directory now: no session works there", "make it, mount it, or take it out")


def socket(scene: Scene) -> Iterator[Finding]:
    area, path = Area("socket"), scene.places.socket
    try:
        check_socket(path)
        mode = path.lstat().st_mode
    except PlaceError as error:
        yield area.bad(str(error).rpartition(": ")[0], "give a shorter --runtime-dir")
    except OSError:  # not there, or not to be seen: `directories` says why
        if scene.alive:
            yield area.bad(f"{path} is gone, though a daemon runs", "`jelmore daemon stop`, by signal if it must be")
    else:
        yield from _socket(area, scene, mode)


def _socket(area: Area, scene: Scene, mode: int) -> Iterator[Finding]:
    path = scene.places.socket
    if not stat.S_ISSOCK(mode):
        yield area.bad(f"{path} is not a socket", "move it away: no daemon can start")
    elif not scene.alive:
        yield area.note(f"{path} is of a daemon that is gone; the next start replaces it")
    else:
        yield area.good(f"{path} (mode {stat.S_IMODE(mode):03o})")


def daemon(scene: Scene) -> Iterator[Finding]:
    area = Area("daemon")
    if not scene.alive:
        yield area.note(scene.silence or "none runs", "`jelmore daemon start`, or any command that needs one")
        return
    if scene.report is None:
        pid = scene.notice.pid if scene.notice else "?"
        yield area.bad(
            f"process {pid} holds the lock and does not answer: {scene.silence}",
            f"`jelmore daemon logs`; then end it: `kill {pid}`, and after 20 s `kill -9 {pid}`. Sessions stay",
        )
        return
    now = scene.report.status
    yield area.good(f"process {now.pid}, {sum(now.sessions.values())} sessions, {now.runs} agents at work")
    if now.draining:
        yield area.note("it drains: no turn begins", "`jelmore daemon undrain`")


def journal(scene: Scene) -> Iterator[Finding]:
    area, path = Area("journal"), scene.places.state / "journal.db"
    if scene.report:
        health = scene.report.status.journal
        if health.ok:
            yield area.good(f"{path}, {health.bytes / 1_000_000:.1f} MB")
        else:
            yield area.bad(f"{path}: {health.message}; sessions pause", health.remedy or "`jelmore daemon logs`")
    else:
        yield from _at_rest(area, path)
    yield from _beside(area, scene.places.state)


def _at_rest(area: Area, path: Path) -> Iterator[Finding]:
    """By the first bytes of its file: opened is the journal by its daemon alone."""
    try:
        with path.open("rb") as file:
            header = file.read(HEADER)
    except FileNotFoundError:
        yield area.note("none yet; the first start makes it")
        return
    except OSError as error:
        yield area.bad(f"{path} can't be read: {error.strerror}", "give it back to the user of the daemon")
        return
    version = int.from_bytes(header[USER_VERSION])
    if header[: len(MAGIC)] != MAGIC or int.from_bytes(header[APPLICATION]) != APPLICATION_ID:
        yield area.bad(f"{path} is not a journal of jelmored", "move it away, or give another --state-dir")
    elif version > len(MIGRATIONS):
        yield area.bad(
            f"{path} is of a newer jelmored (schema {version}, this one knows {len(MIGRATIONS)})",
            "install that version again, or give another --state-dir",
        )
    else:
        yield area.good(f"{path}, {path.stat().st_size / 1_000_000:.1f} MB")


def _beside(area: Area, state: Path) -> Iterator[Finding]:
    for file in sorted(state.glob("journal.db.damaged-*")):
        if not file.name.endswith(("-wal", "-shm")):
            yield area.note(
                f"{file} was damaged and set aside", "docs/reliability.md, A damaged journal; yours to delete"
            )
    for file in sorted(state.glob("journal.db.schema-*.backup")):
        yield area.note(f"{file} is from before an upgrade", "delete it when you are content")
