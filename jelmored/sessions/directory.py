"""All sessions: a task for each awake one, facts for the others. It only places; it handles no session's events."""

from __future__ import annotations

import hashlib
import os
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TypeVar

import attrs
import structlog
import trio

from jelmored.actors.mailbox import Ask
from jelmored.actors.restarts import Backoff, Limit, Policy
from jelmored.actors.running import open_plain_nursery, running
from jelmored.actors.supervisor import Child, GaveUp, Restart, RestartLimitReached, Supervisor, SupervisorEvent
from jelmored.domain.commands import CreateSession, FindSessions, Interrupt, PromptReceipt, ResolveApproval, SendPrompt
from jelmored.domain.events import OpenItem, TurnCause
from jelmored.domain.ids import (
    ApprovalId,
    PromptId,
    ProviderName,
    SessionId,
    new_log_id,
    new_prompt_id,
    new_session_id,
)
from jelmored.domain.permissions import Approval, PermissionMode
from jelmored.domain.prompts import Author, Block, Prompt, TextBlock
from jelmored.domain.sessions import Facts, SessionView, view
from jelmored.domain.status import IN_TURN, Status
from jelmored.domain.times import utc_now
from jelmored.errors import ErrorKind, Refused, Stopped
from jelmored.journal.base import Batch, Page, StoredSession
from jelmored.supervision.providers import Providers
from jelmored.wire import codec, jsonrpc

from .attachments import examine, inflate
from .hub import EventFrame, Feed
from .messages import Admit, Close, Cut, KeyClaim, Resolve, Unqueue
from .queue import Queued
from .router import choose
from .session import Session, World

log = structlog.get_logger(__name__)
T = TypeVar("T")

LINGER = 10.0  # seconds between looks for sessions that may rest
SETTLED_KEPT = 10_000  # approvals that were answered, so that a late answer learns who won
POLICY = Policy(
    limit=Limit(restarts=3, period=60),
    unstable=3,
    stable_after=60,
    backoff=Backoff(first=0.1, factor=2, limit=5, jitter=0.1),
)
TRIES = 3  # to reach a session that goes to rest just now


@attrs.frozen(kw_only=True)
class Defaults:
    """What a session gets that its client did not ask for. `permission_modes`: by provider."""

    provider: str
    permission_modes: Mapping[ProviderName, PermissionMode]


@attrs.frozen
class _Resting:
    """A session without a task."""

    facts: Facts
    queue: tuple[Queued, ...] = ()


