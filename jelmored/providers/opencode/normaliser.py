"""Events of OpenCode's server in, run events out. Pure: no connection, no task, no clock but the one it is given.

How a session uses it. Before it gives the server a prompt it calls `prompted` (`steered`, `compacting`; `aborted`
before an abort); for a session that is resumed or forked it calls `recalled` once with the messages that there are. All
events of the directory go through `take`, which passes over those of others. When `is_settling` turns true, it fetches
the list of messages: if `unfinished` says that the last answer has no end yet, it waits a moment for another `idle` and
fetches again (after an abort or an error the end comes some 40 ms late); then `settled` ends the turn. After a loss of
the stream, when the new one is connected, `reconciled` is told the messages of the root, then those of its children
(`GET /session/{id}/children`), whether the root is busy (or its last answer unfinished, as above), and the requests
that are open in the directory. `has_begun` stays false for a prompt that the server dropped without a word (an unknown
agent): then, after a while, the session calls `settled` by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime

import attrs

from jelmored.domain.failures import Failure
from jelmored.domain.ids import PromptId, RequestId
from jelmored.domain.sessions import ContextUse
from jelmored.domain.times import utc_now
from jelmored.providers.base import RunEvent, RunFacts

from . import notes
from .asking import Ask, Asking
from .family import Family
from .messages import (
    Compacted,
    CompactionPart,
    Message,
    MessageUpdated,
    MessageWithParts,
    OtherPart,
    Part,
    PartDelta,
    PartUpdated,
    PermissionAsked,
    QuestionAsked,
    ReasoningPart,
    Replied,
    ServerEvent,
    SessionCreated,
    SessionFailed,
    SessionStatus,
    StatusChanged,
    StepFinish,
    StepStart,
    TextPart,
    TodoUpdated,
    ToolPart,
    Unknown,
)
from .speech import Speech
from .turns import Turns
from .usage import Ledger


@attrs.define
class Normaliser:
    """One run's worth of OpenCode, event by event.

    Args:
        root: OpenCode's id of the session.
        directory: where the agent works, absolute.
        windows: how many tokens each model takes, by `provider/model`.
        now: the time, for delays that the model's server asks for.
    """

    root: str
    directory: str
    windows: Mapping[str, int] = attrs.field(factory=dict, kw_only=True)
    now: Callable[[], datetime] = attrs.field(default=utc_now, kw_only=True)
    _family: Family = attrs.field(init=False)
    _speech: Speech = attrs.field(init=False)
    _turns: Turns = attrs.field(init=False)
    _asking: Asking = attrs.field(init=False)
    _ledger: Ledger = attrs.field(factory=Ledger, init=False)
    _messages: dict[str, Message] = attrs.field(factory=dict, init=False)
    """Of this turn, by their ids."""
    _model: str | None = attrs.field(default=None, init=False)
    _tokens: int | None = attrs.field(default=None, init=False)
    """In the model's window, at the root's last step."""
    _trigger: str | None = attrs.field(default=None, init=False)
    """Of a compaction: `auto` or `manual`."""

    def __attrs_post_init__(self) -> None:
        self._family = Family(self.root)
        self._speech = Speech(self.directory, self._family)
        self._turns = Turns(self.now)
        self._asking = Asking(self.directory)

    @property
    def in_turn(self) -> bool:
        return self._turns.runs

    @property
    def has_begun(self) -> bool:
        """The server works on the turn that runs."""
        return self._turns.has_begun

    @property
    def is_settling(self) -> bool:
        """The server is idle: the list of messages is to be fetched for `settled`."""
        return self._turns.is_settling

    @property
    def children(self) -> frozenset[str]:
        """The sessions of subagents, of any depth."""
        return self._family.children

    @property
    def untaken(self) -> tuple[str, ...]:
        """The messages that were to steer and are not answered. After an abort they are still in the history: whoever
        does not want the next prompt to bring them along deletes them."""
        return self._turns.untaken

    def is_ours(self, event: ServerEvent) -> bool:
        """Does the event concern this run? What the server says to all does not. A child is known when its birth was
        taken: ask of an event when those before it were."""
        if isinstance(event, SessionCreated):
            return self._family.has(event.info.parent_id)
        return self._family.has(getattr(event, "session_id", None))

    def recalled(self, messages: Sequence[MessageWithParts]) -> None:
        """The session is resumed: these are of former turns."""
        for message in messages:
            self._turns.recall(message.info.id)

    def prompted(self, prompt_id: PromptId | None) -> None:
        """A prompt is given to the server: what comes belongs to its turn."""
        self._turns.begin(prompt_id)

    def steered(self, prompt_id: PromptId) -> None:
        """A message is put into the turn that runs."""
        self._turns.steered(prompt_id)

    def aborted(self, failure: Failure | None = None) -> None:
        """The turn is aborted.

        Args:
            failure: why, where nobody wished it: the turn has failed then.
        """
        self._turns.aborted(failure)

    def compacting(self) -> None:
        """The server is told to compact the conversation: a turn without a prompt."""
        self._turns.begin(None)

    def answered(self, request_id: RequestId) -> Ask | None:
        """A request gets its answer: what it was. None: nobody waits for it."""
        return self._asking.answer(request_id)

    def take(self, events: Iterable[ServerEvent]) -> list[RunEvent]:
        """What these events mean. Never raises; others' events mean nothing."""
        return [told for event in events if self.is_ours(event) for told in self._hear(event)]

    def settled(self, messages: Sequence[MessageWithParts]) -> list[RunEvent]:
        """The turn is over: what was not told of it, then its end.

        Args:
            messages: as the server lists them, oldest first; those of former turns don't matter.
        """
        if not self._turns.runs:
            return []
        ours = self._of_turn(messages)
        events = [told for message in ours for told in self._listed(message, self._speech.final)]
        answers = [message.info for message in ours if message.info.by_agent and message.info.session_id == self.root]
        over, next_up = self._turns.over(answers[-1] if answers else None)
        events += self._asking.turn_over()
        events += [attrs.evolve(over, usage=self._ledger.note(self._model)), *next_up]
        self._forget(ours)
        return events

    def reconciled(
        self,
        messages: Sequence[MessageWithParts],
        busy: bool,
        permissions: Sequence[PermissionAsked],
        questions: Sequence[QuestionAsked],
    ) -> list[RunEvent]:
        """Some of the stream was missed: what there is to tell of it.

        Args:
            messages: as for `settled`.
            busy: does the root work?
            permissions: all that are open in the directory.
            questions: all that are open in the directory.
        """
        asked: tuple[Ask, ...] = (*permissions, *questions)
        asks = [ask for ask in asked if self._family.has(ask.session_id) and not self._is_left_over(ask)]
        events = self._asking.withdraw_all_but(asks)
        if not self._turns.runs:
            return events
        ours = self._of_turn(messages)
        events += [told for message in ours for told in self._listed(message, self._speech.missed)]
        if busy:
            self._turns.busy()
            return events + [told for ask in asks for told in self._asked(ask)]
        answered = any(message.info.by_agent for message in ours)
        return events + (self.settled(messages) if answered or self._turns.has_begun else [])

    def _hear(self, event: ServerEvent) -> Iterable[RunEvent]:
        match event:
            case SessionCreated():
                self._family.born(event.info.id, event.info.parent_id)
            case StatusChanged():
                return self._status(event.session_id, event.status)
            case SessionFailed():
                if event.session_id == self.root:
                    self._turns.failed(event.error)
            case Replied():
                return self._asking.withdraw(RequestId(event.request_id))
            case Unknown():
                return [notes.unknown(event)]
            case TodoUpdated():
                return [notes.plan(event.todos)] if event.session_id == self.root else []
            case Compacted():
                return self._compacted(event)
            case MessageUpdated() if self._is_current(event.info.id):
                return self._message(event.info)
            case PartUpdated() if self._is_current(event.part.message_id):
                return self._part(event.part)
            case PartDelta() if self._turns.runs:
                return self._speech.more(event)
            case PermissionAsked() | QuestionAsked() if self._turns.runs:
                return self._asked(event)
        return []

    def _is_current(self, message_id: str) -> bool:
        return self._turns.runs and not self._turns.is_past(message_id)

    def _status(self, session_id: str, status: SessionStatus) -> list[RunEvent]:
        if session_id == self.root and status.type == "idle":
            self._turns.idle()
        elif session_id == self.root:
            self._turns.busy()
        if status.type != "retry" or not self._turns.runs:
            return []
        return [*self._speech.void(session_id), notes.retried(status, self._family.task_of(session_id))]

    def _compacted(self, event: Compacted) -> list[RunEvent]:
        if event.session_id != self.root:
            return []
        return [notes.compacted(self._trigger, self._tokens)]

    def _message(self, message: Message) -> list[RunEvent]:
        self._messages[message.id] = message
        if not message.by_agent:
            return []
        self._ledger.enter(message.id, message.tokens, message.cost)
        if message.session_id != self.root:
            return []
        facts: list[RunEvent] = []
        if message.model != self._model:
            self._model = message.model
            facts.append(RunFacts(native_id=self.root, used=True, model=message.model))
        return [*facts, *self._turns.answering(message)]

    def _part(self, part: Part) -> Iterable[RunEvent]:
        message = self._messages.get(part.message_id)
        if message is None:
            return []
        if not message.by_agent:
            self._in_users_name(part)
            return []
        match part:
            case TextPart() | ReasoningPart() if not message.summary:
                return self._speech.said(part, message)
            case ToolPart():
                return [*self._speech.did(part, message), *self._asking.told(part)]
            case StepStart():
                return self._speech.void(part.session_id, before=part.id)
            case StepFinish():
                return self._stepped(part, message)
        return []

    def _in_users_name(self, part: Part) -> None:
        match part:
            case CompactionPart():
                self._trigger = "auto" if part.auto else "manual"
            case TextPart() | OtherPart() if not part.synthetic and part.session_id == self.root:
                self._turns.asked(part.message_id)

    def _stepped(self, step: StepFinish, message: Message) -> list[RunEvent]:
        """What the turn has taken so far; and what the next step of the root will begin with."""
        self._ledger.enter(message.id, step.tokens, step.cost)
        context = None
        if message.session_id == self.root and not message.summary and step.tokens.all:
            self._tokens = step.tokens.all
            context = ContextUse(tokens=step.tokens.all, window=self.windows.get(message.model))
        return [RunFacts(spent=self._ledger.note(self._model), context=context)]

    def _asked(self, ask: Ask) -> list[RunEvent]:
        part = self._speech.tool_that(ask.tool.message_id, ask.tool.call_id) if ask.tool else None
        return self._asking.ask(ask, part)

    def _is_left_over(self, ask: Ask) -> bool:
        """Of an aborted turn: the server lists it for ever."""
        return ask.tool is not None and self._turns.is_past(ask.tool.message_id)

    def _of_turn(self, messages: Sequence[MessageWithParts]) -> list[MessageWithParts]:
        return [message for message in messages if not self._turns.is_past(message.info.id)]

    def _listed(
        self,
        message: MessageWithParts,
        tell: Callable[[TextPart | ReasoningPart | ToolPart, Message], Iterator[RunEvent]],
    ) -> Iterator[RunEvent]:
        """A message of the list, each part of it told in this way. A child is known by its task, told before."""
        if not self._family.has(message.info.session_id):
            return
        yield from self._message(message.info)
        for part in message.parts:
            if not message.info.by_agent:
                self._in_users_name(part)
            elif isinstance(part, ToolPart) or (
                isinstance(part, TextPart | ReasoningPart) and not message.info.summary
            ):
                yield from tell(part, message.info)

    def _forget(self, ours: Sequence[MessageWithParts]) -> None:
        """What comes late of this turn, its end is told."""
        for message_id in (*self._messages, *(message.info.id for message in ours)):
            self._turns.recall(message_id)
        self._messages.clear()
        self._ledger.close()
        self._speech.turn_over()


def unfinished(messages: Sequence[MessageWithParts]) -> bool:
    """Has the last answer no end? While nobody works on it, it never will: the server was killed."""
    answers = [message.info for message in messages if message.info.by_agent]
    return bool(answers) and answers[-1].time.completed is None
