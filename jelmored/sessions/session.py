"""One conversation, one owner: the task in `Session.run`, and what is done beside it. `life.py` decides.

What a message changes is recorded in the session's chronicle and becomes durable together; answers come after that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress

import structlog
import trio

from jelmored import logs
from jelmored.actors.mailbox import Mailbox
from jelmored.actors.running import grace, open_plain_nursery, running
from jelmored.domain.events import OpenItem, TurnCause
from jelmored.domain.ids import Epoch
from jelmored.domain.permissions import Approval
from jelmored.domain.sessions import BackgroundTask, Facts, SessionView
from jelmored.errors import JournalError, Stopped
from jelmored.supervision.reports import Report

from .agent.handover import Handover
from .agent.hold import RunHold
from .agent.reminding import read_reminder
from .hub import Feed
from .life import Life
from .messages import (
    Export,
    Handed,
    Heard,
    Message,
    Rest,
    RestartDue,
    StateMade,
    Suspend,
    TurnDue,
)
from .moving.suspension import Snapshot, make_state
from .record.log import SessionLog
from .turn.allowance import Alarm
from .turn.queue import Queued
from .upkeep.leftovers import Leftovers
from .world import World

log = structlog.get_logger(__name__)

LAST_WORDS = 40.0  # seconds for the run to end (20 to close, 15 to be stopped) and the log to be written
INBOX = 32  # messages; then whoever asks waits, and so does the agent


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
        self.reset(facts, queue, Leftovers(cut_items, TurnCause.DAEMON_RESTART))

    def reset(self, facts: Facts, queue: Sequence[Queued], leftovers: Leftovers) -> None:
        """As the journal has it, with nothing in hand."""
        cut = [item.item_id for item in leftovers.items]
        self._log = SessionLog(self._feed, self._world.journal, facts.seq, cut)
        self._life = Life(facts, queue, leftovers, self._log, self._hold, self._feed, self._world, self._closed, self)
        self._held_back = trio.CancelScope()

    @property
    def facts(self) -> Facts:
        return self._life.facts

    @property
    def view(self) -> SessionView:
        return self._life.view

    @property
    def attached(self) -> bool:
        """An agent is there."""
        return self._hold.ready

    @property
    def queue(self) -> tuple[Queued, ...]:
        return self._life.queue

    @property
    def resting(self) -> bool:
        """Nothing is in hand: the task may end, and the session be taken up again from its facts."""
        return self._life.resting

    @property
    def background_tasks(self) -> tuple[BackgroundTask, ...]:
        """Of its agent, now."""
        return self._hold.background_tasks

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve until the mailbox is closed. A turn that a former life left open is closed first."""
        self.fallen, self._leaving = True, False
        with logs.about(session=self.facts.session_id, provider=self.facts.provider), self.mailbox.answering():
            async with running(self._log.run), running(self._alarm.run), open_plain_nursery() as self._nursery:
                self._life.begin()
                await self._log.settled_or_held()
                self._life.look_for_provider()
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
            self._life.stop()

    async def _handle(self, message: Message) -> None:
        await self._log.room()
        try:
            self._life.take(message)
            if isinstance(message, Rest) and self.resting and self._log.idle:
                self.mailbox.close()
            self._alarm.set(self._life.mind_limits())
            self._life.wind_up()
            if (aside := self._life.stands_aside()) is not None:
                self._log.answer(aside.reply, lambda: None)
                self._log.then(self.mailbox.close)
            if self._hears_out:
                self._held_back.cancel()
        finally:
            self._life.commit()

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
        await self._tell(RestartDue(epoch))

    async def _tell(self, message: Message) -> None:
        """What was done beside the session's task is told to it, if it is there still."""
        try:
            await self.mailbox.tell(message)
        except Stopped:
            log.debug("told a session that is gone", message=type(message).__name__)

    @property
    def _hears_out(self) -> bool:
        """The agent is to come to its end: the journal's reserve has room for what it says."""
        return self._leaving or self._life.hears_out

    async def _hear(self, report: Report) -> None:
        """While the disk takes nothing, what agents say is held back here, and so are they, by their pipes."""
        if self._world.journal.trouble is not None and isinstance(report.news, Sequence) and not self._hears_out:
            with trio.CancelScope() as self._held_back:
                await self._world.journal.healed()
        await self._tell(Heard(report))

    def hand_over(self, handover: Handover) -> None:
        """`Handed` comes when it is made."""
        self._nursery.start_soon(self._read, handover)

    async def _read(self, handover: Handover) -> None:
        await self._log.settled()
        handoff = await read_reminder(self._world.journal, self._world.providers, handover)
        await self._tell(Handed(handover, handoff))

    def begin_state(self, ask: Suspend | Export, snapshot: Snapshot) -> None:
        self._nursery.start_soon(self._make_state, ask, snapshot)

    async def _make_state(self, ask: Suspend | Export, snapshot: Snapshot) -> None:
        try:
            ask.reply.set(await make_state(snapshot, self._world.journal, self._world.providers))
        except JournalError as error:
            ask.reply.fail(error)
        if snapshot.still:
            await self._tell(StateMade())
