"""One conversation, one owner. Only the task in `Session.run` changes it; it decides and never waits for an agent.

What a message changes is recorded in the session's chronicle and becomes durable together; answers come after that.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import assert_never

import attrs
import structlog
import trio

from jelmored import logs
from jelmored.actors.mailbox import Mailbox
from jelmored.actors.running import grace, open_plain_nursery, running
from jelmored.domain.commands import PromptReceipt, WhenBusy
from jelmored.domain.events import (
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
from jelmored.domain.sessions import Facts, OpenTurn, SessionView, view
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
    Taken,
    TakenBack,
    TurnBegan,
    TurnOver,
    Withdrawn,
)
from jelmored.supervision.provider import ProviderSupervisor
from jelmored.supervision.providers import Providers
from jelmored.supervision.reports import Ready, Reply, Report, Say, SleepWanted, Stop, Waiting
from jelmored.wire import codec

from .approvals import Approvals
from .chronicle import Chronicle
from .hold import RunHold
from .hub import Feed, Hub
from .learning import forget_native, is_native_lost, joined, learn, note_end
from .log import SessionLog
from .messages import Admit, Close, Cut, Heard, Message, Resolve, Rest, RestartDue, Unqueue
from .queue import PromptQueue, Queued
from .router import Next, after
from .turns import Turn, close_item, failed, holds_queue, record_end, void_items

log = structlog.get_logger(__name__)

LAST_WORDS = 40.0  # seconds for the run to end (20 to close, 15 to be stopped) and the log to be written
LEFT = Failure(kind=ErrorKind.AGENT_CRASHED, message="the agent ended by itself, in a turn")
KEYS = 256  # requestKeys of prompts that were just admitted
INBOX = 32  # messages; then whoever asks waits, and so does the agent


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
        self._nursery: trio.Nursery
        self._hold = RunHold(self._hear)
        self.reset(facts, queue, cut_items, TurnCause.DAEMON_RESTART)

    def reset(self, facts: Facts, queue: Sequence[Queued], cut_items: Sequence[OpenItem], cut_cause: TurnCause) -> None:
        """As the journal has it, with nothing in hand. `cut_cause`: why the turn that is open there was cut."""
        cut = [item.item_id for item in cut_items]
        self._log = SessionLog(self._feed, self._world.journal, facts.seq, cut)
        self._chronicle = Chronicle(facts, self._log, self._tell_changed)
        self._queue = PromptQueue(queue, self._chronicle)
        self._approvals = Approvals(self._chronicle, self._closed)
        self._cut_items = cut_items
        self._cut_cause = cut_cause
        self._turn: Turn | None = None
        self._hold.forget()
        self._keys: OrderedDict[str, StoredKey] = OrderedDict()
        self._closing: list[Close] = []

    @property
    def facts(self) -> Facts:
        return self._chronicle.facts

    @property
    def view(self) -> SessionView:
        return view(
            self.facts,
            attached=self._hold.ready,
            subscribers=len(self._feed.subscribers),
            queued=len(self._queue),
            background_tasks=len(self._hold.background_tasks),
        )

    @property
    def queue(self) -> tuple[Queued, ...]:
        return self._queue.waiting

    @property
    def resting(self) -> bool:
        """Nothing is in hand: the task may end, and the session be taken up again from its facts."""
        return self._hold.empty and self._turn is None and not self._closing

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve until the mailbox is closed. A turn that a former life left open is closed first."""
        self.fallen = True
        with logs.about(session=self.facts.session_id, provider=self.facts.provider):
            async with running(self._log.run), open_plain_nursery() as self._nursery:
                self._close_cut_turn()
                await self._log.settled()
                self.up.set()
                task_status.started()
                try:
                    await self.mailbox.serve(self._handle)
                finally:
                    with grace(LAST_WORDS):
                        await self._hold.let_go()
                        await self._log.settled()
                self._nursery.cancel_scope.cancel()
        self.fallen = False

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
                self._log.answer(reply, lambda: self._queue.prompts)
            case Resolve():
                self._resolve(message)
            case Close():
                self._begin_close(message)
            case Heard(report=report):
                self._hear_report(report)
            case RestartDue(epoch=epoch):
                if epoch == self._hold.epoch and self._hold.pausing:
                    self._hold.pausing = False
                    self._pursue()
            case Rest():
                if self.resting and self._log.idle:
                    self.mailbox.close()
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
            self._remember(key)
            self._log.keep(keys=(key,))
        self._log.answer(ask.reply, lambda: receipt)

    def _remember(self, key: StoredKey) -> None:
        """Until the journal has it, and a little longer; then it is looked up there."""
        self._keys[key.key] = key
        if len(self._keys) > KEYS:
            self._keys.popitem(last=False)

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
        logs.in_turn(number)
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
        turn = self._turn
        if turn is None or turn.said or turn.prompt is None:
            return
        if self._hold.listens:
            self._chronicle.step(Step.TURN_STARTED)
            turn.said = True
            self._hold.post(Say(turn.prompt))
            return
        if self.facts.status is not Status.INITIALIZING:
            self._chronicle.step(Step.RUN_STARTING)
        if self._hold.empty and not self._hold.pausing:
            self._open_run()

    def _cut(self, ask: Cut) -> None:
        turn = self._turn
        if ask.expected_turn is not None and (turn is None or turn.number != ask.expected_turn):
            ask.reply.set(False)
            return
        if ask.drop_queue:
            self._queue.drop()
        self._interrupt()
        self._log.answer(ask.reply, lambda: turn is not None)

    def _interrupt(self) -> None:
        """End the turn in hand; its end follows, from the agent or from the end of its run."""
        turn = self._turn
        if turn is None or turn.interrupted:
            return
        turn.interrupted = True
        if self._hold.empty:
            self._hold.pausing = False
            self._end_turn(TurnOver(reason=TurnReason.INTERRUPTED))
        elif turn.said:
            self._hold.post(Stop())
        else:
            self._hold.close()

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
            self._hold.stabilised()
        if not holds_queue(over, cause):
            self._start_next()

    def _cause(self, turn: Turn, over: TurnOver) -> TurnCause | None:
        """Only we know who wanted the end: for an agent, a client's interrupt and our own are the same."""
        if over.reason is not TurnReason.INTERRUPTED:
            return over.cause
        if turn.interrupted:
            return TurnCause.USER
        return TurnCause.DAEMON_RESTART if self._supervisor.stopping else over.cause or TurnCause.AGENT

    def _forget_turn(self, step: Step) -> None:
        self._turn = self._chronicle.turn = None
        logs.in_turn(None)
        self._chronicle.know(open_turn=None)
        self._chronicle.step(step)

    def _close_cut_turn(self) -> None:
        """What a former life left open is closed as far as it came."""
        cut = self.facts.open_turn
        self._chronicle.turn = cut.number if cut else None
        for item in self._cut_items:
            close_item(self._chronicle, item, "cut")
        self._approvals.cancel()  # also those of an agent that asked outside of any turn
        if cut is not None:
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
        try:
            self._hold.open(self._supervisor, self.facts)
        except Refused as no:
            failure = Failure(kind=ErrorKind.NO_PROVIDER, message=no.message, remedy=no.remedy)
            self._end_turn(failed(failure, TurnCause.NO_PROVIDER), started=False)

    def _hear_report(self, report: Report) -> None:
        if not self._hold.knows(report):
            return
        match report.news:
            case Ready(facts=facts):
                self._hold.ready = True
                self._tell_changed()
                learn(self._chronicle, facts)
                self._pursue()
            case Waiting(reason=reason):
                self._chronicle.note("waiting_for_place", reason)
            case SleepWanted():
                if self._turn is None:
                    self._hold.close()
            case RunEnd() as end:
                self._lose_run(end)
            case events:
                for event in joined(events):
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
                if self._is_ours(event):
                    self._supervisor.note_turn(event)
                    self._end_turn(event)
            case Asked(request=request):
                self._decide(request)
            case Withdrawn(request_id=request_id):
                self._approvals.withdraw(request_id)
            case RunFacts():
                self._hold.note(event)
                learn(self._chronicle, event)
            case Taken() | TakenBack():
                log.debug("no message of ours steers", prompt=event.prompt_id)
            case _:
                assert_never(event)

    def _is_ours(self, over: TurnOver) -> bool:
        """Not the end of a turn of the agent's own that was on its way while we began one."""
        return self._turn is None or self._turn.prompt is None or over.origin == "prompt"

    def _watch_for_effects(self, draft: Draft) -> None:
        if self._turn and isinstance(draft.metadata, ToolUse) and draft.metadata.kind not in HARMLESS:
            self._turn.side_effects = True

    def _lose_run(self, end: RunEnd) -> None:
        """The run is over: what becomes of the turn that it had?"""
        self._hold.lose()
        self._tell_changed()
        turn = self._turn
        if turn is not None and end.cls is RunClass.NORMAL:
            end = RunEnd.failed(LEFT)
        failure = end.failure
        if failure is not None:
            note_end(self._chronicle, failure)
        if turn is None:
            self._approvals.cancel()
        elif turn.interrupted:
            self._end_turn(TurnOver(reason=TurnReason.INTERRUPTED, cause=TurnCause.USER))
        elif failure is not None and not turn.said and is_native_lost(self.facts, failure):
            forget_native(self._chronicle, failure)
            self._pursue()
        elif turn.prompt is not None and after(end, said=turn.said, side_effects=turn.side_effects) is Next.RESTART:
            self._restart(turn, failure)
        elif failure is not None:
            self._fail_turn(turn, failure)
        else:
            self._end_turn(TurnOver(reason=TurnReason.INTERRUPTED))

    def _restart(self, turn: Turn, failure: Failure | None) -> None:
        """The same prompt again, on the same provider; after a failure, when a pause is over that grows."""
        turn.said = False
        self._approvals.cancel()
        void_items(self._chronicle, "the agent does its answer over")
        if failure is not None:
            delay = self._hold.next_try(turn.seconds)
            if delay is None:
                self._fail_turn(turn, failure)
                return
            self._supervisor.note_restart()
            self._chronicle.note("run_restarting", f"the agent is started again in {delay:.1f} s")
            self._hold.pausing = True
            self._nursery.start_soon(self._pause, delay, self._hold.epoch)
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
        self._log.then(lambda: self._hold.post(Reply(request.request_id, answer)))

    def _resolve(self, ask: Resolve) -> None:
        settled = self._approvals.resolve(ask.command, ask.by)
        self._answer(settled.request, settled.answer)
        if settled.answer.interrupt and self._turn is not None:
            self._turn.interrupted = True
        self._log.answer(ask.reply, lambda: settled.approval)

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
        if self._hold.empty:
            self._chronicle.step(Step.CLOSED)
            closing, self._closing = self._closing, []
            for ask in closing:
                self._log.answer(ask.reply, lambda: self.view)
        else:
            self._hold.close()


def _title(text: str) -> str:
    line = text.strip().partition("\n")[0]
    return line if len(line) <= 60 else line[:59] + "…"
