"""`daemon install` and `daemon uninstall`: the daemon as a service of systemd, and no longer."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Iterable, Iterator, Sequence

from jelmored.client.errors import ClientError
from jelmored.client.exits import Exit
from jelmored.client.managing import asked
from jelmored.client.shell import Shell
from jelmored.client.units import SERVICE, SOCKET, TEMPLATE, Piece, Plan, for_system, for_user, hidden_place

UNITS = (".service", ".socket")


async def install(shell: Shell, *, system: bool = False, socket: bool = False, dry_run: bool = False) -> Exit:
    """Write the units, and have systemd start the daemon, now and whenever the user logs in or the machine starts."""
    plan = for_system(socket=socket) if system else for_user(shell.environ, socket=socket)
    if dry_run:
        return _show(shell, plan)
    await _check(shell, plan, system=system)
    for piece in plan.pieces:
        _write(shell, piece)
    await _remove(shell, plan, plan.obsolete)
    for command in plan.commands:
        await _run(shell, command)
    _advise(shell, plan, system=system)
    return Exit.OK


async def uninstall(shell: Shell, *, system: bool = False, dry_run: bool = False) -> Exit:
    """Stop the service and remove what `install` has written, and nothing else: sessions and configuration stay."""
    plan = for_system(socket=True) if system else for_user(shell.environ, socket=True)
    ours = [piece for piece in plan.pieces if piece.is_ours]
    if not ours:
        shell.note("nothing is installed")
        return Exit.OK
    if dry_run:
        for piece in ours:
            shell.say(f"remove {piece.path}")
        return Exit.OK
    _need(shell, plan.manager, system=system)
    await _remove(shell, plan, ours)
    await _run(shell, (*plan.manager, "daemon-reload"))
    user = "; so does the user jelmored" if system else ""
    shell.note(f"sessions, configuration and logins stay where they are{user}")
    return Exit.OK


def _show(shell: Shell, plan: Plan) -> Exit:
    if shell.json:
        files = {str(piece.path): piece.text for piece in plan.pieces}
        shell.give({"files": files, "commands": [list(command) for command in plan.commands]})
        return Exit.OK
    for piece in plan.pieces:
        shell.say(f"write {piece.path}\n")
        shell.say("".join(f"    {line}\n" for line in piece.text.splitlines()))
    for command in plan.commands:
        shell.say(f"run {shlex.join(command)}")
    return Exit.OK


async def _check(shell: Shell, plan: Plan, *, system: bool) -> None:
    """All that can be wrong is told before anything is done."""
    _need(shell, plan.manager, system=system)
    if system and (place := hidden_place()):
        raise ClientError(
            f"{place} is hidden from the system's service, which sees no home: install jelmored, and a Python, for "
            "everyone (in a venv in /opt, or by `pipx install --global`), or take --user"
        )
    if foreign := next((piece for piece in plan.pieces if piece.is_there and not piece.is_ours), None):
        raise ClientError(f"{foreign.path} is there, and not of our making: move it away, or make it a drop-in")
    if not system and shell.places.alive() and not await _is_active(shell, plan):
        raise ClientError("a daemon runs that systemd has not started: `jelmore daemon stop` first; its sessions stay")


def _need(shell: Shell, manager: Sequence[str], *, system: bool) -> None:
    if shutil.which(manager[0], path=shell.environ.get("PATH")) is None:
        raise ClientError(
            f"there is no {manager[0]} here: this needs systemd. Without it `jelmore` starts a daemon by itself; or "
            "let your own service manager run `jelmored serve` (docs/operations.md)"
        )
    if system and os.geteuid() != 0:
        raise ClientError("the system's units are root's to change: run this by sudo, or take --user")


async def _is_active(shell: Shell, plan: Plan) -> bool:
    done = await asked((*plan.manager, "is-active", "--quiet", SERVICE), shell.environ)
    return done.returncode == 0


def _write(shell: Shell, piece: Piece) -> None:
    if piece.is_current:
        shell.note(f"{piece.path} is as it should be")
        return
    piece.path.parent.mkdir(parents=True, exist_ok=True)
    fresh = piece.path.with_name(f".{piece.path.name}.new")
    fresh.write_text(piece.text, "utf-8")
    fresh.chmod(0o644)
    fresh.replace(piece.path)
    shell.note(f"wrote {piece.path}")


async def _remove(shell: Shell, plan: Plan, pieces: Iterable[Piece]) -> None:
    """Units are stopped and disabled first, the door before the daemon: else it would be opened again."""
    ours = [piece for piece in pieces if piece.is_ours]
    for piece in sorted(ours, key=lambda piece: piece.path.name != SOCKET):
        for verbs in _end_of(piece.path.name):
            await _run(shell, (*plan.manager, *verbs))
    for piece in ours:
        piece.path.unlink()
        shell.note(f"removed {piece.path}")


def _end_of(name: str) -> Iterator[tuple[str, ...]]:
    if name == TEMPLATE:
        yield "stop", name.replace("@", "@*")
        yield "disable", name  # all of its instances
    elif name.endswith(UNITS):
        yield "disable", "--now", name


async def _run(shell: Shell, command: Sequence[str]) -> None:
    shell.note(f"running {shlex.join(command)}")
    done = await asked(command, shell.environ)
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip() or f"exit code {done.returncode}"
        raise ClientError(f"`{shlex.join(command)}` failed: {said}")


def _advise(shell: Shell, plan: Plan, *, system: bool) -> None:
    """What is left for a person to do."""
    if plan.begins == SOCKET:
        shell.note("it starts when somebody connects; a turn that is to be gone on with waits until then")
    else:
        shell.note("it runs")
    shell.note(f"`journalctl {'' if system else '--user '}-u jelmored` is its log")
    if system:
        shell.note("it listens at /run/jelmored/control.sock; how its agents log in: docs/operations.md")
        return
    name = shell.environ.get("USER") or shell.environ.get("LOGNAME") or "you"
    if not os.path.exists(f"/var/lib/systemd/linger/{name}"):
        shell.note("it ends when you log out for good; `loginctl enable-linger` keeps it")
