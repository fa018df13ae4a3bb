"""One conversation, one owner. Only the task in `Session.run` changes it; it decides and never waits for an agent.

What a message changes is recorded in the session's log and becomes durable together; answers are given after that.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, assert_never

import attrs
import structlog
import trio

from jelmored.actors.mailbox import Mailbox
from jelmored.actors.restarts import Backoff, History, Limit, Policy
from jelmored.actors.running import grace, open_plain_nursery
from jelmored.domain.commands import PromptReceipt, WhenBusy
from jelmored.domain.events import (
    Change,
    DeltaKind,
    Draft,
    ErrorNote,
    EventType,
    OpenItem,
    Said,
    System,
    ToolUse,
    TurnCause,
    TurnEnded,
    TurnReason,
    TurnStarted,
    UsageNote,
    UserNote,
)
from jelmored.domain.failures import Failure, RunClass, RunEnd
from jelmored.domain.ids import ApprovalId, Epoch, PromptId
from jelmored.domain.permissions import (
    HARMLESS,
    Answer,
    Approval,
    PermissionRequest,
    Resolver,
    Verdict,
    decide,
)
from jelmored.domain.prompts import Prompt
from jelmored.domain.sessions import Facts, NativeSession, OpenTurn, SessionView, view
from jelmored.domain.status import Status, Step, advance
from jelmored.domain.times import utc_now
from jelmored.domain.usage import Usage
from jelmored.errors import ErrorKind, Refused, Stopped
from jelmored.journal.base import Journal, StoredKey, StoredPrompt
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

from .approvals import OpenApproval, ask_person, cancelled, settle
from .attachments import slim
from .hub import Feed, Hub
from .log import SessionLog
from .messages import Admit, Close, Cut, Heard, Message, Resolve, RestartDue, Unqueue
from .router import Next, after

log = structlog.get_logger(__name__)

INBOX = 32  # messages; then whoever asks waits, and so does the agent
QUEUE = 32  # prompts (protocol 1, section 3)
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


@attrs.frozen
class Queued:
    prompt: Prompt
    stored: StoredPrompt


@attrs.define
class Turn:
    """The turn in hand. `said`: the agent was given its prompt; `started`: Trio's time."""

    number: int
    prompt: Prompt | None
    started: float
    said: bool = False
    interrupted: bool = False
    side_effects: bool = False


