"""What to run, and the plain words for why it can't be run: a missing program and a missing directory look the same to
the system, so each is looked for before anything is started."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator, Mapping

import attrs
import trio

from jelmored.errors import ErrorKind, ProviderError, ProviderUnavailableError, SessionError

from .environment import search_path


@attrs.frozen(kw_only=True)
class Command:
    """What to run.

    Args:
        argv: the program, by name or path (a relative one is meant from `cwd`), and its arguments.
        cwd: the absolute directory it is started in.
        env: its whole environment; `environment.child_environment` makes one.
        real_cwd: where the directory has to lead, links resolved: it is started there or not at all. None: wherever.
        search: the PATH that the program is looked for in; None: that of its environment.
        operators: it is the operator's own, and no agent: what it asks of us counts as theirs.
    """

    argv: tuple[str, ...]
    cwd: str
    env: Mapping[str, str] = attrs.field(repr=False)
    real_cwd: str | None = None
    search: str | None = None
    operators: bool = False

    async def checked(self) -> Program:
        """Look whether it can be run. The disk is asked in a thread: a dead network mount stops nobody else.

        Raises:
            ProviderUnavailableError: `not-installed`: the program is missing or not executable.
            SessionError: `invalid-request`: the directory is missing, or a text is one that no program can be given.
        """
        return await trio.to_thread.run_sync(self._check, abandon_on_cancel=True)

    def refused(self, number: int, *, stage: str) -> ProviderError:
        """The error for what the system said (an errno) when it was to `chdir` or to `exec`; or `elsewhere`."""
        reason = os.strerror(number)
        if stage == "elsewhere":
            return SessionError(ErrorKind.FORBIDDEN, f"the directory {self.cwd} has just become another one")
        if stage == "chdir":
            return SessionError(ErrorKind.INVALID_REQUEST, f"the directory {self.cwd} can't be entered: {reason}")
        if number == errno.E2BIG:
            return SessionError(ErrorKind.INVALID_REQUEST, f"the arguments of {self.argv[0]} are too long: {reason}")
        return self._not_installed(f"{self.argv[0]} can't be executed: {reason}")

    def _check(self) -> Program:
        if not os.path.isdir(self.cwd):
            raise SessionError(ErrorKind.INVALID_REQUEST, f"the directory {self.cwd} does not exist")
        name = self.argv[0]
        where = self.search or self.env.get("PATH", os.defpath)
        path = shutil.which(os.path.join(self.cwd, name) if "/" in name else name, path=search_path(where))
        if path is None:
            raise self._not_installed(f"{name} is not there, or not executable")
        try:
            return Program(path=path, order=self._order(path))
        except ValueError as error:
            raise SessionError(ErrorKind.INVALID_REQUEST, f"{name} can't be given such a text: {error}") from error

    def _not_installed(self, message: str) -> ProviderUnavailableError:
        remedy = f"install {self.argv[0]}, or name its path in the provider's settings"
        return ProviderUnavailableError(ErrorKind.NOT_INSTALLED, message, remedy=remedy)

    def _order(self, path: str) -> bytes:
        """What the warden is told, see `warden.Order`; not by its own arguments and environment, which others see."""
        if any(not name or "=" in name for name in self.env):
            raise ValueError("that is no name of an environment variable")
        texts = [os.fsencode(text) for text in self._words(path)]
        if any(b"\0" in text for text in texts):
            raise ValueError("it has a NUL")
        order = b"\0".join(texts)
        return len(order).to_bytes(4, "big") + order

    def _words(self, path: str) -> Iterator[str]:
        yield from (path, self.cwd, self.real_cwd or "", str(len(self.argv)), *self.argv)
        yield from (f"{name}={value}" for name, value in self.env.items())


@attrs.frozen(kw_only=True)
class Program:
    """A command that was looked at: the program's whole path, and the order to a warden."""

    path: str
    order: bytes = attrs.field(repr=False)