class Directory:
    """The sessions of this daemon.

    Args:
        world: what sessions work with.
        defaults: from the configuration.
    """

    def __init__(self, world: World, defaults: Defaults) -> None:
        self.hub = world.hub
        self._world = world
        self._journal = world.journal
        self._providers: Providers = world.providers
        self._defaults = defaults
        self._awake: dict[SessionId, Session] = {}
        self._resting: dict[SessionId, _Resting] = {}
        self._settled: OrderedDict[ApprovalId, Approval] = OrderedDict()
        self._supervisor = Supervisor("sessions", [], POLICY, on_event=self._note_event)
        self._nursery: trio.Nursery | None = None
        self._creating = trio.Lock()

    # What is asked without a message

    def get(self, session_id: SessionId) -> SessionView:
        """Raises `Refused` (`not-found`)."""
        if (session := self._awake.get(session_id)) is not None:
            return session.view
        if (resting := self._resting.get(session_id)) is not None:
            return self._view_of(resting)
        raise Refused(ErrorKind.NOT_FOUND, f"there is no session {session_id}", field="sessionId")

    def find(self, query: FindSessions) -> tuple[tuple[SessionView, ...], str | None]:
        """A page of sessions, latest activity first, and the cursor of the next page."""
        wanted = [facts for facts in self._all_facts() if _matches(facts, query)]
        wanted.sort(key=_recency, reverse=True)
        if query.cursor is not None:
            wanted = [facts for facts in wanted if _recency(facts) < query.cursor]
        limit = max(1, min(query.limit, 500))
        page = wanted[:limit]
        cursor = _recency(page[-1]) if len(wanted) > limit else None
        return tuple(self.get(facts.session_id) for facts in page), cursor

    def queue(self, session_id: SessionId) -> tuple[Prompt, ...]:
        """The prompts that wait."""
        self.get(session_id)
        holder = self._awake.get(session_id) or self._resting[session_id]
        return tuple(queued.prompt for queued in holder.queue)

    def approvals(self, session_id: SessionId | None = None) -> tuple[Approval, ...]:
        """Open ones, oldest first."""
        if session_id is not None:
            self.get(session_id)
        every = [one for facts in self._all_facts() for one in facts.approvals]
        chosen = [one for one in every if session_id in (None, one.session_id)]
        return tuple(sorted(chosen, key=lambda one: one.created_at))

    @property
    def awake(self) -> int:
        """Sessions that have a task."""
        return len(self._awake)

    def counts(self) -> Mapping[Status, int]:
        return Counter(facts.status for facts in self._all_facts())

    async def history(
        self, session_id: SessionId, *, after: int = 0, before: int | None = None, limit: int = 500
    ) -> Page:
        """Events of the log; see `Journal.read`."""
        self.get(session_id)
        return await self._journal.read(session_id, after=after, before=before, limit=limit)

    # What is asked of a session

    async def create(self, command: CreateSession, by: Author) -> SessionView:
        """A new session; durable before any agent starts.

        Raises:
            Refused: `invalid-params`, `no-provider`, `directory-busy`, `key-reused`.
        """
        blocks = _blocks(command.prompt) if command.prompt is not None else None
        if blocks is not None:
            examine(blocks)
        async with self._creating:  # one requestKey, one name: first come
            session_id = await self._claimed(command) or await self._create(command)
        if blocks is not None and self.get(session_id).turn == 0:
            await self._admit(session_id, SendPrompt(session_id=session_id, prompt=blocks), by, None)
        return self.get(session_id)

    async def prompt(self, command: SendPrompt, by: Author) -> PromptReceipt:
        """Returns when the prompt is durable: started, or queued."""
        self.get(command.session_id)
        claim = _claim(command.request_key, command)
        if claim is not None:
            kept = await self._journal.key(command.session_id, claim.key)
            if kept is not None:
                return claim.answer_of(kept)
        return await self._admit(command.session_id, command, by, claim)

    async def unqueue(self, session_id: SessionId, prompt_id: PromptId, by: Author) -> tuple[Prompt, ...]:
        """Take a waiting prompt back; returns those that still wait."""
        log.info("prompt taken back", session=session_id, prompt=prompt_id, client=by.client)
        return await self._ask(session_id, lambda: Unqueue(prompt_id=prompt_id))

    async def interrupt(self, command: Interrupt, by: Author) -> bool:
        """End the turn; false if none runs, or another than the expected one."""
        log.info("interrupted", session=command.session_id, client=by.client)
        return await self._ask(
            command.session_id,
            lambda: Cut(drop_queue=command.drop_queue, expected_turn=command.expected_turn),
        )

    async def close(self, session_id: SessionId, by: Author) -> SessionView:
        """End it for good; the log stays."""
        log.info("closed", session=session_id, client=by.client)
        return await self._ask(session_id, Close)

    async def resolve(self, command: ResolveApproval, by: Author) -> Approval:
        """The first answer wins.

        Raises:
            Refused: `already-resolved` with the winner, `approval-invalid`, `not-found`.
        """
        approval = next((one for one in self.approvals() if one.approval_id == command.approval_id), None)
        if approval is None:
            raise self._late(command.approval_id)
        try:
            return await self._ask(approval.session_id, lambda: Resolve(command=command, by=by))
        except Refused as no:
            raise self._late(command.approval_id) if no.kind is ErrorKind.NOT_FOUND else no from None

    def note_settled(self, approval: Approval) -> None:
        """So that a late answer learns who won."""
        self._settled[approval.approval_id] = approval
        if len(self._settled) > SETTLED_KEPT:
            self._settled.popitem(last=False)

    def _late(self, approval_id: ApprovalId) -> Refused:
        winner = self._settled.get(approval_id)
        if winner is None:
            return Refused(ErrorKind.NOT_FOUND, f"there is no approval {approval_id}", field="approvalId")
        return Refused(
            ErrorKind.ALREADY_RESOLVED,
            f"the approval is {winner.status} already",
            data={"approval": codec.to_json(winner)},
        )

    # Life

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Take the sessions up from the journal, close what was cut, then serve."""
        async with running(self._supervisor.run), running(self.hub.run), open_plain_nursery() as self._nursery:
            for stored in await self._journal.sessions():
                await self._take_up(stored)
            task_status.started()
            try:
                await self._let_rest()
            finally:
                self._nursery = None

    async def _take_up(self, stored: StoredSession) -> None:
        facts, queue, cut_items = await self._revive(stored)
        self._open_feed(facts)
        self._resting[facts.session_id] = _Resting(facts, queue)
        if facts.open_turn is not None or facts.approvals:
            session = self._wake(facts.session_id, cut_items)
            await session.up.wait()

    async def _revive(self, stored: StoredSession) -> tuple[Facts, tuple[Queued, ...], tuple[OpenItem, ...]]:
        facts = attrs.evolve(codec.decode(stored.facts, Facts), seq=stored.seq)
        prompts = [(await inflate(codec.decode(kept.body, Prompt), self._journal), kept) for kept in stored.queue]
        items = codec.decode(stored.open_items, tuple[OpenItem, ...])
        return facts, tuple(Queued(prompt, kept) for prompt, kept in prompts), items

    def _open_feed(self, facts: Facts) -> Feed:
        feed = Feed(facts.session_id, facts.log_id, facts.seq)
        feed.approvals.update({one.approval_id: one for one in facts.approvals})
        self.hub.open(feed)
        return feed

    def _wake(self, session_id: SessionId, cut_items: Sequence[OpenItem] = ()) -> Session:
        """The session's task; started if it has none."""
        if (session := self._awake.get(session_id)) is not None:
            return session
        resting = self._resting.get(session_id)
        feed = self.hub.feed(session_id)
        if resting is None or feed is None:
            raise Refused(ErrorKind.NOT_FOUND, f"there is no session {session_id}", field="sessionId")
        if self._nursery is None:
            raise Refused(ErrorKind.OVERLOADED, "the daemon is stopping")
        session = Session(resting.facts, resting.queue, feed, self._world, self.note_settled, cut_items=cut_items)
        del self._resting[session_id]
        self._awake[session_id] = session
        self._nursery.start_soon(self._keep, session)
        return session

    async def _keep(self, session: Session) -> None:
        """A session's task under its supervisor: a fault of ours restarts it from its log, and touches no other."""
        session_id = session.facts.session_id
        child = Child(session_id, partial(self._live, session), Restart.TRANSIENT)
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
        self._resting[session_id] = _Resting(session.facts, session.queue)
        session.up.set()
        session.gone.set()

    def _note_event(self, event: SupervisorEvent) -> None:
        if isinstance(event, GaveUp) and (session := self._awake.get(SessionId(event.child))) is not None:
            self._retire(session)

    async def _live(self, session: Session, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        if session.fallen:
            await self._recall(session)
        await session.run(task_status=task_status)
        self._retire(session)

    async def _recall(self, session: Session) -> None:
        """After a fault of ours: what the journal has is the truth; what it has and nobody saw is published."""
        session_id = session.facts.session_id
        stored = await self._journal.session(session_id)
        feed = self.hub.feed(session_id)
        if stored is None or feed is None:
            return
        while feed.head < stored.seq:
            page = await self._journal.read(session_id, after=feed.head)
            frames = [
                EventFrame(entry.seq, jsonrpc.notification("session/event", entry.body)) for entry in page.entries
            ]
            feed.publish(frames)
        facts, queue, items = await self._revive(stored)
        feed.open_items.clear()
        feed.approvals = {one.approval_id: one for one in facts.approvals}
        session.reset(facts, queue, items, TurnCause.CRASH)

    async def _let_rest(self) -> None:
        """Sessions with nothing in hand need no task."""
        while True:
            await trio.sleep(LINGER)
            for session in list(self._awake.values()):
                if session.resting:
                    session.mailbox.close()

    # Making sessions

    async def _claimed(self, command: CreateSession) -> SessionId | None:
        """The session that was made under this requestKey already."""
        claim = _claim(command.request_key, command)
        kept = await self._journal.key(None, claim.key) if claim else None
        if claim is None or kept is None:
            return None
        claim.check(kept)
        return SessionId(kept.answer.decode())

    async def _create(self, command: CreateSession) -> SessionId:
        cwd = _directory(command.cwd, "cwd")
        self._refuse_name(command.name)
        provider = choose(command.provider, self._defaults.provider, self._providers.views())
        sharing = self._working_in(cwd)
        if sharing and command.exclusive:
            raise Refused(
                ErrorKind.DIRECTORY_BUSY,
                f"another session works in {cwd}: {', '.join(sharing)}",
                data={"sessions": sharing},
            )
        now = utc_now()
        facts = Facts(
            session_id=new_session_id(),
            name=command.name,
            title=command.title,
            provider=provider,
            pin=command.pin,
            wanted_model=command.model,
            cwd=cwd,
            directory=cwd,
            permission_mode=command.permission_mode or self._defaults.permission_modes[provider],
            system_prompt=command.system_prompt,
            directories=tuple(_directory(one, f"directories[{i}]") for i, one in enumerate(command.directories)),
            limits=command.limits,
            created_at=now,
            last_activity=now,
            log_id=new_log_id(),
            warnings=({"kind": "directory-shared", "sessions": sharing},) if sharing else (),
        )
        await self._journal.append([_birth(facts, _claim(command.request_key, command))])
        self._resting[facts.session_id] = _Resting(facts)
        self._open_feed(facts)
        return facts.session_id

    def _refuse_name(self, name: str | None) -> None:
        if name is None:
            return
        if any(facts.name == name and facts.status is not Status.TERMINATED for facts in self._all_facts()):
            raise Refused(ErrorKind.INVALID_PARAMS, f"a session is named {name!r} already", field="name")

    def _working_in(self, cwd: str) -> list[SessionId]:
        return [
            facts.session_id
            for facts in self._all_facts()
            if facts.cwd == cwd and (facts.status in IN_TURN or self.get(facts.session_id).attached)
        ]

    async def _admit(
        self, session_id: SessionId, command: SendPrompt, by: Author, claim: KeyClaim | None
    ) -> PromptReceipt:
        blocks = _blocks(command.prompt)
        examined = await trio.to_thread.run_sync(examine, blocks) if _is_heavy(blocks) else examine(blocks)
        prompt = Prompt(prompt_id=new_prompt_id(), blocks=blocks, by=by)
        return await self._ask(
            session_id,
            lambda: Admit(
                prompt=prompt,
                notes=examined.notes,
                attachments=examined.attachments,
                when_busy=command.when_busy,
                claim=claim,
            ),
        )

    async def _ask(self, session_id: SessionId, make: Callable[[], Ask[T]]) -> T:
        """Ask the session's task, waking it. One that goes to rest at that moment is woken again."""
        for _ in range(TRIES):
            session = self._wake(session_id)
            try:
                return await session.mailbox.ask(make())
            except Stopped:
                await session.gone.wait()
        raise Refused(ErrorKind.OVERLOADED, f"session {session_id} can't be reached now; try again")

    def _view_of(self, resting: _Resting) -> SessionView:
        feed = self.hub.feed(resting.facts.session_id)
        return view(
            resting.facts,
            attached=False,
            subscribers=len(feed.subscribers) if feed else 0,
            queued=len(resting.queue),
            background_tasks=0,
        )

    def _all_facts(self) -> Iterable[Facts]:
        yield from (session.facts for session in self._awake.values())
        yield from (resting.facts for resting in self._resting.values())


def _birth(facts: Facts, claim: KeyClaim | None) -> Batch:
    kept = (attrs.evolve(claim.kept(facts.session_id.encode()), daemon_wide=True),) if claim else ()
    return Batch(session_id=facts.session_id, facts=codec.encode(facts), keys=kept)


def _matches(facts: Facts, query: FindSessions) -> bool:
    if facts.status is Status.TERMINATED and not (query.include_terminated or query.status is Status.TERMINATED):
        return False
    return (
        query.status in (None, facts.status)
        and query.provider in (None, facts.provider)
        and query.cwd in (None, facts.cwd)
    )


def _recency(facts: Facts) -> str:
    """Sorts by the latest activity; names a place in the list."""
    return f"{facts.last_activity.isoformat(timespec='milliseconds')}~{facts.session_id}"


def _blocks(prompt: str | tuple[Block, ...]) -> tuple[Block, ...]:
    return (TextBlock(text=prompt),) if isinstance(prompt, str) else prompt


def _is_heavy(blocks: Iterable[Block]) -> bool:
    """Bytes to decode: not on the loop."""
    return any(not isinstance(block, TextBlock) for block in blocks)


def _claim(key: str | None, command: CreateSession | SendPrompt) -> KeyClaim | None:
    if key is None:
        return None
    return KeyClaim(key, hashlib.sha256(codec.encode(command)).hexdigest())


def _directory(path: str, field: str) -> str:
    """Resolved once, then immutable (protocol 1, section 3)."""
    if not os.path.isabs(path):
        raise Refused(ErrorKind.INVALID_PARAMS, f"{field} must be absolute, not {path!r}", field=field)
    resolved = os.path.realpath(path)
    if not os.path.isdir(resolved):
        raise Refused(ErrorKind.INVALID_PARAMS, f"{field}: there is no directory {path}", field=field)
    return resolved