class Session:
    """One conversation.

    Args:
        facts: as the journal has them.
        queue: prompts that wait.
        settled: told of every approval that is no longer open.
        cut_items: texts that streamed when a former life was cut.
    """

    def __init__(
        self,
        facts: Facts,
        queue: Sequence[Queued],
        feed: Feed,
        world: World,
        settled: Callable[[Approval], None],
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
        self._settled = settled
        self._restarts = History(RESTARTS, random.Random())
        self._nursery: trio.Nursery
        self.reset(facts, queue, cut_items, TurnCause.DAEMON_RESTART)

    def reset(self, facts: Facts, queue: Sequence[Queued], cut_items: Sequence[OpenItem], cut_cause: TurnCause) -> None:
        """As the journal has it, with nothing in hand. `cut_cause`: why the turn that is open there was cut."""
        self.facts = facts
        self._queue = deque(queue)
        self._cut_items = cut_items
        self._cut_cause = cut_cause
        self._log = SessionLog(self._feed, self._world.journal, facts.seq)
        self._facts_changed = False
        self._queue_changed = False
        self._turn: Turn | None = None
        self._run: Run | None = None
        self._ready = False
        self._epoch = Epoch(0)
        self._pausing = False
        self._asked: dict[ApprovalId, OpenApproval] = {}
        self._keys: dict[str, StoredKey] = {}
        self._closing: list[Close] = []
        self._background_tasks = 0

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
        return tuple(self._queue)

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
            self._commit()

    def _take(self, message: Message) -> None:
        match message:
            case Admit():
                self._admit(message)
            case Cut():
                self._cut(message)
            case Unqueue(prompt_id=prompt_id):
                self._unqueue(prompt_id)
                self._log.then(lambda: message.reply.set(tuple(queued.prompt for queued in self._queue)))
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

    # What is recorded

    def _commit(self) -> None:
        queue = tuple(queued.stored for queued in self._queue) if self._queue_changed else None
        changed = self._facts_changed or self._queue_changed
        self._log.commit(self.facts if self._facts_changed else None, queue=queue)
        self._facts_changed = self._queue_changed = False
        if changed:
            self._tell_changed()

    def _tell_changed(self) -> None:
        self._world.hub.changed(self.facts.session_id, lambda: self.view)

    def _know(self, **changes: Any) -> None:
        """The only line that changes the facts."""
        self.facts = attrs.evolve(self.facts, **changes)
        self._facts_changed = True

    def _record(self, draft: Draft) -> int:
        number = self._turn.number if self._turn else None
        return self._record_in(number, draft)

    def _record_in(self, turn: int | None, draft: Draft) -> int:
        seq = self._log.record(draft, turn=turn, provider=self.facts.provider)
        self._know(seq=seq, last_activity=utc_now())
        return seq

    def _step(self, step: Step) -> None:
        old, new = self.facts.status, advance(self.facts.status, step)
        if new is not old:
            self._know(status=new)
            self._record(Draft(EventType.STATUS_CHANGE, f"{old} → {new}", Change(from_=old, to=new)))

    def _note(self, subtype: str, line: str, **data: Any) -> None:
        self._record(Draft(EventType.SYSTEM, line, System(subtype=subtype, data=data)))

    # Prompts and the queue

    def _admit(self, ask: Admit) -> None:
        if ask.claim is not None and (kept := self._keys.get(ask.claim.key)) is not None:
            ask.reply.set(ask.claim.answer_of(kept))
            return
        self._refuse_if_over()
        busy = self._turn is not None
        queued = busy or bool(self._queue)
        if busy and ask.when_busy is WhenBusy.REFUSE:
            raise Refused(ErrorKind.BUSY, f"turn {self.facts.turn} runs; whenBusy says to refuse")
        if queued and len(self._queue) >= QUEUE:
            raise Refused(ErrorKind.QUEUE_FULL, f"{QUEUE} prompts wait already")
        receipt = self._welcome(ask, queued)
        if ask.claim is not None:
            key = ask.claim.kept(codec.encode(receipt))
            self._keys[key.key] = key
            self._log.keep(keys=(key,))
        self._log.then(lambda: ask.reply.set(receipt))

    def _welcome(self, ask: Admit, queued: bool) -> PromptReceipt:
        """The prompt is in: recorded, and started or queued."""
        prompt, number = ask.prompt, self.facts.turn + 1
        note = UserNote(
            prompt_id=prompt.prompt_id,
            disposition="queued" if queued else "started",
            blocks=ask.notes,
            by=prompt.by,
        )
        seq = self._record_in(None if queued else number, Draft(EventType.USER, prompt.text, note))
        self._log.keep(attachments=ask.attachments)
        if self.facts.title is None:
            self._know(title=_title(prompt.text))
        if not queued:
            self._start_turn(prompt)
            return PromptReceipt(prompt_id=prompt.prompt_id, disposition="started", turn=number, seq=seq)
        self._enqueue(ask)
        return PromptReceipt(prompt_id=prompt.prompt_id, disposition="queued", seq=seq)

    def _enqueue(self, ask: Admit) -> None:
        stored = StoredPrompt(ask.prompt.prompt_id, codec.encode(slim(ask.prompt, ask.notes)))
        first = self._turn is not None and ask.when_busy is WhenBusy.INTERRUPT
        (self._queue.appendleft if first else self._queue.append)(Queued(ask.prompt, stored))
        self._queue_changed = True
        if first:
            self._interrupt()
        elif self._turn is None:  # the queue was held: after a failure, or a restart
            self._start_next()

    def _start_next(self) -> None:
        if self._queue and not self._closing:
            self._queue_changed = True
            self._start_turn(self._queue.popleft().prompt)

    def _unqueue(self, prompt_id: PromptId) -> None:
        kept = [queued for queued in self._queue if queued.prompt.prompt_id != prompt_id]
        if len(kept) == len(self._queue):
            raise Refused(ErrorKind.NOT_FOUND, f"no prompt {prompt_id} waits here", field="promptId")
        self._queue = deque(kept)
        self._queue_changed = True
        self._note("prompt_dropped", "a queued prompt was taken back", promptId=prompt_id)

    def _drop_queue(self) -> None:
        while self._queue:
            self._unqueue(self._queue[0].prompt.prompt_id)

    def _refuse_if_over(self) -> None:
        if self.facts.status is Status.TERMINATED or self._closing:
            raise Refused(ErrorKind.WRONG_STATUS, "the session is closed; its log stays")

    # Turns

    def _start_turn(self, prompt: Prompt | None) -> None:
        number = self.facts.turn + 1
        self._turn = Turn(number, prompt, trio.current_time(), said=prompt is None)
        prompt_id = prompt.prompt_id if prompt else None
        self._know(turn=number, open_turn=OpenTurn(number=number, prompt_id=prompt_id, started_at=utc_now()))
        self._record(
            Draft(EventType.TURN_STARTED, "", TurnStarted(prompt_id=prompt_id, origin="prompt" if prompt else "agent"))
        )
        if prompt is None:
            self._step(Step.TURN_STARTED)
        else:
            self._pursue()

    def _pursue(self) -> None:
        """Bring the prompt in hand to an agent: say it, or see that there will be one to say it to."""
        turn, run = self._turn, self._run
        if turn is None or turn.said or turn.prompt is None:
            return
        if run is not None and self._ready and not run.closing:
            self._step(Step.TURN_STARTED)
            turn.said = True
            run.post(Say(turn.prompt))
            return
        if self.facts.status is not Status.INITIALIZING:
            self._step(Step.RUN_STARTING)
        if run is None and not self._pausing:
            self._open_run()

    def _cut(self, ask: Cut) -> None:
        turn = self._turn
        if ask.expected_turn is not None and (turn is None or turn.number != ask.expected_turn):
            ask.reply.set(False)
            return
        if ask.drop_queue:
            self._drop_queue()
        if turn is not None:
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
        """Exactly once a turn, and its last event.

        Args:
            started: false if its run could not be started; the session has failed then.
        """
        turn = self._turn
        if turn is None:
            return
        cause = self._cause(turn, over)
        self._cancel_approvals()
        self._close_items("the turn ended")
        error = self._record_failure(over.failure)
        self._record_usage(over.usage)
        note = TurnEnded(reason=over.reason, cause=cause, error=error, duration_ms=_since(turn.started))
        self._record(Draft(EventType.TURN_ENDED, str(over.reason), note))
        self._turn = None
        self._know(open_turn=None)
        self._step(Step.TURN_ENDED if started else Step.START_FAILED)
        if over.reason is TurnReason.COMPLETED:
            self._restarts.stabilised()
        if not _holds_queue(over, cause):
            self._start_next()

    def _cause(self, turn: Turn, over: TurnOver) -> TurnCause | None:
        if over.reason is not TurnReason.INTERRUPTED or over.cause is not None:
            return over.cause
        if turn.interrupted:
            return TurnCause.USER
        return TurnCause.DAEMON_RESTART if self._run is not None and self._run.closing else TurnCause.AGENT

    def _record_failure(self, failure: Failure | None) -> ErrorNote | None:
        if failure is None:
            return None
        error = ErrorNote(
            kind=failure.kind, retryable=failure.retryable, remedy=failure.remedy, retry_at=failure.retry_at
        )
        self._record(Draft(EventType.ERROR, failure.message, error))
        return error

    def _record_usage(self, usage: UsageNote | None) -> None:
        if usage is None:
            return
        self._record(Draft(EventType.USAGE, _usage_line(usage), usage))
        taken = Usage(
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            cache_read_tokens=usage.cache_read_tokens,
            cache_write_tokens=usage.cache_write_tokens,
            cost_usd=usage.cost_usd,
            notional=bool(usage.notional),
        )
        self._know(usage=self.facts.usage + taken)

    def _close_items(self, reason: str) -> None:
        """What still streams is closed with what there is of it."""
        for item in self._log.open_items.snapshot():
            self._close_item(item, reason)

    def _close_item(self, item: OpenItem, reason: str) -> None:
        if item.kind is DeltaKind.TOOL_OUTPUT or not item.text:
            self._log.void_item(item.item_id, reason)
            return
        kind = EventType.ASSISTANT if item.kind is DeltaKind.TEXT else EventType.THINKING
        said = Said(item_id=item.item_id, parent_tool_use_id=item.parent_tool_use_id, partial=True)
        self._record(Draft(kind, item.text, said))

    def _close_cut_turn(self) -> None:
        """A former life left a turn open: close it as far as it came."""
        cut = self.facts.open_turn
        if cut is None:
            return
        self._turn = Turn(cut.number, None, trio.current_time(), said=True)
        for item in self._cut_items:
            self._close_item(item, "cut")
        self._cancel_approvals()
        lasted = int((utc_now() - cut.started_at).total_seconds() * 1000)
        note = TurnEnded(reason=TurnReason.INTERRUPTED, cause=self._cut_cause, duration_ms=max(lasted, 0))
        self._record(Draft(EventType.TURN_ENDED, str(note.reason), note))
        self._turn = None
        self._know(open_turn=None)
        self._step(Step.TURN_ENDED)
        self._commit()

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
            self._run = self._supervisor.open_run(self._run_config(), self._epoch, self._hear)
        except Refused as no:
            failure = Failure(kind=ErrorKind.NO_PROVIDER, message=no.message, remedy=no.remedy)
            self._end_turn(_failed(failure, TurnCause.NO_PROVIDER), started=False)

    def _run_config(self) -> SessionConfig:
        facts = self.facts
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
                self._note("waiting_for_place", reason)
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
                self._log.stream(event, self._turn.number if self._turn else None)
            case Draft():
                self._watch_for_effects(event)
                self._record(event)
            case ItemVoided():
                self._log.void_item(event.item_id, event.reason)
            case TurnBegan():
                if self._turn is None:
                    self._start_turn(None)
            case TurnOver():
                self._supervisor.note_turn(event)
                self._end_turn(event)
            case Asked(request=request):
                self._decide(request)
            case Withdrawn(request_id=request_id):
                self._settle_withdrawn(request_id)
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
        native = facts.native.get(facts.provider) or NativeSession(native_id="")
        seen = NativeSession(
            native_id=native.native_id if told.native_id is None else told.native_id,
            used=native.used if told.used is None else told.used,
        )
        if seen != native:
            self._know(native={**facts.native, facts.provider: seen})
        if told.model is not None and told.model != facts.model:
            self._know(model=told.model)
        if told.commands is not None and told.commands != facts.commands:
            self._know(commands=told.commands)
        if told.background_tasks is not None:
            self._background_tasks = told.background_tasks
        if told.directory is not None and told.directory != facts.directory:
            self._know(directory=told.directory)
            change = Change(from_=facts.directory, to=told.directory)
            self._record(Draft(EventType.DIRECTORY_CHANGE, f"{change.from_} → {change.to}", change))

    def _lose_run(self, end: RunEnd) -> None:
        self._run, self._ready, self._background_tasks = None, False, 0
        self._tell_changed()
        turn, failure = self._turn, end.failure
        if failure is not None:
            self._note("run_ended", failure.message, **{"class": end.cls}, kind=failure.kind, evidence=failure.evidence)
        if turn is None:
            self._cancel_approvals()
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

    def _forget_native(self, failure: Failure) -> None:
        """The agent's own session is gone: it starts anew, and that is said."""
        provider = self.facts.provider
        self._note("native_lost", failure.message)
        self._know(native={name: native for name, native in self.facts.native.items() if name != provider})
        self._pursue()

    def _restart(self, turn: Turn, failure: Failure | None) -> None:
        """The same prompt again, on the same provider, after a pause that grows."""
        turn.said = False
        self._cancel_approvals()
        for item in self._log.open_items.snapshot():
            self._log.void_item(item.item_id, "the agent does its answer over")
        if failure is None:
            self._pursue()
            return
        delay = self._restarts.next_delay(now=trio.current_time(), lived=_seconds_since(turn.started))
        if delay is None:
            self._fail_turn(turn, failure)
            return
        self._supervisor.note_restart()
        self._note("run_restarting", f"the agent is started again in {delay:.1f} s", delaySeconds=round(delay, 3))
        self._pausing = True
        self._pursue()
        self._nursery.start_soon(self._pause, delay, self._epoch)

    async def _pause(self, seconds: float, epoch: Epoch) -> None:
        await trio.sleep(seconds)
        try:
            await self.mailbox.tell(RestartDue(epoch))
        except Stopped:
            log.debug("nothing to restart any more")

    def _fail_turn(self, turn: Turn, failure: Failure) -> None:
        over = _failed(failure, TurnCause.CRASH if failure.cls is RunClass.CRASH else None)
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
        if verdict is not Verdict.ASK:
            message = f"the session's permission mode is {facts.permission_mode}" if verdict is Verdict.DENY else None
            self._answer(request, Answer(verdict=verdict, message=message))
            return
        opened = ask_person(request, facts, self._turn.number if self._turn else None)
        self._asked[opened.approval.approval_id] = opened
        self._know(approvals=(*facts.approvals, opened.approval))
        self._record(Draft(EventType.APPROVAL_REQUESTED, opened.approval.title, opened.approval))
        if self._turn is not None:
            self._step(Step.APPROVAL_OPENED)

    def _answer(self, request: PermissionRequest, answer: Answer) -> None:
        """Only after the decision is durable."""
        run = self._run
        if run is not None:
            self._log.then(lambda: run.post(Reply(request.request_id, answer)))

    def _resolve(self, ask: Resolve) -> None:
        opened = self._asked.get(ask.command.approval_id)
        if opened is None:
            raise Refused(ErrorKind.NOT_FOUND, f"no approval {ask.command.approval_id} is open here")
        settled = settle(opened, ask.command, ask.by)
        if settled.rule is not None:
            self._know(rules=(*self.facts.rules, settled.rule))
        self._settle(settled.approval)
        self._answer(opened.request, settled.answer)
        if settled.answer.interrupt and self._turn is not None:
            self._turn.interrupted = True
        self._log.then(lambda: ask.reply.set(settled.approval))

    def _settle(self, approval: Approval) -> None:
        self._asked.pop(approval.approval_id, None)
        self._settled(approval)
        open_ones = tuple(one for one in self.facts.approvals if one.approval_id != approval.approval_id)
        self._know(approvals=open_ones)
        self._record(Draft(EventType.APPROVAL_RESOLVED, f"{approval.status}: {approval.title}", approval))
        if not open_ones and self.facts.status is Status.WAITING_INPUT:
            self._step(Step.APPROVALS_SETTLED)

    def _settle_withdrawn(self, request_id: str) -> None:
        for opened in list(self._asked.values()):
            if opened.request.request_id == request_id:
                self._settle(cancelled(opened.approval, Resolver(kind="agent")))

    def _cancel_approvals(self) -> None:
        """Nobody waits for an answer any more."""
        for approval in self.facts.approvals:
            self._settle(cancelled(approval, Resolver(kind="session")))

    # The end

    def _begin_close(self, ask: Close) -> None:
        if self.facts.status is Status.TERMINATED:
            ask.reply.set(self.view)
            return
        self._closing.append(ask)
        self._drop_queue()
        self._interrupt()

    def _wind_up(self) -> None:
        """Being closed: after the turn the run, after the run the session."""
        if not self._closing or self._turn is not None:
            return
        if self._run is not None:
            if not self._run.closing:
                self._run.close()
            return
        self._step(Step.CLOSED)
        closing, self._closing = self._closing, []
        for ask in closing:
            self._log.then(lambda ask=ask: ask.reply.set(self.view))  # type: ignore[misc]


def _failed(failure: Failure, cause: TurnCause | None) -> TurnOver:
    return TurnOver(reason=TurnReason.FAILED, cause=cause, failure=failure)


def _holds_queue(over: TurnOver, cause: TurnCause | None) -> bool:
    """What waits is not thrown at a provider that just failed, nor at a daemon that stops; the next prompt does."""
    if cause is TurnCause.DAEMON_RESTART:
        return True
    return over.failure is not None and over.failure.cls is not RunClass.REQUEST


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


def _usage_line(usage: UsageNote) -> str:
    return f"{usage.input_tokens} in, {usage.output_tokens} out, ${usage.cost_usd:.4f} ({usage.model})"


def _seconds_since(started: float) -> float:
    return trio.current_time() - started


def _since(started: float) -> int:
    return int(_seconds_since(started) * 1000)
