"""What a session may bring to its agent: the directories that it works in, and variables of its client's environment.

The one place that decides. It is asked when a directory comes in, and again before each agent and each prompt: the
configuration may have narrowed since, and a directory may have become a link to another place.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from os.path import exists
from typing import Protocol, TypeVar

import attrs
import trio

from jelmored.domain.commands import CreateSession
from jelmored.domain.paths import lies_in
from jelmored.domain.texts import is_text
from jelmored.errors import ErrorKind, Refused, SessionError
from jelmored.process.disk import in_thread
from jelmored.providers.base import SessionConfig

ROOTS_KEY, NAMES_KEY = "sessions.workspace_roots", "sessions.forward_env"
PATIENCE = 10.0  # s for the disk, while an agent waits
MAX_VARIABLES = 64
MAX_ENVIRONMENT = 16 * 1024  # bytes of names and values together: they stand in the facts of the session

PLACES = frozenset({"SSH_AUTH_SOCK", "VIRTUAL_ENV"})
"""Variables that are in the way of the daemon's own where what they name is not (any more): after the end of a shell,
or on another machine."""

T = TypeVar("T")


class Beside(Protocol):
    """Does what may block, about a directory."""

    async def __call__(self, look: Callable[[], T], about: str) -> T: ...


@attrs.define(kw_only=True)
class Terms:
    """What the configuration says of it, now: whoever reads that again changes it here, nobody else.

    Args:
        roots: directories that sessions may work in, as they were written; empty: any.
        names: variables that a client may send along.
        beside: looks at the disk.
    """

    roots: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    beside: Beside = in_thread

    def heed(self, other: Terms) -> None:
        """These from now on."""
        self.roots, self.names = other.roots, other.names

    async def located(self, command: CreateSession) -> CreateSession:
        """The command with its directories resolved: once, then they are immutable (protocol 1, section 3).

        Raises:
            Refused: `invalid-params`, for a directory that is not there, or a variable that can't be sent along;
                `forbidden`, for a directory outside of the roots.
        """
        self._check_environment(command.environment)
        places = {"cwd": command.cwd, **{f"directories[{i}]": one for i, one in enumerate(command.directories)}}
        cwd, *directories = await self.beside(
            lambda: [self._found(path, field) for field, path in places.items()], command.cwd
        )
        return attrs.evolve(command, cwd=cwd, directories=tuple(directories))

    async def check(self, cwd: str, directories: Sequence[str]) -> None:
        """May a session that is here work where it is? What is not there any more, or can't be looked at, is told when
        its agent is started.

        Raises:
            Refused: `forbidden`.
        """
        if self.roots:
            try:
                with suppress(OSError):
                    await self.beside(lambda: self._kept(cwd, directories), cwd)
            except _Outside as outside:
                raise outside.refusal("sessionId") from None

    async def granted(self, config: SessionConfig) -> SessionConfig:
        """What an agent is started with, and is given a prompt with.

        Raises:
            SessionError: `forbidden`: it would work outside of the roots; `invalid-request`: the directory is gone.
        """
        brought = {name: value for name, value in config.environment.items() if name in self.names}
        config = attrs.evolve(config, environment=brought)
        if not (self.roots or PLACES & brought.keys()):
            return config
        try:
            with trio.fail_after(PATIENCE):
                return await self.beside(lambda: self._grant(config), config.cwd)
        except _Outside as outside:
            raise SessionError(ErrorKind.FORBIDDEN, str(outside), remedy=ADMIT) from None
        except OSError as error:
            told = f"the directory {error.filename} can't be entered: {error.strerror}"
            raise SessionError(ErrorKind.INVALID_REQUEST, told) from None
        except trio.TooSlowError:
            told = f"the disk of {config.cwd} has not answered within {PATIENCE:g} s"
            raise SessionError(ErrorKind.INVALID_REQUEST, told) from None

    # Blocking: beside the loop

    def _found(self, path: str, field: str) -> str:
        if not os.path.isabs(path) or "\0" in path or not is_text(path):
            raise Refused(ErrorKind.INVALID_PARAMS, f"{field} must be absolute, not {path!r}", field=field)
        try:
            real = os.path.realpath(path, strict=True)
        except OSError as error:
            told = f"{field}: there is no directory {path}: {error.strerror}"
            raise Refused(ErrorKind.INVALID_PARAMS, told, field=field) from None
        if not is_text(real):
            told = f"{field}: {path} leads to a directory whose name is no UTF-8"
            raise Refused(ErrorKind.INVALID_PARAMS, told, field=field)
        try:
            self._check_inside(real)
        except _Outside as outside:
            raise outside.refusal(field) from None
        if not os.path.isdir(real):
            raise Refused(ErrorKind.INVALID_PARAMS, f"{field}: {path} is not a directory", field=field)
        return real

    def _grant(self, config: SessionConfig) -> SessionConfig:
        found = {name: value for name, value in config.environment.items() if name not in PLACES or exists(value)}
        real = self._kept(config.cwd, config.directories, must_be_there=True)[0] if self.roots else None
        return attrs.evolve(config, real_cwd=real, environment=found)

    def _kept(self, cwd: str, directories: Sequence[str], *, must_be_there: bool = False) -> list[str]:
        """Where they lead now."""
        found = []
        for path in (cwd, *directories):
            real = os.path.realpath(path, strict=must_be_there)
            self._check_inside(real)
            found.append(real)
        return found

    def _check_inside(self, real: str) -> None:
        """The roots are resolved each time: what is not there now may be mounted later. First the one that it seems
        to lie in: the disks of the others are then not asked. Raises `_Outside`."""
        likely = sorted(self.roots, key=lambda root: not lies_in(real, [os.path.expanduser(root)]))
        if self.roots and not any(lies_in(real, [root]) for root in map(_resolved, likely) if root):
            raise _Outside(real)

    # The environment

    def _check_environment(self, environment: Mapping[str, str]) -> None:
        for name, value in environment.items():
            if name not in self.names:
                told = f"environment: {name[:128]!r} is none of the variables that a client may send along"
                remedy = f"name it in {NAMES_KEY} of the configuration, then `jelmore daemon reload`"
                raise Refused(ErrorKind.INVALID_PARAMS, told, field=f"environment.{name[:128]}", remedy=remedy)
            if "\0" in value:
                told = f"environment: the value of {name} has a NUL"
                raise Refused(ErrorKind.INVALID_PARAMS, told, field=f"environment.{name}")
        size = sum(len(name.encode()) + len(value.encode()) for name, value in environment.items())
        if len(environment) > MAX_VARIABLES or size > MAX_ENVIRONMENT:
            told = f"environment has at most {MAX_VARIABLES} variables, and {MAX_ENVIRONMENT} bytes in all"
            raise Refused(ErrorKind.INVALID_PARAMS, told, field="environment")


ADMIT = f"add it, or one above it, to {ROOTS_KEY} of the configuration, then `jelmore daemon reload`"


class _Outside(Exception):
    """A path that leads out of the roots."""

    def __init__(self, real: str) -> None:
        super().__init__(f"{real} lies in none of the directories that sessions may work in")

    def refusal(self, field: str) -> Refused:
        return Refused(ErrorKind.FORBIDDEN, f"{field}: {self}", field=field, remedy=ADMIT)


def _resolved(root: str) -> str | None:
    """None: it is not there."""
    try:
        return os.path.realpath(os.path.expanduser(root), strict=True)
    except OSError:
        return None
