"""One conversation, one owner. Only the task in `Session.run` changes it; it decides and never waits for an agent.

What a message changes is recorded in the session's chronicle and becomes durable together; answers come after that.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import assert_never

import attrs
import structlog
import trio

from jelmored.actors.mailbox import Mailbox
from jelmored.actors.restarts import Backoff, History, Limit, Policy
from jelmored.actors.running import grace, open_plain_nursery
from jelmored.domain.commands import PromptReceipt, WhenBusy
from jelmored.domain.events import (
    Change,
    Draft,
    EventType,
    OpenItem,
    ToolUse,
    TurnCause,
    TurnReason,
    TurnStarted,
    UserNote,
)
from jelmored.domain.failures import Failure, RunClass, RunEnd
from jelmored.domain.ids import Epoch
from jelmored.domain.permissions import HARMLESS, Answer, Approval, PermissionRequest, Verdict, decide
from jelmored.domain.prompts import Prompt
from jelmored.domain.sessions import Facts, NativeSession, OpenTurn, SessionView, view
from jelmored.domain.status import Status, Step
from jelmored.domain.times import utc_now
from jelmored.errors import ErrorKind, Refused, Stopped
from jelmored.journal.base import Journal, StoredKey
from jelmored.providers.base import (
    Asked,
    Delta,
    ItemVoided,
    RunEvent,
    RunFacts,
    SessionConfig,
    TurnBegan,
    TurnOver,
    Withdrawn,
)
from jelmored.supervision.provider import ProviderSupervisor
from jelmored.supervision.providers import Providers
from jelmored.supervision.reports import Ready, Reply, Report, Say, SleepWanted, Stop, Waiting
from jelmored.supervision.run import Run
from jelmored.wire import codec

from .approvals import Approvals
from .chronicle import Chronicle
from .hub import Feed, Hub
from .log import SessionLog
from .messages import Admit, Close, Cut, Heard, Message, Resolve, RestartDue, Unqueue
from .queue import PromptQueue, Queued
from .router import Next, after
from .turns import Turn, close_item, failed, holds_queue, record_end, void_items

log = structlog.get_logger(__name__)

INBOX = 32  # messages; then whoever asks waits, and so does the agent
RUN_END = 20.0  # seconds that a run may take to end when its session falls
RESTARTS = Policy(
    limit=Limit(restarts=3, period=300),
    unstable=3,
    stable_after=300,
    backoff=Backoff(first=1, factor=2, limit=30, jitter=0.1),
)


@attrs.frozen(kw_only=True)
class World:
    """What all sessions work with."""

    journal: Journal
    providers: Providers
    hub: Hub


class Session:
    """One conversation.

    Args:
        facts: as the journal has them.
        queue: prompts that wait.
        feed: where it publishes.
        closed: told of every approval that is open no more.
        cut_items: texts that streamed when a former life was cut.
    """

    def __init__(
        self,
        facts: Facts,
        queue: Sequence[Queued],
        feed: Feed,
        world: World,
        closed: Callable[[Approval], None],
        *,
        cut_items: Sequence[OpenItem] = (),
    ) -> None:
        self.mailbox: Mailbox[Message] = Mailbox(INBOX)
        self.fallen = False
        """A fault of ours ended its task: it must be reset before it runs again."""
        self.up = trio.Event()
        self.gone = trio.Event()
        self._feed = feed
        self._world = world
        self._closed = closed
        self._restarts = History(RESTARTS, random.Random())
        self._nursery: trio.Nursery
        self.reset(facts, queue, cut_items, TurnCause.DAEMON_RESTART)

    def reset(self, facts: Facts, queue: Sequence[Queued], cut_items: Sequence[OpenItem], cut_cause: TurnCause) -> None:
        """As the journal has it, with nothing in hand. `cut_cause`: why the turn that is open there was cut."""
        self._log = SessionLog(self._feed, self._world.journal, facts.seq)
        self._chronicle = Chronicle(facts, self._log, self._tell_changed)
        self._queue = PromptQueue(queue, self._chronicle)
        self._approvals = Approvals(self._chronicle, self._closed)
        self._cut_items = cut_items
        self._cut_cause = cut_cause
        self._turn: Turn | None = None
        self._run: Run | None = None
        self._ready = False
        self._epoch = Epoch(0)
        self._pausing = False
        self._keys: dict[str, StoredKey] = {}
        self._closing: list[Close] = []
        self._background_tasks = 0

    @property
    def facts(self) -> Facts:
        return self._chronicle.facts

    @property
    def view(self) -> SessionView:
        return view(
            self.facts,
            attached=self._ready,
            subscribers=len(self._feed.subscribers),
            queued=len(self._queue),
            background_tasks=self._background_tasks,
        )

    @property
    def queue(self) -> tuple[Queued, ...]:
        return self._queue.waiting

    @property
    def resting(self) -> bool:
        """Nothing is in hand: the task may end, and the session be taken up again from its facts."""
        return self._run is None and self._turn is None and not self._closing

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve until the mailbox is closed. A turn that a former life left open is closed first."""
        self.fallen = True
        with structlog.contextvars.bound_contextvars(session=self.facts.session_id):
            async with open_plain_nursery() as self._nursery:
                await self._nursery.start(self._log.run)
                self._close_cut_turn()
                await self._log.settled()
                self.up.set()
                task_status.started()
                try:
                    await self.mailbox.serve(self._handle)
                    await self._log.settled()
                finally:
                    await self._let_go()
                self._nursery.cancel_scope.cancel()
        self.fallen = False

    async def _let_go(self) -> None:
        """No run outlives the session that it works for."""
        if self._run is not None:
            self._run.close()
            with grace(RUN_END):
                await self._run.over.wait()

    async def _handle(self, message: Message) -> None:
        await self._log.room()
        try:
            self._take(message)
            self._wind_up()
        finally:
            self._chronicle.commit(self._queue.to_store())

    def _take(self, message: Message) -> None:
        match message:
            case Admit():
                self._admit(message)
            case Cut():
                self._cut(message)
            case Unqueue(prompt_id=prompt_id, reply=reply):
                self._queue.withdraw(prompt_id)
                self._log.then(lambda: reply.set(self._queue.prompts))
            case Resolve():
                self._resolve(message)
            case Close():
                self._begin_close(message)
            case Heard(report=report):
                self._hear_report(report)
            case RestartDue(epoch=epoch):
                if epoch == self._epoch and self._pausing:
                    self._pausing = False
                    self._pursue()
            case _:
                assert_never(message)

    def _tell_changed(self) -> None:
        self._world.hub.changed(self.facts.session_id, lambda: self.view)

    # Prompts

    def _admit(self, ask: Admit) -> None:
        if ask.claim is not None and (kept := self._keys.get(ask.claim.key)) is not None:
            ask.reply.set(ask.claim.answer_of(kept))
            return
        self._check_welcome(ask)
        receipt = self._welcome(ask)
        if ask.claim is not None:
            key = ask.claim.kept(codec.encode(receipt))
            self._keys[key.key] = key
            self._log.keep(keys=(key,))
        self._log.then(lambda: ask.reply.set(receipt))

    def _check_welcome(self, ask: Admit) -> None:
        if self.facts.status is Status.TERMINATED or self._closing:
            raise Refused(ErrorKind.WRONG_STATUS, "the session is closed; its log stays")
        if self._turn is not None and ask.when_busy is WhenBusy.REFUSE:
            raise Refused(ErrorKind.BUSY, f"turn {self._turn.number} runs, and whenBusy says to refuse")
        if self._waits(ask):
            self._queue.check_room()

    def _waits(self, ask: Admit) -> bool:
        """It goes behind a turn, or behind prompts that a failure or a restart has left waiting."""
        return self._turn is not None or len(self._queue) > 0

    def _welcome(self, ask: Admit) -> PromptReceipt:
        """The prompt is in: recorded, and started or queued."""
        prompt, waits = ask.prompt, self._waits(ask)
        note = UserNote(
            prompt_id=prompt.prompt_id,
            disposition="queued" if waits else "started",
            blocks=ask.notes,
            by=prompt.by,
        )
        number = None if waits else self.facts.turn + 1
        seq = self._chronicle.record_in(number, Draft(EventType.USER, prompt.text, note))
        self._log.keep(attachments=ask.attachments)
        if self.facts.title is None:
            self._chronicle.know(title=_title(prompt.text))
        if waits:
            self._enqueue(ask)
        else:
            self._start_turn(prompt)
        return PromptReceipt(prompt_id=prompt.prompt_id, disposition=note.disposition, turn=number, seq=seq)

    def _enqueue(self, ask: Admit) -> None:
        at_once = self._turn is not None and ask.when_busy is WhenBusy.INTERRUPT
        self._queue.add(ask.prompt, ask.notes, first=at_once)
        if at_once:
            self._interrupt()
        elif self._turn is None:
            self._start_next()

    def _start_next(self) -> None:
        if not self._closing and (prompt := self._queue.take()) is not None:
            self._start_turn(prompt)

    # Turns

    def _start_turn(self, prompt: Prompt | None) -> None:
        number = self.facts.turn + 1
        self._turn = Turn(number, prompt, trio.current_time(), said=prompt is None)
        self._chronicle.turn = number
        prompt_id = prompt.prompt_id if prompt else None
        self._chronicle.know(turn=number, open_turn=OpenTurn(number=number, prompt_id=prompt_id, started_at=utc_now()))
        started = TurnStarted(prompt_id=prompt_id, origin="prompt" if prompt else "agent")
        self._chronicle.record(Draft(EventType.TURN_STARTED, "", started))
        if prompt is None:
            self._chronicle.step(Step.TURN_STARTED)
        else:
            self._pursue()

    def _pursue(self) -> None:
        """Bring the prompt in hand to an agent: say it, or see that there will be one to say it to."""
        turn, run = self._turn, self._run
        if turn is None or turn.said or turn.prompt is None:
            return
        if run is not None and self._ready and not run.closing:
            self._chronicle.step(Step.TURN_STARTED)
            turn.said = True
            run.post(Say(turn.prompt))
            return
        if self.facts.status is not Status.INITIALIZING:
            self._chronicle.step(Step.RUN_STARTING)
        if run is None and not self._pausing:
            self._open_run()

    def _cut(self, ask: Cut) -> None:
        turn = self._turn
        if ask.expected_turn is not None and (turn is None or turn.number != ask.expected_turn):
            ask.reply.set(False)
            return
        if ask.drop_queue:
            self._queue.drop()
        self._interrupt()
        self._log.then(lambda: ask.reply.set(turn is not None))

    def _interrupt(self) -> None:
        """End the turn in hand; its end follows, from the agent or from the end of its run."""
        turn, run = self._turn, self._run
        if turn is None or turn.interrupted:
            return
        turn.interrupted = True
        if run is None:
            self._pausing = False
            self._end_turn(TurnOver(reason=TurnReason.INTERRUPTED))
        elif turn.said:
            run.post(Stop())
        elif not run.closing:
            run.close()

    def _end_turn(self, over: TurnOver, *, started: bool = True) -> None:
        """Exactly once a turn.

        Args:
            started: false if its run could not be started; the session has failed then.
        """
        turn = self._turn
        if turn is None:
            return
        cause = self._cause(turn, over)
        self._approvals.cancel()
        record_end(self._chronicle, over, cause, turn.seconds)
        self._forget_turn(Step.TURN_ENDED if started else Step.START_FAILED)
        if over.reason is TurnReason.COMPLETED:
            self._restarts.stabilised()
        if not holds_queue(over, cause):
            self._start_next()

    def _cause(self, turn: Turn, over: TurnOver) -> TurnCause | None:
        if over.reason is not TurnReason.INTERRUPTED or over.cause is not None:
            return over.cause
        if turn.interrupted:
            return TurnCause.USER
        return TurnCause.DAEMON_RESTART if self._run is not None and self._run.closing else TurnCause.AGENT

    def _forget_turn(self, step: Step) -> None:
        self._turn = self._chronicle.turn = None
        self._chronicle.know(open_turn=None)
        self._chronicle.step(step)

    def _close_cut_turn(self) -> None:
        """A former life left a turn open: close it as far as it came."""
        cut = self.facts.open_turn
        if cut is None:
            return
        self._chronicle.turn = cut.number
        for item in self._cut_items:
            close_item(self._chronicle, item, "cut")
        self._approvals.cancel()
        lasted = max((utc_now() - cut.started_at).total_seconds(), 0)
        record_end(self._chronicle, TurnOver(reason=TurnReason.INTERRUPTED), self._cut_cause, lasted)
        self._forget_turn(Step.TURN_ENDED)
        self._chronicle.commit(None)

    # The run

    @property
    def _supervisor(self) -> ProviderSupervisor:
        return self._world.providers[self.facts.provider]

    async def _hear(self, report: Report) -> None:
        try:
            await self.mailbox.tell(Heard(report))
        except Stopped:
            log.debug("a run told a session that is gone")

    def _open_run(self) -> None:
        self._epoch = Epoch(self._epoch + 1)
        try:
            self._run = self._supervisor.open_run(_run_config(self.facts), self._epoch, self._hear)
        except Refused as no:
            failure = Failure(kind=ErrorKind.NO_PROVIDER, message=no.message, remedy=no.remedy)
            self._end_turn(failed(failure, TurnCause.NO_PROVIDER), started=False)

    def _hear_report(self, report: Report) -> None:
        if report.epoch != self._epoch or self._run is None:
            return
        match report.news:
            case Ready(facts=facts):
                self._ready = True
                self._tell_changed()
                self._learn(facts)
                self._pursue()
            case Waiting(reason=reason):
                self._chronicle.note("waiting_for_place", reason)
            case SleepWanted():
                if self._turn is None:
                    self._run.close()
            case RunEnd() as end:
                self._lose_run(end)
            case events:
                for event in _joined(events):
                    self._take_event(event)

    def _take_event(self, event: RunEvent) -> None:
        match event:
            case Delta():
                self._log.stream(event, self._chronicle.turn)
            case Draft():
                self._watch_for_effects(event)
                self._chronicle.record(event)
            case ItemVoided():
                self._log.void(event.item_id, event.reason)
            case TurnBegan():
                if self._turn is None:
                    self._start_turn(None)
            case TurnOver():
                self._supervisor.note_turn(event)
                self._end_turn(event)
            case Asked(request=request):
                self._decide(request)
            case Withdrawn(request_id=request_id):
                self._approvals.withdraw(request_id)
            case RunFacts():
                self._learn(event)
            case _:
                assert_never(event)

    def _watch_for_effects(self, draft: Draft) -> None:
        if self._turn and isinstance(draft.metadata, ToolUse) and draft.metadata.kind not in HARMLESS:
            self._turn.side_effects = True

    def _learn(self, told: RunFacts) -> None:
        """What the agent says of itself."""
        facts = self.facts
        if (native := _native_after(facts, told)) != facts.native.get(facts.provider):
            self._chronicle.know(native={**facts.native, facts.provider: native})
        if told.model is not None and told.model != facts.model:
            self._chronicle.know(model=told.model)
        if told.commands is not None and told.commands != facts.commands:
            self._chronicle.know(commands=told.commands)
        if told.background_tasks is not None:
            self._background_tasks = told.background_tasks
        if told.directory is not None and told.directory != facts.directory:
            self._chronicle.know(directory=told.directory)
            change = Change(from_=facts.directory, to=told.directory)
            self._chronicle.record(Draft(EventType.DIRECTORY_CHANGE, f"{change.from_} → {change.to}", change))

    def _lose_run(self, end: RunEnd) -> None:
        """The run is over: what becomes of the turn that it had?"""
        self._run, self._ready, self._background_tasks = None, False, 0
        self._tell_changed()
        turn, failure = self._turn, end.failure
        if failure is not None:
            self._note_end(end.cls, failure)
        if turn is None:
            self._approvals.cancel()
        elif turn.interrupted:
            self._end_turn(TurnOver(reason=TurnReason.INTERRUPTED, cause=TurnCause.USER))
        elif failure is not None and failure.evidence.get("native_lost"):
            self._forget_native(failure)
        elif after(end, said=turn.said, side_effects=turn.side_effects) is Next.RESTART:
            self._restart(turn, failure)
        elif failure is not None:
            self._fail_turn(turn, failure)
        else:
            self._end_turn(TurnOver(reason=TurnReason.INTERRUPTED, cause=TurnCause.DAEMON_RESTART))

    def _note_end(self, cls: RunClass, failure: Failure) -> None:
        seen = {"class": cls, "kind": failure.kind, "evidence": failure.evidence}
        self._chronicle.note("run_ended", failure.message, **seen)

    def _forget_native(self, failure: Failure) -> None:
        """The agent's own session is gone: it starts anew, and that is said."""
        provider = self.facts.provider
        self._chronicle.note("native_lost", failure.message)
        self._chronicle.know(native={name: kept for name, kept in self.facts.native.items() if name != provider})
        self._pursue()

    def _restart(self, turn: Turn, failure: Failure | None) -> None:
        """The same prompt again, on the same provider; after a failure, when a pause is over that grows."""
        turn.said = False
        self._approvals.cancel()
        void_items(self._chronicle, "the agent does its answer over")
        if failure is not None:
            delay = self._restarts.next_delay(now=trio.current_time(), lived=turn.seconds)
            if delay is None:
                self._fail_turn(turn, failure)
                return
            self._supervisor.note_restart()
            self._chronicle.note("run_restarting", f"the agent is started again in {delay:.1f} s")
            self._pausing = True
            self._nursery.start_soon(self._pause, delay, self._epoch)
        self._pursue()

    async def _pause(self, seconds: float, epoch: Epoch) -> None:
        await trio.sleep(seconds)
        try:
            await self.mailbox.tell(RestartDue(epoch))
        except Stopped:
            log.debug("nothing to restart any more")

    def _fail_turn(self, turn: Turn, failure: Failure) -> None:
        over = failed(failure, TurnCause.CRASH if failure.cls is RunClass.CRASH else None)
        if turn.said:
            self._supervisor.note_turn(over)
        else:
            self._supervisor.note_start_failed(failure)
        self._end_turn(over, started=self.facts.status is not Status.INITIALIZING)

    # Approvals

    def _decide(self, request: PermissionRequest) -> None:
        """The policy answers, or a person is asked."""
        facts = self.facts
        verdict = decide(facts.permission_mode, facts.rules, request, (facts.cwd, *facts.directories))
        if verdict is Verdict.ASK:
            self._approvals.ask(request)
            return
        message = f"the session's permission mode is {facts.permission_mode}" if verdict is Verdict.DENY else None
        self._answer(request, Answer(verdict=verdict, message=message))

    def _answer(self, request: PermissionRequest, answer: Answer) -> None:
        """Only after the decision is durable."""
        run = self._run
        if run is not None:
            self._log.then(lambda: run.post(Reply(request.request_id, answer)))

    def _resolve(self, ask: Resolve) -> None:
        settled = self._approvals.resolve(ask.command, ask.by)
        self._answer(settled.request, settled.answer)
        if settled.answer.interrupt and self._turn is not None:
            self._turn.interrupted = True
        self._log.then(lambda: ask.reply.set(settled.approval))

    # The end

    def _begin_close(self, ask: Close) -> None:
        if self.facts.status is Status.TERMINATED:
            ask.reply.set(self.view)
            return
        self._closing.append(ask)
        self._queue.drop()
        self._interrupt()

    def _wind_up(self) -> None:
        """Being closed: after the turn the run, after the run the session."""
        if not self._closing or self._turn is not None:
            return
        if self._run is None:
            self._chronicle.step(Step.CLOSED)
            closing, self._closing = self._closing, []
            self._log.then(lambda: self._tell_closed(closing))
        elif not self._run.closing:
            self._run.close()

    def _tell_closed(self, closing: Sequence[Close]) -> None:
        for ask in closing:
            ask.reply.set(self.view)


