"""One child through all its incarnations: runs it, again where the rules say so, and tells what befell it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn, assert_never

import structlog
import trio

from jelmored.errors import JelmoreError, Stopped

from .children import (
    Child,
    ChildFailed,
    ChildRestarts,
    ChildReturned,
    GaveUp,
    Restart,
    RestartLimitReached,
    SupervisorEvent,
)
from .restarts import History

log = structlog.get_logger(__name__)


class Keeper:
    """Runs one child until its end for good.

    Args:
        supervisor: the name of the supervisor that it works for.
        child: what to run.
        history: the child's restarts until now, with the rules.
        on_event: told what befalls the child, at once; must not raise.
    """

    def __init__(
        self, supervisor: str, child: Child, history: History, on_event: Callable[[SupervisorEvent], None]
    ) -> None:
        self._supervisor = supervisor
        self._child = child
        self._history = history
        self._on_event = on_event
        self._starter: trio.TaskStatus[object] = trio.TASK_STATUS_IGNORED
        self._restarts = 0
        self._was_up = False
        self._born = 0.0  # of the present incarnation
        self._scope = trio.CancelScope()

    async def run(self, *, task_status: trio.TaskStatus[object] = trio.TASK_STATUS_IGNORED) -> None:
        """Started with the first incarnation that is up; the later ones have nobody who waits for them.

        Raises:
            RestartLimitReached: it failed too often.
            Stopped: it ended before it was ever up. A temporary child's failure is raised as it is then.
        """
        self._starter = task_status
        with self._scope:
            await self._relive()
        if not self._was_up:
            raise Stopped(f"{self._child.name} ended before it was up")

    def started(self, value: object = None) -> None:
        """The `task_status` that the child gets: it is up."""
        if not self._was_up:
            self._was_up = True
            self._starter.started(value)

    @property
    def matters(self) -> bool:
        """Its failure for good is somebody's: of whoever waits for it to be up, or of those that need it."""
        return self._child.essential or not self._was_up

    def cancel(self) -> None:
        """Stop the child; `run` returns when it has cleaned up."""
        self._scope.cancel()

    async def _relive(self) -> None:
        while (failure := await self._live()) is not None and self._child.restart is not Restart.TEMPORARY:
            await self._pause(failure)
        if failure is not None and not self._was_up:
            raise failure  # the starter's: it waits for a child that will not come

    async def _live(self) -> Exception | None:
        """One incarnation. Returns its failure, if it failed."""
        self._born = trio.current_time()
        try:
            await self._run_child()
        except Exception as failure:  # noqa: BLE001 - whatever it is, the rules decide what comes of it
            self._tell(ChildFailed(self._supervisor, self._child.name, failure))
            await trio.lowlevel.checkpoint_if_cancelled()  # it failed while it stopped: there is nothing to decide
            return failure
        except BaseExceptionGroup as mixed:  # it failed in the very moment when it was cancelled
            failures, leaving = mixed.split(Exception)
            if failures is not None:
                self._tell(ChildFailed(self._supervisor, self._child.name, failures))
            raise leaving or mixed from None
        return None

    async def _run_child(self) -> None:
        await self._child.run(task_status=self)
        await trio.lowlevel.checkpoint_if_cancelled()  # told to stop, it may well return
        if self._child.restart is Restart.PERMANENT:
            raise ChildReturned(f"{self._child.name} returned")

    async def _pause(self, failure: Exception) -> None:
        """Wait until the child may run again."""
        now = trio.current_time()
        delay = self._history.next_delay(now=now, lived=now - self._born)
        if delay is None:
            self._give_up(failure)
        self._restarts += 1
        self._tell(ChildRestarts(self._supervisor, self._child.name, delay, self._restarts))
        await trio.sleep(delay)

    def _give_up(self, failure: Exception) -> NoReturn:
        self._tell(GaveUp(self._supervisor, self._child.name, failure))
        raise RestartLimitReached(f"{self._supervisor}: {self._child.name} failed too often: {failure!r}") from failure

    def _tell(self, event: SupervisorEvent) -> None:
        named = log.bind(supervisor=event.supervisor, child=event.child)
        match event:
            case ChildFailed(error=JelmoreError() as error):  # it says what happened; where, only we would want to know
                named.warning("child failed", error=str(error))
                named.debug("child failed", exc_info=error)
            case ChildFailed(error=error):
                named.warning("child failed", exc_info=error)
            case ChildRestarts(delay=delay, restarts=restarts):
                named.info("child restarts", delay=round(delay, 3), restarts=restarts)
            case GaveUp():
                named.error("child failed too often")
            case _:
                assert_never(event)
        self._on_event(event)
