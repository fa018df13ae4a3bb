"""What all runs of a provider share, an agent's server, kept alive: started again when it falls, or is told to."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import trio

from jelmored.actors.children import Child, ChildFailed, RestartLimitReached, SupervisorEvent
from jelmored.actors.restarts import Backoff, Limit, Policy
from jelmored.actors.running import Service
from jelmored.actors.supervisor import Supervisor
from jelmored.domain.failures import Failure
from jelmored.errors import ErrorKind

REST = 60.0  # seconds, after it has fallen too often
POLICY = Policy(
    limit=Limit(restarts=5, period=60),
    unstable=6,
    stable_after=300,
    backoff=Backoff(first=1, factor=2, limit=60, jitter=0.1),
)


class Shared:
    """Runs it for ever.

    Args:
        name: of the provider.
        service: its own `run`.
        told: why it is not there; None when it is there again.
    """

    def __init__(self, name: str, service: Service, told: Callable[[Failure | None], None]) -> None:
        self._name = name
        self._service = service
        self._told = told
        self._scope = trio.CancelScope()
        self._up = trio.Event()

    async def run(self) -> None:
        """Until cancelled; past the limit it rests, and begins anew."""
        while True:
            with trio.CancelScope() as self._scope:
                await self._keep_up()

    async def restart(self) -> None:
        """Stop it, start it again at once, return when it is up."""
        self._up = trio.Event()
        self._scope.cancel()
        await self._up.wait()

    async def _keep_up(self) -> None:
        kept = Supervisor(self._name, [Child(f"{self._name} itself", self._serve)], POLICY, on_event=self._note)
        try:
            await kept.run()
        except RestartLimitReached as reached:
            self._tell(f"keeps falling: {reached}")
        await trio.sleep(REST)

    async def _serve(self, *, task_status: trio.TaskStatus[object]) -> None:
        await self._service(task_status=_Started(self._started, task_status))

    def _started(self) -> None:
        self._up.set()
        self._told(None)

    def _note(self, event: SupervisorEvent) -> None:
        if isinstance(event, ChildFailed):
            self._tell(f"has fallen, and is started again: {event.error}")

    def _tell(self, words: str) -> None:
        self._told(Failure(kind=ErrorKind.UNAVAILABLE, message=f"{self._name} {words}"))


@attrs.frozen
class _Started:
    """What the service calls when it is up: we hear of it each time, the supervisor the first time."""

    hear: Callable[[], None]
    status: trio.TaskStatus[object]

    def started(self, value: object = None) -> None:
        self.hear()
        self.status.started(value)
