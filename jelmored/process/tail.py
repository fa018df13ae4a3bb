"""What a child says on stderr: always read, lest it blocks; the end of it kept, some of it in the debug log."""

from __future__ import annotations

import attrs
import structlog
import trio

from jelmored.process.outlet import Outlet

KEPT = 64 * 1024
LOG_PAUSE = 1.0  # s between two lines of the log
LOGGED = 2000  # bytes of a line of the log

log = structlog.get_logger(__name__)


@attrs.define
class Tail:
    """The last 64 KiB of a child's stderr.

    Args:
        name: whose, for the log.
    """

    name: str
    _kept: bytearray = attrs.field(factory=bytearray, init=False, repr=False)
    _unlogged: int = attrs.field(default=0, init=False)
    _log_at: float = attrs.field(default=0.0, init=False)

    def __str__(self) -> str:
        return self._kept.decode(errors="replace")

    async def follow(self, outlet: Outlet) -> None:
        """Read to the end."""
        while chunk := await outlet.read():
            self._keep(chunk)

    def _keep(self, chunk: bytes) -> None:
        self._kept += chunk
        del self._kept[:-KEPT]
        self._unlogged += len(chunk)
        if trio.current_time() >= self._log_at:
            self._log_at = trio.current_time() + LOG_PAUSE
            last = chunk[-LOGGED:]
            log.debug(
                "stderr", agent=self.name, text=last.decode(errors="replace"), left_out=self._unlogged - len(last)
            )
            self._unlogged = 0
