"""What a run and its session say to each other: orders down, reports up."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import attrs

from jelmored.domain.failures import RunEnd
from jelmored.domain.ids import Epoch, RequestId
from jelmored.domain.permissions import Answer
from jelmored.domain.prompts import Prompt
from jelmored.providers.base import RunEvent, RunFacts, SessionChange


@attrs.frozen
class Say:
    """Begin a turn with this."""

    prompt: Prompt


@attrs.frozen
class Steer:
    """Put this into the turn that runs."""

    prompt: Prompt


@attrs.frozen
class Stop:
    """End the turn that runs."""


@attrs.frozen
class Reply:
    """Settle what the agent asked."""

    request_id: RequestId
    answer: Answer


@attrs.frozen
class Reconfigure:
    """The session is configured otherwise."""

    change: SessionChange


@attrs.frozen
class StopTask:
    """End a background task."""

    task_id: str


@attrs.frozen
class Close:
    """End the run cleanly."""


Order = Say | Steer | Stop | Reply | Reconfigure | StopTask | Close


@attrs.frozen
class Ready:
    """The agent can take a prompt."""

    facts: RunFacts


@attrs.frozen
class Waiting:
    """All places are taken; the run begins when one is free."""

    reason: str


@attrs.frozen
class SleepWanted:
    """The agent has been idle for long, or its place is needed: end the run unless you need it now."""


News = Sequence[RunEvent] | Ready | Waiting | SleepWanted | RunEnd


@attrs.frozen
class Report:
    """What a run tells. Those of another epoch than the session's current one are dropped there."""

    epoch: Epoch
    news: News


Hear = Callable[[Report], Awaitable[None]]
"""A session's ear. It waits while the session is behind, and so does the agent: backpressure from end to end."""
