"""Which sessions there are: a task for each awake one, facts for the others. It wakes, keeps and lets rest."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import TypeVar

import attrs
import structlog
import trio

from jelmored.actors.children import Child, GaveUp, Restart, RestartLimitReached, SupervisorEvent
from jelmored.actors.mailbox import Ask, Reply
from jelmored.actors.restarts import Backoff, Limit, Policy
from jelmored.actors.running import open_plain_nursery, running
from jelmored.actors.supervisor import Supervisor
from jelmored.domain.events import OpenItem, TurnCause
from jelmored.domain.ids import SessionId
from jelmored.domain.permissions import Approval
from jelmored.domain.prompts import Prompt
from jelmored.domain.sessions import BackgroundTask, Facts, LogPoint, SessionView, view
from jelmored.domain.status import Status
from jelmored.errors import ErrorKind, JournalError, Refused, Stopped
from jelmored.journal.base import Batch, StoredSession
from jelmored.wire import codec, jsonrpc

from .hub import EventFrame, Feed
from .messages import GoOn, Rest, StandAside
from .moving.returning import check_at
from .session import Session
from .turn.attachments import inflate
from .turn.queue import Queued
from .upkeep.leftovers import Leftovers
from .world import World

log = structlog.get_logger(__name__)
T = TypeVar("T")

LINGER = 10.0  # seconds between looks for sessions that may rest
REST = 60.0  # seconds, after a session has fallen too often
TRIES = 3  # to reach a session that goes to rest just now
POLICY = Policy(
    limit=Limit(restarts=3, period=60),
    unstable=3,
    stable_after=60,
    backoff=Backoff(first=0.1, factor=2, limit=5, jitter=0.1),
)


@attrs.frozen
class Resting:
    """A session without a task."""

    facts: Facts
    queue: tuple[Queued, ...] = ()
    stale: bool = False
    """Its task was given up after a fault of ours: the journal knows better."""


class Roster:
    """The sessions of this daemon.

    Args:
        world: what sessions work with.
        closed: told of every approval that is open no more.
    """

    def __init__(self, world: World, closed: Callable[[Approval], None]) -> None:
        self._world = world
        self._journal = world.journal
        self._hub = world.hub
        self._closed = closed
        self._awake: dict[SessionId, Session] = {}
        self._resting: dict[SessionId, Resting] = {}
        self._supervisor = Supervisor("sessions", [], POLICY, on_event=self._note_event)
        self._nursery: trio.Nursery | None = None
        self._aside: set[SessionId] = set()
        self.copying = trio.Lock()
        """While a log is copied none is removed."""

    @property
    def awake(self) -> int:
        """Sessions that have a task."""
        return len(self._awake)

    @property
    def facts(self) -> Iterable[Facts]:
        """Of all sessions."""
        yield from (session.facts for session in self._awake.values())
        yield from (resting.facts for resting in self._resting.values())

    def view(self, session_id: SessionId) -> SessionView:
        """Raises `Refused` (`not-found`)."""
        holder = self._holder(session_id)
        return holder.view if isinstance(holder, Session) else self._view_of(holder)

    def is_attached(self, session_id: SessionId) -> bool:
        """It has an agent. Raises `Refused` (`not-found`)."""
        holder = self._holder(session_id)
        return isinstance(holder, Session) and holder.attached

    def facts_of(self, session_id: SessionId) -> Facts:
        """Raises `Refused` (`not-found`)."""
        return self._holder(session_id).facts

    def queue(self, session_id: SessionId) -> tuple[Queued, ...]:
        """The prompts that wait. Raises `Refused` (`not-found`)."""
        return self._holder(session_id).queue

    def background_tasks(self, session_id: SessionId) -> tuple[BackgroundTask, ...]:
        """Of its agent, now. Raises `Refused` (`not-found`)."""
        holder = self._holder(session_id)
        return holder.background_tasks if isinstance(holder, Session) else ()

    def add(self, facts: Facts, queue: tuple[Queued, ...] = ()) -> None:
        """A session that is in the journal already."""
        self._resting[facts.session_id] = Resting(facts, queue)
        feed = Feed(facts.session_id, facts.log_id, facts.seq, facts.begins_after)
        feed.approvals.update({one.approval_id: one for one in facts.approvals})
        self._hub.open(feed)

    @asynccontextmanager
    async def aside(self, session_id: SessionId, at: LogPoint) -> AsyncIterator[Facts]:
        """For the length of the block the session has no task and no agent, and gets none.

        Args:
            at: where its log stands, and stays.

        Raises:
            Refused: `not-found`; `state-invalid`: it is not there, or in a turn; `busy`.
        """
        if session_id in self._aside:
            raise _being_replaced(session_id)
        check_at(self.facts_of(session_id), at)
        self._aside.add(session_id)
        try:
            await self._end_task(session_id, at)
            yield self.facts_of(session_id)
        except BaseException:
            self._aside.discard(session_id)
            self._doubt(session_id)
            raise
        self._aside.discard(session_id)

    def _doubt(self, session_id: SessionId) -> None:
        """What was written for it may be durable or not: the journal knows."""
        if (resting := self._resting.get(session_id)) is not None:
            self._resting[session_id] = attrs.evolve(resting, stale=True)
            with contextlib.suppress(Refused):  # the daemon stops
                self._wake(session_id)

    async def _end_task(self, session_id: SessionId, at: LogPoint) -> None:
        if (session := self._awake.get(session_id)) is not None:
            with contextlib.suppress(Stopped):  # it goes to rest just now
                await session.mailbox.ask(StandAside(at=at))
            await session.gone.wait()
        check_at(self.facts_of(session_id), at)
        if self._hub.feeds[session_id].leaving:
            raise _not_found(session_id)

    async def replace(self, facts: Facts, queue: tuple[Queued, ...]) -> None:
        """What a session is, within `aside`, from what has just been put behind its log. Its subscribers see that."""
        session_id = facts.session_id
        self._resting[session_id] = Resting(facts, queue, stale=True)
        feed = self._hub.feeds[session_id]
        await self._catch_up(feed, facts.seq)
        feed.approvals = {one.approval_id: one for one in facts.approvals}
        self._resting[session_id] = Resting(facts, queue)
        self._hub.changed(session_id, lambda: self.view(session_id))

    async def close_cut(self, session_id: SessionId, cut_items: Sequence[OpenItem] = ()) -> None:
        """What was under way in it when it was cut is closed; where nothing was, nothing."""
        facts = self.facts_of(session_id)
        if facts.open_turn is not None or facts.approvals or facts.waiting_until is not None:
            session = self._wake(session_id, cut_items)
            await session.up.wait()

    def _holder(self, session_id: SessionId) -> Session | Resting:
        holder = self._awake.get(session_id) or self._resting.get(session_id)
        if holder is None:
            raise _not_found(session_id)
        return holder

    async def ask(self, session_id: SessionId, make: Callable[[], Ask[T]]) -> T:
        """Ask the session's task, waking it. One that goes to rest at that moment is woken again."""
        for _ in range(TRIES):
            session = self._wake(session_id)
            try:
                return await session.mailbox.ask(make())
            except Stopped:
                await session.gone.wait()
        raise Refused(ErrorKind.OVERLOADED, f"session {session_id} can't be reached now; try again")

    def go_on(self) -> None:
        """Turns may begin: every session goes on with what waits in it."""
        for session_id in [facts.session_id for facts in self.facts if self._waits(facts)]:
            session = self._wake(session_id)
            if self._nursery is not None:
                self._nursery.start_soon(self._tell_to_go_on, session)

    def _waits(self, facts: Facts) -> bool:
        waits = facts.status in (Status.IDLE, Status.FAILED) and bool(self.queue(facts.session_id))
        return waits and facts.session_id not in self._aside

    async def _tell_to_go_on(self, session: Session) -> None:
        with contextlib.suppress(Stopped):  # it has gone to rest: nothing was in hand any more
            await session.mailbox.tell(GoOn())

    async def remove(self, session_id: SessionId) -> None:
        """Take a session off the journal and the roster. What has begun is finished, whoever leaves meanwhile.

        Raises:
            Refused: `not-found`, or `wrong-status`: it is not terminated.
            JournalError: it could not be removed, and is still there.
        """
        _check_terminated(self._holder(session_id).facts)
        feed = self._hub.feeds[session_id]
        if feed.leaving:
            raise _not_found(session_id)
        if session_id in self._aside:
            raise _being_replaced(session_id)
        if self._nursery is None:
            raise _stopping()
        feed.leaving = True
        removed: Reply[None] = Reply()
        self._nursery.start_soon(self._remove, feed, removed)
        await removed.wait()

    async def _remove(self, feed: Feed, removed: Reply[None]) -> None:
        try:
            await self._erase(feed.session_id)
            self._hub.close(feed)
            removed.set(None)
        except (JournalError, Refused) as error:
            feed.leaving = False
            feed.publish(())  # those that waited for the end of this go on reading
            removed.fail(error)
        finally:
            removed.fail(Stopped("the daemon stops; the session may be gone or not"))

    async def _erase(self, session_id: SessionId) -> None:
        """End its task; once its log is gone, forget it."""
        if (session := self._awake.get(session_id)) is not None:
            session.mailbox.close()
            await session.gone.wait()
        _check_terminated(self._resting[session_id].facts)  # with a disk that fails, its close may have been in vain
        async with self.copying:
            await self._journal.append([Batch(session_id=session_id, removed=True)])
        del self._resting[session_id]

    def _view_of(self, resting: Resting) -> SessionView:
        feed = self._hub.feed(resting.facts.session_id)
        return view(
            resting.facts,
            attached=False,
            subscribers=len(feed.subscribers) if feed else 0,
            queued=len(resting.queue),
            background_tasks=0,
        )

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Take the sessions up from the journal, close what was cut, then serve."""
        try:
            await self._serve(task_status)
        finally:
            for session in tuple(self._awake.values()):
                self._retire(session)  # or who asked one that was just falling would wait for ever

    async def _serve(self, task_status: trio.TaskStatus[None]) -> None:
        async with running(self._supervisor.run), open_plain_nursery() as self._nursery:
            for stored in await self._journal.sessions():
                await self._take_up(stored)
            task_status.started()
            try:
                await self._let_rest()
            finally:
                self._nursery = None

    async def _take_up(self, stored: StoredSession) -> None:
        """One that can't be read is left as it is, and told: it must not keep the others from being served."""
        try:
            facts, queue, cut_items = await self._revive(stored)
        except codec.InvalidValue as invalid:
            log.error("a session in the journal can't be read", session=stored.session_id, fault=str(invalid))
            return
        self.add(facts, queue)
        await self.close_cut(facts.session_id, cut_items)

    async def _revive(self, stored: StoredSession) -> tuple[Facts, tuple[Queued, ...], tuple[OpenItem, ...]]:
        facts = attrs.evolve(codec.decode(stored.facts, Facts), seq=stored.seq)
        prompts = [(await inflate(codec.decode(kept.body, Prompt), self._journal), kept) for kept in stored.queue]
        items = codec.decode(stored.open_items, tuple[OpenItem, ...])
        return facts, tuple(Queued(prompt, kept) for prompt, kept in prompts), items

    def _wake(self, session_id: SessionId, cut_items: Sequence[OpenItem] = ()) -> Session:
        """The session's task; started if it has none."""
        if (session := self._awake.get(session_id)) is not None:
            return session
        resting = self._resting.get(session_id)
        feed = self._hub.feed(session_id)
        if resting is None or feed is None or feed.leaving:
            raise _not_found(session_id)
        if session_id in self._aside:
            raise _being_replaced(session_id)
        if self._nursery is None:
            raise _stopping()
        session = Session(resting.facts, resting.queue, feed, self._world, self._closed, cut_items=cut_items)
        session.fallen = resting.stale
        del self._resting[session_id]
        self._awake[session_id] = session
        self._nursery.start_soon(self._keep, session)
        return session

    async def _keep(self, session: Session) -> None:
        """A session's task under its supervisor: a fault of ours restarts it from its log, and touches no other."""
        session_id = session.facts.session_id
        child = Child(session_id, partial(self._live, session), Restart.TRANSIENT, essential=False)
        try:
            await self._supervisor.start_child(child)
        except (RestartLimitReached, Stopped):
            log.exception("a session could not be taken up", session=session_id)
            self._retire(session)

    def _retire(self, session: Session) -> None:
        """Its task has ended for good; it is woken when it is asked for again."""
        session_id = session.facts.session_id
        session.mailbox.close()
        self._awake.pop(session_id, None)
        self._resting[session_id] = Resting(session.facts, session.queue, stale=session.fallen)
        session.up.set()
        session.gone.set()

    def _note_event(self, event: SupervisorEvent) -> None:
        if isinstance(event, GaveUp) and (session := self._awake.get(SessionId(event.child))) is not None:
            self._retire(session)
            if self._nursery is not None:
                self._nursery.start_soon(self._try_later, session.facts.session_id)

    async def _try_later(self, session_id: SessionId) -> None:
        """Its clients still see the turn that it fell in: when the trouble may be over, it closes it."""
        await trio.sleep(REST)
        resting = self._resting.get(session_id)
        if resting is not None and resting.stale:
            with contextlib.suppress(Refused):  # it is just being removed
                self._wake(session_id)

    async def _live(self, session: Session, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        if session.fallen:
            await self._recall(session)
        await session.run(task_status=task_status)
        self._retire(session)

    async def _recall(self, session: Session) -> None:
        """After a fault of ours: what the journal has is the truth; what it has and nobody saw is published."""
        session_id = session.facts.session_id
        stored = await self._journal.session(session_id)
        feed = self._hub.feed(session_id)
        if stored is None or feed is None:
            return
        await self._catch_up(feed, stored.seq)
        facts, queue, _ = await self._revive(stored)
        items = feed.open_items.snapshot()  # what clients have seen of them is more than the last checkpoint
        feed.approvals = {one.approval_id: one for one in facts.approvals}
        session.reset(facts, queue, Leftovers(items, TurnCause.CRASH))

    async def _catch_up(self, feed: Feed, head: int) -> None:
        """Publish what is durable, up to its event `head`, and was not published yet."""
        while feed.head < head:
            page = await self._journal.read(feed.session_id, after=feed.head)
            feed.publish([
                EventFrame(entry.seq, jsonrpc.notification("session/event", entry.body)) for entry in page.entries
            ])

    async def _let_rest(self) -> None:
        """Sessions with nothing in hand need no task. Their own tasks decide: a message may be in hand just now."""
        while True:
            await trio.sleep(LINGER)
            for session in list(self._awake.values()):
                if session.resting:
                    with contextlib.suppress(Stopped):  # it is at it
                        session.mailbox.tell_nowait(Rest())


def _not_found(session_id: SessionId) -> Refused:
    return Refused(ErrorKind.NOT_FOUND, f"there is no session {session_id}", field="sessionId")


def _being_replaced(session_id: SessionId) -> Refused:
    told = f"session {session_id} is just being gone on with from where it was elsewhere; try again in a moment"
    return Refused(ErrorKind.BUSY, told)


def _stopping() -> Refused:
    return Refused(ErrorKind.OVERLOADED, "the daemon is stopping")


def _check_terminated(facts: Facts) -> None:
    if facts.status is not Status.TERMINATED:
        told = f"session {facts.session_id} is {facts.status}: only a closed one can be deleted"
        raise Refused(ErrorKind.WRONG_STATUS, told, remedy=f"close it first: jelmore archive {facts.session_id}")
