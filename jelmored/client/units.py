"""What `jelmore daemon install` writes: the units of the package, made to fit this installation, and how it is begun.

Whatever is written bears a mark, and nothing without it is ever replaced or removed: it is somebody else's.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import attrs

from jelmored import __version__

from .managing import SYSTEM, USER, Unit

MARK = "# Written by `jelmore daemon install`"
SERVICE = "jelmored.service"
SOCKET = "jelmored.socket"
TEMPLATE = "jelmored@.service"
SHIPPED_PROGRAM = "/usr/bin/jelmored"
HIDDEN = ("/home", "/root", "/run/user")
"""What ProtectHome=yes hides from the system's service."""


@attrs.frozen
class Piece:
    """A file, and what is to stand in it."""

    path: Path
    text: str

    @property
    def is_there(self) -> bool:
        return self.path.exists()

    @property
    def is_ours(self) -> bool:
        """We have written it, this version or another."""
        return self.is_there and self.path.read_text("utf-8").startswith(MARK)

    @property
    def is_current(self) -> bool:
        return self.is_there and self.path.read_text("utf-8") == self.text


@attrs.frozen(kw_only=True)
class Plan:
    """Args:
    manager: the command that asks systemd, without its verb.
    pieces: to be written.
    obsolete: may lie there from another installation, and are not wanted in this one.
    made: commands that make what the units need, once the files are there.
    begins: the unit that is enabled and started.
    """

    manager: tuple[str, ...]
    pieces: tuple[Piece, ...]
    obsolete: tuple[Piece, ...] = ()
    made: tuple[tuple[str, ...], ...] = ()
    begins: str = SERVICE

    @property
    def commands(self) -> Iterator[tuple[str, ...]]:
        """In their order."""
        yield from self.made
        yield (*self.manager, "daemon-reload")
        yield (*self.manager, "enable", "--now", self.begins)


def shipped() -> Path:
    """The units as they come with the package; in a checkout they lie in `systemd/`."""
    package = Path(__file__).parents[1]
    installed = package / "systemd"
    return installed if installed.exists() else package.parent / "systemd"


def for_user(environ: Mapping[str, str], *, socket: bool) -> Plan:
    """A service of the user's own manager. It gets the PATH of here: the manager's own seldom leads to the agents."""
    place = _place_of_users(environ)
    path = environ.get("PATH", os.defpath)
    lines = (f"Environment={quoted('PATH=' + path)}",)
    service = Piece(place / SERVICE, fitted("user", SERVICE, added=lines))
    door = Piece(place / SOCKET, fitted("user", SOCKET))
    return Plan(
        manager=USER,
        pieces=(service, door) if socket else (service,),
        obsolete=() if socket else (door,),
        begins=SOCKET if socket else SERVICE,
    )


def own_unit(environ: Mapping[str, str]) -> Unit | None:
    """By which the user's own systemd starts the daemon; None, where there is none, where the daemon is
    not installed there, or where other places than the usual ones are meant."""
    manager = Path(environ.get("XDG_RUNTIME_DIR") or "/nowhere") / "systemd" / "private"
    elsewhere = environ.get("RUNTIME_DIRECTORY") or environ.get("STATE_DIRECTORY")
    if elsewhere or not manager.exists() or not Piece(_place_of_users(environ) / SERVICE, "").is_ours:
        return None
    return Unit(USER, SERVICE)


def _place_of_users(environ: Mapping[str, str]) -> Path:
    home = environ.get("HOME") or os.path.expanduser("~")
    return Path(environ.get("XDG_CONFIG_HOME") or f"{home}/.config") / "systemd" / "user"


def for_system(*, socket: bool, root: Path = Path("/")) -> Plan:
    """A service of the machine, with a user of its own; and the template for a daemon per person."""
    units, users, files = root / "etc/systemd/system", root / "etc/sysusers.d", root / "etc/tmpfiles.d"
    door = Piece(units / SOCKET, fitted("system", SOCKET))
    user = Piece(users / "jelmored.conf", fitted("sysusers.d", "jelmored.conf"))
    directories = Piece(files / "jelmored.conf", fitted("tmpfiles.d", "jelmored.conf"))
    always = (
        user,
        directories,
        Piece(units / SERVICE, fitted("system", SERVICE)),
        Piece(units / TEMPLATE, fitted("system", TEMPLATE)),
    )
    return Plan(
        manager=SYSTEM,
        pieces=(*always, door) if socket else always,
        obsolete=() if socket else (door,),
        made=(("systemd-sysusers", str(user.path)), ("systemd-tmpfiles", "--create", str(directories.path))),
        begins=SOCKET if socket else SERVICE,
    )


def hidden_place() -> str | None:
    """What of this installation the system's service does not see."""
    needed = (sys.prefix, os.path.realpath(sys.executable), __file__)
    return next((place for place in needed if place.startswith(tuple(f"{one}/" for one in HIDDEN))), None)


def fitted(kind: str, name: str, *, added: Sequence[str] = ()) -> str:
    """A shipped file with our mark, the program of this installation, and further lines of `[Service]`."""
    text = (shipped() / kind / name).read_text("utf-8")
    start = "\n".join([f"ExecStart={program()} serve", *added])
    text = text.replace(f"ExecStart={SHIPPED_PROGRAM} serve", start)
    rest = f" (jelmored {__version__}); `jelmore daemon uninstall` removes it. Changes belong into a drop-in."
    return f"{MARK}{rest}\n{text}"


def program() -> str:
    """The daemon of this installation, as a unit names it."""
    beside = Path(sys.executable).with_name("jelmored")
    if beside.exists():
        return quoted(str(beside))
    return " ".join(map(quoted, (sys.executable, "-P", "-m", "jelmored")))


def quoted(word: str) -> str:
    """A word of a unit, in which nothing means more than itself: see systemd.syntax(7)."""
    plain = word.replace("\\", "\\\\").replace("%", "%%").replace("$", "$$").replace('"', '\\"')
    return f'"{plain}"' if plain != word or any(sign.isspace() or sign in "';" for sign in word) else word
