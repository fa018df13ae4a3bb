"""The tokens that are good now: read when the door opens, and looked after while it is open."""

from __future__ import annotations

import contextlib
import hmac
from collections.abc import Callable, Collection, Sequence

import structlog
import trio

from jelmored.errors import PlaceError

from .tokens import Exposed, Token, TokenFiles, digest, gone

LOOK_SECONDS = 1.0

log = structlog.get_logger(__name__)


class Keyring:
    """Owner of what is known of the tokens.

    Args:
        files: where they are.
        lost: told the digests of tokens that have been replaced or revoked, at once; must not raise.
    """

    def __init__(self, files: TokenFiles, lost: Callable[[Collection[bytes]], None]) -> None:
        self.files = files
        self._lost = lost
        self._tokens: Sequence[Token] = ()
        self._faults: Collection[str] = ()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Until cancelled. Must run before the door opens. A token that is no more in order while we run is as good as
        revoked, and the log says why.

        Raises:
            PlaceError: they can't be read at the start; or one is open to others or theirs, for who has read it since
                nobody knows. One that only is no token keeps nobody from anything.
        """
        self._take(*await trio.to_thread.run_sync(_opened, self.files))
        task_status.started()
        while True:
            await trio.sleep(LOOK_SECONDS)
            with contextlib.suppress(OSError):  # it can't be told now: what was good is, until it can
                self._take(*await trio.to_thread.run_sync(_looked_at, self.files, abandon_on_cancel=True))

    def find(self, text: str) -> Token | None:
        """The token that this is. All are compared, so that the time tells nothing."""
        shown, found = digest(text), None
        for token in self._tokens:
            if hmac.compare_digest(shown, token.digest):
                found = token
        return found

    def _take(self, tokens: Sequence[Token], faults: Sequence[PlaceError]) -> None:
        told = [str(fault) for fault in faults]
        for why in told:
            if why not in self._faults:
                log.error("a token can't be used", why=why)
        lost, self._tokens, self._faults = gone(self._tokens, tokens), tokens, told
        if lost:
            log.info("tokens were replaced or revoked", number=len(lost))
            self._lost(lost)


def _opened(files: TokenFiles) -> tuple[Sequence[Token], Sequence[PlaceError]]:
    try:
        files.ensure()
        tokens, faults = files.read()
    except OSError as error:
        raise PlaceError(f"{files.directory} can't be read: {error.strerror}") from error
    if exposed := [str(fault) for fault in faults if isinstance(fault, Exposed)]:
        raise Exposed("\n".join(exposed))
    return tokens, faults


def _looked_at(files: TokenFiles) -> tuple[Sequence[Token], Sequence[PlaceError]]:
    try:
        return files.read()
    except PlaceError as fault:
        return (), (fault,)
