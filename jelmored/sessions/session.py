"""One conversation, one owner. Only the task in `Session.run` changes it; it decides and never waits for an agent.

What a message changes is recorded in the session's chronicle and becomes durable together; answers come after that.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Literal, assert_never

import attrs
import structlog
import trio

from jelmored import logs
from jelmored.actors.mailbox import Mailbox
from jelmored.actors.running import grace, open_plain_nursery, running
from jelmored.config.settings import ResumeInterrupted
from jelmored.domain.commands import PromptReceipt, WhenBusy
from jelmored.domain.events import Draft, EventType, OpenItem, TurnCause, UserNote
from jelmored.domain.failures import Failure
from jelmored.domain.ids import Epoch, RequestId
from jelmored.domain.permissions import Answer, Approval, PermissionMode
from jelmored.domain.sessions import BackgroundTask, Facts, SessionView, view
from jelmored.domain.status import Status, Step
from jelmored.domain.times import to_rfc3339, utc_now
from jelmored.errors import ErrorKind, JournalError, Refused, Stopped
from jelmored.journal.base import Journal, StoredKey
from jelmored.providers.base import SessionChange
from jelmored.supervision.providers import Providers
from jelmored.supervision.reports import Reply, Report, StopTask
from jelmored.wire import codec

from . import foreign
from .allowance import Alarm, Allowance
from .approvals import Approvals
from .chronicle import Chronicle
from .failover import OURS
from .finding import may_expire
from .handover import Handover, read_handoff
from .hold import RunHold
from .hub import Feed, Hub
from .intake import Intake
from .log import SessionLog
from .messages import (
    Admit,
    Close,
    Configure,
    Cut,
    EndTask,
    Expire,
    Export,
    GoOn,
    Handed,
    Heard,
    Message,
    Move,
    Resolve,
    Rest,
    RestartDue,
    Resume,
    SettleForeign,
    StateMade,
    Suspend,
    TurnDue,
    Unqueue,
)
from .purse import Purse, over_budget
from .queue import PromptQueue, Queued
from .resumption import Resumption
from .router import Router
from .settling import remembered
from .suspension import Snapshot, Suspension, make_state
from .work import Work

log = structlog.get_logger(__name__)

LAST_WORDS = 40.0  # seconds for the run to end (20 to close, 15 to be stopped) and the log to be written
KEYS = 256  # requestKeys of prompts that were just admitted
INBOX = 32  # messages; then whoever asks waits, and so does the agent

Fate = Literal["started", "queued", "steered"]
"""What becomes of a prompt when it is admitted."""


@attrs.frozen(kw_only=True)
class World:
    """What all sessions work with."""

    journal: Journal
    providers: Providers
    hub: Hub
    router: Router
    purse: Purse = attrs.field(factory=Purse)
    intake: Intake = attrs.field(factory=Intake)
    resume: ResumeInterrupted = ResumeInterrupted.PLANNED
    approval_timeout: float = 0
    """Seconds that a person has to answer an agent; 0: no limit."""


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
        self._leaving = False
        self._hold = RunHold(self._hear)
        self._alarm = Alarm(self._ring)
        self.reset(facts, queue, cut_items, TurnCause.DAEMON_RESTART)

    def reset(self, facts: Facts, queue: Sequence[Queued], cut_items: Sequence[OpenItem], cut_cause: TurnCause) -> None:
        """As the journal has it, with nothing in hand. `cut_cause`: why the turn that is open there was cut."""
        cut = [item.item_id for item in cut_items]
        self._log = SessionLog(self._feed, self._world.journal, facts.seq, cut)
        self._chronicle = Chronicle(facts, self._log, self.view_changed)
        in_hand = facts.open_turn.prompt_id if facts.open_turn else None
        self._queue = PromptQueue(queue, self._chronicle, in_hand)
        self._approvals = Approvals(
            self._chronicle, self._answer, self._note_closed, timeout=self._world.approval_timeout
        )
        self._cut_items = cut_items
        self._cut_cause = cut_cause
        self._hold.forget()
        self._allowance = Allowance(self._chronicle, self._world.purse)
        self._work = Work(
            self._chronicle,
            self._queue,
            self._approvals,
            self._hold,
            self._allowance,
            self._world.intake,
            Resumption(self._chronicle, self._queue, self._world.resume, self._world.router.settings.mid_turn),
            self._world.providers,
            self._world.router,
            self,
        )
        self._suspension = Suspension(self._chronicle, self._queue, self._work, self._hold, self._begin_state)
        self._keys: OrderedDict[str, StoredKey] = OrderedDict()
        self._closing: list[Close] = []
        self._held_back = trio.CancelScope()

    @property
    def facts(self) -> Facts:
        return self._chronicle.facts

    @property
    def view(self) -> SessionView:
        return view(
            self.facts,
            attached=self.attached,
            subscribers=len(self._feed.subscribers),
            queued=len(self._queue),
            background_tasks=len(self._hold.background_tasks),
        )

    @property
    def attached(self) -> bool:
        """An agent is there."""
        return self._hold.ready

    @property
    def queue(self) -> tuple[Queued, ...]:
        return self._queue.waiting

    @property
    def resting(self) -> bool:
        """Nothing is in hand: the task may end, and the session be taken up again from its facts."""
        waits = self._closing or self._suspension.under_way or self._hold.readers or self._work.parking.taken
        return self._work.over and not waits

    @property
    def background_tasks(self) -> tuple[BackgroundTask, ...]:
        """Of its agent, now."""
        return self._hold.background_tasks

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve until the mailbox is closed. A turn that a former life left open is closed first."""
        self.fallen, self._leaving = True, False
        with logs.about(session=self.facts.session_id, provider=self.facts.provider), self.mailbox.answering():
            async with running(self._log.run), running(self._alarm.run), open_plain_nursery() as self._nursery:
                self._work.close_cut_turn(self._cut_items, self._cut_cause)
                self._chronicle.commit(self._queue.to_store())
                await self._log.settled_or_held()
                self._work.parking.look_again()
                self.up.set()
                task_status.started()
                try:
                    await self.mailbox.serve(self._handle)
                except trio.Cancelled:
                    await self._stop()
                    raise
                finally:
                    self._leaving = True
                    self._held_back.cancel()
                    with grace(LAST_WORDS):
                        await self._hold.let_go()
                        await self._log.settled_or_held()
                self._nursery.cancel_scope.cancel()
        self.fallen = False

    async def _stop(self) -> None:
        """The daemon stops. What the run has told last is heard; what is in hand still is cut."""
        if not self._world.intake.stopping or self._log.broken:
            return  # a fault: the journal is the truth
        with grace(LAST_WORDS):
            await self._hold.let_go()
            await self.mailbox.serve_rest(self._handle)
            self._work.stop()
            self._chronicle.commit(self._queue.to_store())

    async def _handle(self, message: Message) -> None:
        await self._log.room()
        try:
            self._take(message)
            self._mind_limits()
            self._wind_up()
            if self._hears_out:
                self._held_back.cancel()
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
                if self._work.parking.taken:
                    self._work.begin_next()  # the next one may not want to wait
                self._log.answer(reply, lambda: self._queue.prompts)
            case Resolve():
                self._resolve(message)
            case Close():
                self._begin_close(message)
            case Expire():
                self._expire(message)
            case Configure():
                self._configure(message)
            case EndTask():
                self._stop_task(message)
            case Move():
                self._move(message)
            case SettleForeign():
                self._settle_foreign(message)
            case Handed(handover=handover, handoff=handoff):
                self._work.handed(handover, handoff)
            case Suspend():
                self._begin_suspend(message)
            case Export():
                self._suspension.give_out(message)
            case Resume():
                self._resume(message)
            case StateMade():
                self._suspension.made()
            case Heard(report=report):
                self._work.hear(report)
            case RestartDue(epoch=epoch):
                self._work.pause_over(epoch)
            case GoOn():
                self._work.go_on_with_queue()
            case TurnDue():
                pass  # what is due is looked after behind every message
            case Rest():
                if self.resting and self._log.idle:
                    self.mailbox.close()
            case _:
                assert_never(message)

    def _mind_limits(self) -> None:
        """A question that nobody answers is closed; a turn that has reached a limit ends."""
        self._approvals.expire(utc_now())
        failure = self._allowance.exceeded(trio.current_time())
        if failure is not None:
            self._work.cut_short(failure)
        ends = (self._approvals.due(), self._allowance.due() if failure is None else None)
        self._alarm.set(min((end for end in ends if end is not None), default=None))

    def _ring(self) -> None:
        with suppress(Stopped):  # where there is no room there are messages, and behind each the clock is looked at
            self.mailbox.tell_nowait(TurnDue())

    def view_changed(self) -> None:
        """Clients are told soon."""
        self._world.hub.changed(self.facts.session_id, lambda: self.view)

    def remind(self, seconds: float, epoch: Epoch) -> None:
        """`RestartDue` comes after so many seconds."""
        self._nursery.start_soon(self._pause, seconds, epoch)

    async def _pause(self, seconds: float, epoch: Epoch) -> None:
        await trio.sleep(seconds)
        try:
            await self.mailbox.tell(RestartDue(epoch))
        except Stopped:
            log.debug("nothing to restart any more")

    @property
    def _hears_out(self) -> bool:
        """The agent is to come to its end: the journal's reserve has room for what it says."""
        turn = self._work.turn
        return self._leaving or bool(self._closing) or (turn is not None and turn.interrupted)

    async def _hear(self, report: Report) -> None:
        """While the disk takes nothing, what agents say is held back here, and so are they, by their pipes."""
        if self._world.journal.trouble is not None and isinstance(report.news, Sequence) and not self._hears_out:
            with trio.CancelScope() as self._held_back:
                await self._world.journal.healed()
        try:
            await self.mailbox.tell(Heard(report))
        except Stopped:
            log.debug("a run told a session that is gone")

    def hand_over(self, handover: Handover) -> None:
        """`Handed` comes when it is made."""
        self._nursery.start_soon(self._read, handover)

    async def _read(self, handover: Handover) -> None:
        await self._log.settled()
        handoff = await read_handoff(self._world.journal, handover)
        try:
            await self.mailbox.tell(Handed(handover, handoff))
        except Stopped:
            log.debug("nobody to hand over to any more")

    def _begin_state(self, ask: Suspend | Export, snapshot: Snapshot) -> None:
        self._nursery.start_soon(self._make_state, ask, snapshot)

    async def _make_state(self, ask: Suspend | Export, snapshot: Snapshot) -> None:
        try:
            ask.reply.set(await make_state(snapshot, self._world.journal, self._world.providers))
        except JournalError as error:
            ask.reply.fail(error)
        if snapshot.asleep:
            with suppress(Stopped):  # no agent will be started any more
                await self.mailbox.tell(StateMade())

    def _answer(self, request_id: RequestId, answer: Answer) -> None:
        """The agent is told only after the decision is durable."""
        if request_id == OURS:
            self._work.decided(answer)
            return
        self._log.then(lambda: self._hold.post(Reply(request_id, answer)))

    # Prompts

    def _admit(self, ask: Admit) -> None:
        if ask.claim is not None and (kept := self._keys.get(ask.claim.key)) is not None:
            receipt = ask.claim.answer_of(kept)  # what it admitted may not be durable yet
            self._log.answer(ask.reply, lambda: receipt)
            return
        self._check_welcome(ask)
        if self.facts.status is Status.SUSPENDED:
            self._suspension.resume()
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
        self._check_open()
        self._check_budget()
        turn = self._work.turn
        if turn is not None and ask.when_busy is WhenBusy.REFUSE:
            raise Refused(ErrorKind.BUSY, f"turn {turn.number} runs, and whenBusy says to refuse")
        if self._fate(ask) != "started":
            self._queue.check_room()

    def _check_budget(self) -> None:
        if (no := self._allowance.verdict) is not None:
            raise over_budget(no)

    def _check_open(self) -> None:
        if self.facts.status is Status.TERMINATED or self._closing:
            remedy = f"jelmore resume {self.facts.session_id} opens it again"
            raise Refused(ErrorKind.WRONG_STATUS, "the session is closed; its log stays", remedy=remedy)
        self._suspension.check_over()

    def _fate(self, ask: Admit) -> Fate:
        """It goes behind a turn, or behind prompts that a failure or a restart has left waiting, unless it steers."""
        steers = ask.when_busy is WhenBusy.STEER and not ask.prompt.is_command
        if steers and self._work.steerable:
            return "steered"
        waits = not self._work.may_begin or len(self._queue) > 0 or self._work.parking.refusal(ask.prompt) is not None
        return "queued" if waits else "started"

    def _welcome(self, ask: Admit) -> PromptReceipt:
        """The prompt is in: recorded, and started, queued, or given to the agent that works."""
        prompt, fate, turn = ask.prompt, self._fate(ask), self._work.turn
        note = UserNote(prompt_id=prompt.prompt_id, disposition=fate, blocks=ask.notes, by=prompt.by)
        current = turn.number if turn else None
        number = {"started": self.facts.turn + 1, "queued": None, "steered": current}[fate]
        seq = self._chronicle.record_in(number, Draft(EventType.USER, prompt.text, note))
        self._log.keep(attachments=ask.attachments)
        if self.facts.title is None:
            self._chronicle.know(title=_title(prompt.text))
        match fate:
            case "started":
                self._queue.start(prompt, ask.notes)
                self._work.begin(prompt)
            case "steered":
                self._queue.give(prompt, ask.notes)
                self._work.steer(prompt)
            case "queued":
                self._enqueue(ask)
        return PromptReceipt(prompt_id=prompt.prompt_id, disposition=fate, turn=number, seq=seq)

    def _enqueue(self, ask: Admit) -> None:
        busy = self._work.turn is not None
        at_once = busy and ask.when_busy is WhenBusy.INTERRUPT
        self._queue.add(ask.prompt, ask.notes, first=at_once)
        if at_once:
            self._work.interrupt()
        elif not busy:
            self._note_waiting()
            self._work.begin_next()

    def _note_waiting(self) -> None:
        if self._world.intake.draining:
            self._chronicle.note("draining", "the daemon begins no turns now, for it is to stop: the prompt waits")

    def _cut(self, ask: Cut) -> None:
        turn = self._work.turn
        if ask.expected_turn is not None and (turn is None or turn.number != ask.expected_turn):
            ask.reply.set(False)
            return
        if ask.drop_queue:
            self._queue.drop()
            self._work.parking.leave()
        self._work.interrupt()
        self._log.answer(ask.reply, lambda: turn is not None)

    # Approvals

    def _note_closed(self, approval: Approval) -> None:
        """Who answers too late learns who won, in the daemon's next life too."""
        self._log.keep(keys=(remembered(approval),))
        self._closed(approval)

    def _resolve(self, ask: Resolve) -> None:
        outcome = self._approvals.resolve(ask.command, ask.by)
        if outcome.answer.interrupt:
            self._work.end_with_answer()
        if outcome.mode is not None and outcome.mode is not self.facts.permission_mode:
            self._follow(outcome.mode)
        if outcome.rule is not None:
            self._approvals.review()
        self._log.answer(ask.reply, lambda: outcome.approval)

    def _follow(self, mode: PermissionMode) -> None:
        """The policy is another one from now on."""
        self._chronicle.know(permission_mode=mode)
        self._chronicle.note("configured", f"permission mode: {mode}", permissionMode=mode)
        self._work.change(SessionChange(permission_mode=mode))
        self._approvals.review()

    # Changes

    def _configure(self, ask: Configure) -> None:
        """What is None stays. The agent is told what it can be told while it works."""
        self._check_open()
        wanted = ask.command
        named = {"title": wanted.title, "name": wanted.name, "pin": wanted.pin, "limits": wanted.limits}
        changed = {key: value for key, value in named.items() if value not in (None, getattr(self.facts, key))}
        former = self.facts.limits
        self._chronicle.know(**changed)
        if self.facts.limits.max_turns != former.max_turns:
            self._work.renew()
        if wanted.model is not None and wanted.model != self.facts.wanted_model:
            self._chronicle.know(wanted_model=wanted.model, routed_model=None, model=None)
            self._chronicle.note("configured", f"model: {wanted.model}, from the next turn on", model=wanted.model)
            self._work.change(SessionChange(model=wanted.model))
        if wanted.permission_mode not in (None, self.facts.permission_mode):
            self._follow(wanted.permission_mode)
        if "limits" in changed:
            self._work.begin_next()  # what has waited for a higher one
        self._log.answer(ask.reply, lambda: self.view)

    def _stop_task(self, ask: EndTask) -> None:
        known = any(task.task_id == ask.task_id for task in self._hold.background_tasks)
        if known:
            self._hold.post(StopTask(ask.task_id))
        ask.reply.set(known)

    def _move(self, ask: Move) -> None:
        self._check_open()
        if self.facts.status is Status.SUSPENDED:
            raise Refused(ErrorKind.WRONG_STATUS, "the session is suspended: resume it first")
        if not self._work.free:
            raise Refused(ErrorKind.BUSY, "a turn runs: interrupt it first, or wait for its end")
        if ask.model is not None:
            self._chronicle.know(wanted_model=ask.model)
        self._work.move(ask.route, lambda failure: self._answer_move(ask, failure))

    def _answer_move(self, ask: Move, failure: Failure | None) -> None:
        if failure is None:
            self._log.answer(ask.reply, lambda: self.view)
        else:
            ask.reply.fail(Refused(failure.kind, failure.message))

    def _begin_suspend(self, ask: Suspend) -> None:
        if self._closing:
            raise Refused(ErrorKind.WRONG_STATUS, "the session is just being closed")
        self._suspension.begin(ask)

    def _resume(self, ask: Resume) -> None:
        if self._closing:
            raise Refused(ErrorKind.BUSY, "the session is just being closed; try again in a moment")
        self._suspension.check_over()
        self._suspension.resume()
        if not ask.keep_name:
            self._chronicle.know(name=None)
        self._log.answer(ask.reply, lambda: self.view)

    def _settle_foreign(self, ask: SettleForeign) -> None:
        """What waits for the decision goes on."""
        self._check_open()
        foreign.settle(self._chronicle, ask)
        self._work.begin_next()
        self._log.answer(ask.reply, lambda: self.view)

    # The end

    def _begin_close(self, ask: Close) -> None:
        if self.facts.status is Status.TERMINATED:
            ask.reply.set(self.view)
            return
        self._closing.append(ask)
        self._work.ending = True
        self._queue.drop()
        self._work.parking.leave()
        self._work.interrupt()

    def _expire(self, ask: Expire) -> None:
        if not self._is_unused(ask.before):
            ask.reply.set(False)
            return
        self._chronicle.note("expired", f"nobody has used the session since {to_rfc3339(self.facts.last_activity)}")
        self._begin_close(Close())
        self._log.answer(ask.reply, lambda: True)

    def _is_unused(self, before: datetime) -> bool:
        """By anybody, the agent too."""
        at_work = self._work.turn is not None or len(self._queue) or self._hold.background_tasks or self._closing
        watched = bool(self._feed.subscribers)
        return may_expire(self.facts, before) and self._work.free and not at_work and not watched

    def _wind_up(self) -> None:
        """Being closed: after the turn the run, after the run the session."""
        self._suspension.wind_up()
        if not self._closing:
            return
        self._work.wind_up()
        if self._work.over:
            self._chronicle.step(Step.CLOSED)
            closing, self._closing = self._closing, []
            for ask in closing:
                self._log.answer(ask.reply, lambda: self.view)


def _title(text: str) -> str:
    line = text.strip().partition("\n")[0]
    return line if len(line) <= 60 else line[:59] + "…"
