"""The daemon's lives: what a former one has left is ended before this one starts anything, and this one is written down
in the state directory, so that the next can do the same."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable
from pathlib import Path

import attrs
import structlog
import trio

from jelmored.domain.ids import InstanceId
from jelmored.process import ledger
from jelmored.process.sweep import Former, Remnant, sweep

HOME = "lives"
"""The directory of their files, in the state directory."""
SWEEP_SECONDS = 5.0  # then the daemon goes on without; measured: 0.1 with 60 processes to end

log = structlog.get_logger(__name__)


@attrs.frozen
class Lives:
    """The former ones and the present one.

    Args:
        state: the state directory. While this runs it must be ours alone: the journal's lock says so.
        instance_id: of this life.
    """

    state: Path
    instance_id: InstanceId

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Must run before the first agent is started, and until the last has ended. Where there is no /proc there is
        nothing to do."""
        home = self.state / HOME
        with contextlib.ExitStack() as stack:
            if sys.platform == "linux":
                await _end_former(home)
                stack.enter_context(ledger.written(home, self.instance_id))
            task_status.started()
            await trio.sleep_forever()


async def _end_former(home: Path) -> None:
    files = ledger.former(home)
    lives = [life for life in files.values() if life is not None]
    if not lives or await _swept(lives):
        for file in files:
            with contextlib.suppress(OSError):
                file.unlink()


async def _swept(lives: list[Former]) -> bool:
    """Nothing of them is left. In a thread, for /proc can wait for a process that the system does not let go of."""
    with trio.move_on_after(SWEEP_SECONDS):
        found = await trio.to_thread.run_sync(sweep, lives, SWEEP_SECONDS / 2, abandon_on_cancel=True)
        return _told(lives, found)
    log.error("what a former life has left could not be looked for", within=SWEEP_SECONDS)
    return False


def _told(lives: Iterable[Former], found: list[Remnant]) -> bool:
    former = [life.instance_id for life in lives]
    if ended := [str(one) for one in found if one.over]:
        log.warning("ended what a former life had left", instances=former, processes=ended)
    if left := [str(one) for one in found if not one.over]:
        log.error("a former life has left what can't be ended", instances=former, processes=left)
    return not left
