"""Lines of claude's stdout in, run events out. Pure: no pipe, no task, no clock but the one it is given."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import attrs

from jelmored.domain.ids import PromptId, RequestId
from jelmored.domain.times import utc_now
from jelmored.providers.base import RunEvent, RunFacts, TurnOver

from . import notes
from .asking import Asking
from .control import CancelRequest, CanUseTool, HookCall, OtherRequest, Reply, ReplyBody, Unanswered
from .known import Known
from .messages import (
    Assistant,
    CommandsChanged,
    Compacted,
    Init,
    Message,
    ModelFallback,
    Noise,
    RateLimited,
    Replayed,
    Result,
    Retry,
    StateChanged,
    Streamed,
    TaskEnded,
    TaskStarted,
    TaskUpdated,
    Unknown,
    User,
)
from .outcome import Outcome
from .reading import load, read
from .speech import Speech
from .turns import Turns
from .usage import Ledger

Control = Reply | HookCall | OtherRequest | Unanswered
"""What belongs to the pipe's own protocol, for whoever holds the pipe."""


@attrs.define
class Normaliser:
    """One run's worth of claude, line by line.

    Args:
        directory: where the agent works, absolute; relative paths are meant from there.
        now: the time, for delays that the CLI tells.
    """

    directory: str
    now: Callable[[], datetime] = utc_now
    stray: Result | None = attrs.field(default=None, init=False)
    """A result outside of any turn: the CLI's word on why it can't start."""
    _known: Known = attrs.field(init=False)
    _speech: Speech = attrs.field(init=False)
    _outcome: Outcome = attrs.field(init=False)
    _turns: Turns = attrs.field(init=False)
    _asking: Asking = attrs.field(factory=Asking, init=False)
    _ledger: Ledger = attrs.field(factory=Ledger, init=False)
    _control: list[Control] = attrs.field(factory=list, init=False)
    _called: bool = attrs.field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self._known = Known(self.directory)
        self._speech = Speech(self._known)
        self._outcome = Outcome(self.now)
        self._turns = Turns(lambda: self._ledger.settle(self._known.model))

    @property
    def turn_runs(self) -> bool:
        return self._turns.runs

    @property
    def untaken(self) -> tuple[str, ...]:
        """The messages that the agent has not taken up."""
        return self._turns.untaken

    @property
    def native_id(self) -> str | None:
        """The conversation that it is in now, once it has told."""
        return self._known.native_id

    @property
    def place(self) -> str:
        """Where the agent is now."""
        return self._known.directory

    def prompted(self, message_id: str) -> None:
        """A prompt is given to the agent, by the id of its message: what comes belongs to its turn."""
        self._turns.prompted(message_id)

    def steered(self, message_id: str, prompt_id: PromptId) -> None:
        """A message is put into the turn that runs."""
        self._turns.steered(message_id, prompt_id)

    def taken_back(self, message_id: str) -> list[RunEvent]:
        """A message was cancelled before the agent began with it."""
        return self._mind(self._turns.taken_back(message_id))

    def answered(self, request_id: RequestId) -> Mapping[str, Any] | None:
        """A request gets its answer: the tool's whole input, which an allowance repeats. None: nobody waits for it."""
        return self._asking.answer(request_id)

    def servers_failed(self, errors: Mapping[str, str]) -> list[RunEvent]:
        """MCP servers that could not be connected, with the reasons."""
        return list(self._known.servers_failed(errors))

    def cost_told(self, told: ReplyBody) -> list[RunEvent]:
        """What the CLI answers when it is asked what it has taken."""
        if not self._ledger.learn(told) or not self._turns.runs:
            return []
        return [RunFacts(spent=attrs.evolve(self._ledger.so_far(self._known.model), estimated=True))]

    @property
    def subscribed(self) -> bool:
        """A subscription pays."""
        return self._ledger.notional

    def take_call(self) -> bool:
        """Has a call of the model ended since the last look?"""
        called, self._called = self._called, False
        return called

    def feed(self, lines: Sequence[bytes]) -> list[RunEvent]:
        """What these lines mean. Never raises: what can't be read becomes a `system` event."""
        events: list[RunEvent] = []
        for line in lines:
            raw = load(line)
            if (delta := self._speech.piece(raw)) is not None:
                events.append(delta)
            else:
                events.extend(self._hear(read(raw)))
        return events

    def take_control(self) -> list[Control]:
        """What came for the pipe's own protocol since the last look."""
        taken, self._control = self._control, []
        return taken

    def _hear(self, message: Message) -> Iterable[RunEvent]:
        match message:
            case Streamed():
                self._called = self._called or message.event.get("type") == "message_delta"
                began = [] if self._turns.runs else self._working(message)
                return [*began, *self._speech.streamed(message)]
            case Assistant(error=str(error)):
                return [*self._working(message), *self._outcome.gave_up(message, error)]
            case Assistant():
                return [*self._working(message), *self._speech.said(message)]
            case User():
                return self._speech.told(message)
            case Replayed():
                return self._mind(self._turns.taken_up(message.uuid))
            case CanUseTool():
                return self._asked(message)
            case CancelRequest():
                return self._asking.withdraw(message.request_id)
            case StateChanged():
                return self._mind(self._turns.state(message.state))
            case Init():
                self._ledger.notional = message.api_key_source == "none"
                return [*self._mind(self._turns.set_out()), *self._known.introduced(message)]
            case Result():
                return self._ended(message)
            case Retry():
                return self._outcome.retried(message)
            case RateLimited():
                return self._outcome.limited(message.rate_limit_info)
            case TaskStarted():
                self._speech.tasks.started(message)
            case TaskUpdated():
                return self._speech.tasks.updated(message)
            case TaskEnded():
                return self._speech.tasks.ended(message)
            case Compacted():
                return [notes.compacted(message), *self._known.compacted(message.compact_metadata.post_tokens)]
            case ModelFallback():
                return [notes.fell_back(message), RunFacts(model=message.fallback_model)]
            case CommandsChanged():
                return [RunFacts(commands=tuple(command.name for command in message.commands))]
            case HookCall():
                self._control.append(message)
                return [] if message.request.input.agent_id else self._known.moved(message.request.input.cwd)
            case Reply() | OtherRequest():
                self._control.append(message)
            case Noise():
                pass
            case Unknown():
                return [notes.unknown(message.raw)]
        return []

    def _working(self, message: Assistant | Streamed) -> list[RunEvent]:
        """Whoever speaks in the main line shows that a turn runs."""
        return [] if message.parent_tool_use_id else self._mind(self._turns.working())

    def _asked(self, message: CanUseTool) -> list[RunEvent]:
        """A subagent in the background may ask when nothing else goes on; a question has a turn."""
        began = [] if self._turns.runs else self._mind(self._turns.working())
        use = self._speech.asked(message.request)
        return [*began, *use, self._asking.ask(message, self._known.directory)]

    def _ended(self, result: Result) -> list[RunEvent]:
        self._ledger.enter(result)
        if not self._turns.runs:
            self.stray = result
        by_itself = result.origin is not None and result.origin.kind == "task-notification"
        last_words = [*self._speech.ended(result), *self._known.ended(result)]
        return [*last_words, *self._mind(self._turns.ended(self._outcome.of(result), by_itself=by_itself))]

    def _mind(self, events: Sequence[RunEvent]) -> list[RunEvent]:
        """When a turn is over nobody waits for an answer any more, and the agent is where it was."""
        if not any(isinstance(event, TurnOver) for event in events):
            return list(events)
        self._speech.turn_over()
        withdrawn = self._asking.withdraw_all()
        self._control.extend(Unanswered(request_id=request.request_id) for request in withdrawn)
        return [*self._known.turn_over(), *withdrawn, *events]