def _run_config(facts: Facts) -> SessionConfig:
    native = facts.native.get(facts.provider)
    return SessionConfig(
        session_id=facts.session_id,
        cwd=facts.cwd,
        model=facts.wanted_model,
        permission_mode=facts.permission_mode,
        system_prompt=facts.system_prompt,
        directories=facts.directories,
        environment=facts.environment,
        max_turns=facts.limits.max_turns,
        native_id=native.native_id if native and native.used else None,
    )


def _native_after(facts: Facts, told: RunFacts) -> NativeSession:
    known = facts.native.get(facts.provider) or NativeSession(native_id="")
    return NativeSession(
        native_id=known.native_id if told.native_id is None else told.native_id,
        used=known.used if told.used is None else told.used,
    )


def _joined(events: Sequence[RunEvent]) -> list[RunEvent]:
    """Neighbouring deltas of one item as one: a client gets a chunk's text at once."""
    joined: list[RunEvent] = []
    for event in events:
        last = joined[-1] if joined else None
        if isinstance(event, Delta) and isinstance(last, Delta) and event.item_id == last.item_id:
            joined[-1] = attrs.evolve(last, text=last.text + event.text)
        else:
            joined.append(event)
    return joined


def _title(text: str) -> str:
    line = text.strip().partition("\n")[0]
    return line if len(line) <= 60 else line[:59] + "…"
