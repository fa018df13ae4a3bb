"""Layers below the socket, small and true: a directory over a real journal and the real hub, and two providers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime

import attrs
import trio

from jelmored.control.services import Instance, Services
from jelmored.domain.commands import (
    AdoptSession,
    CompactSession,
    ConfigureSession,
    CreateSession,
    DecideForeign,
    FindPastSessions,
    FindSessions,
    ForkSession,
    Interrupt,
    MoveSession,
    PromptReceipt,
    ResolveApproval,
    ResumeSession,
    SendPrompt,
)
from jelmored.domain.events import Carried, Change, DeltaKind, Draft, Event, EventType, Said
from jelmored.domain.handoff import Handoff
from jelmored.domain.ids import (
    ApprovalId,
    ConnectionId,
    InstanceId,
    ItemId,
    PromptId,
    ProviderName,
    SessionId,
    new_approval_id,
    new_log_id,
    new_prompt_id,
    new_session_id,
)
from jelmored.domain.models import Health, ModelInfo, ProviderView, RunCount
from jelmored.domain.permissions import Approval, ApprovalKind, ApprovalStatus, Option, OptionKind, Resolver
from jelmored.domain.prompts import Author, Block, Prompt, TextBlock
from jelmored.domain.ranking import Candidate, Policy, Ranked, rank
from jelmored.domain.requirements import Requirements
from jelmored.domain.sessions import BackgroundTask, Facts, PastSessionView, SessionView, view
from jelmored.domain.state import SessionState
from jelmored.domain.status import Status
from jelmored.domain.times import utc_now
from jelmored.errors import ErrorKind, Refused
from jelmored.journal.base import Batch, Entry, Page
from jelmored.journal.memory import MemoryJournal
from jelmored.sessions.hub import DeltaFrame, EventFrame, Feed, Hub
from jelmored.wire import codec, jsonrpc
from jelmored.wire.messages import ImportProgress, ImportSession, Reloaded, Setting
from jelmored.wire.states import Document, document_of, state_in

CLAUDE, BROKEN = ProviderName("claude"), ProviderName("broken")
CWD = "/work"
LONG_AGO = datetime(2026, 1, 2, tzinfo=UTC)


@attrs.define(eq=False)
class Conversation:
    """One session: what a test lets happen in it is journaled, then published."""

    facts: Facts
    feed: Feed
    journal: MemoryJournal
    queue: list[Prompt] = attrs.field(factory=list)

    @property
    def id(self) -> SessionId:
        return self.facts.session_id

    async def say(self, *texts: str, closes: ItemId | None = None) -> None:
        """`assistant` events."""
        item = closes or ItemId("item")
        await self.record(*(Draft(EventType.ASSISTANT, text, Said(item_id=item)) for text in texts), closes=closes)

    async def record(self, *drafts: Draft, closes: ItemId | None = None, approval: Approval | None = None) -> None:
        frames = await self.keep(*drafts, closes=closes, approval=approval)
        self.feed.publish(frames)

    async def keep(
        self, *drafts: Draft, closes: ItemId | None = None, approval: Approval | None = None
    ) -> list[EventFrame]:
        """Durable, and not yet published: the moment between the two."""
        entries = [self._entry(draft, self.facts.seq + number) for number, draft in enumerate(drafts, start=1)]
        begins = self.facts.begins_after if self.facts.seq == self.facts.begins_after else 0
        self.facts = attrs.evolve(self.facts, seq=self.facts.seq + len(entries))
        await self.journal.append([Batch(session_id=self.id, begins_after=begins, events=tuple(entries))])
        return [
            EventFrame(entry.seq, jsonrpc.notification("session/event", entry.body), closes, approval)
            for entry in entries
        ]

    def _entry(self, draft: Draft, seq: int) -> Entry:
        event = Event(
            session_id=self.id,
            seq=seq,
            event_type=draft.event_type,
            content=draft.content,
            metadata=draft.metadata,
            timestamp=utc_now(),
            turn=1,
            provider=CLAUDE,
        )
        return Entry(seq, draft.event_type, codec.encode(event))

    def stream(self, text: str, item: ItemId) -> None:
        """A delta."""
        params = {
            "sessionId": self.id,
            "turn": 1,
            "itemId": item,
            "afterSeq": self.feed.head,
            "kind": "text",
            "offset": sum(len(one.text) for one in self.feed.open_items.snapshot() if one.item_id == item),
            "text": text,
        }
        payload = jsonrpc.notification("session/delta", codec.encode(params))
        self.feed.publish([DeltaFrame(payload, item, DeltaKind.TEXT, text)])

    async def ask(self) -> Approval:
        """An approval opens."""
        approval = Approval(
            approval_id=new_approval_id(),
            session_id=self.id,
            turn=1,
            kind=ApprovalKind.PERMISSION,
            title="Run make",
            options=(Option(option_id="allow", name="Allow", kind=OptionKind.ALLOW_ONCE),),
            created_at=utc_now(),
        )
        await self.record(Draft(EventType.APPROVAL_REQUESTED, "Run make", approval), approval=approval)
        return approval


class FakeDraining:
    under_way = False

    def begin(self) -> None:
        self.under_way = True

    def end(self) -> None:
        self.under_way = False


class FakeDirectory:
    """Sessions that do what they are told, at once."""

    def __init__(self, journal: MemoryJournal) -> None:
        self.hub = Hub()
        self.forwarded: tuple[str, ...] = ("LANG",)
        self.draining = FakeDraining()
        self.journal = journal
        self.sessions: dict[SessionId, Conversation] = {}
        self.authors: list[Author] = []
        self.gate = trio.Event()
        """`interrupt` waits for it: a request that takes its time."""
        self.did: list[str] = []

    def open(self, cwd: str = CWD, title: str | None = None, *, begins_after: int = 0) -> Conversation:
        now = utc_now()
        facts = Facts(
            session_id=new_session_id(),
            title=title,
            provider=CLAUDE,
            cwd=cwd,
            directory=cwd,
            created_at=now,
            last_activity=now,
            log_id=new_log_id(),
            seq=begins_after,
            begins_after=begins_after,
        )
        feed = Feed(facts.session_id, facts.log_id, begins_after, begins_after)
        conversation = Conversation(facts, feed, self.journal)
        self.sessions[facts.session_id] = conversation
        self.hub.open(conversation.feed)
        return conversation

    def _find(self, session_id: SessionId) -> Conversation:
        try:
            return self.sessions[session_id]
        except KeyError:
            raise Refused(ErrorKind.NOT_FOUND, f"there is no session {session_id}", field="sessionId") from None

    def changed(self, session_id: SessionId) -> None:
        self.hub.changed(session_id, lambda: self.get(session_id))

    async def create(self, command: CreateSession, by: Author) -> SessionView:
        self.authors.append(by)
        return self.get(self.open(command.cwd, command.title).id)

    def get(self, session_id: SessionId) -> SessionView:
        conversation = self._find(session_id)
        subscribers, queued = len(conversation.feed.subscribers), len(conversation.queue)
        return view(conversation.facts, attached=False, subscribers=subscribers, queued=queued, background_tasks=0)

    def find(self, query: FindSessions) -> tuple[tuple[SessionView, ...], str | None]:
        found = [self.get(one) for one in self.sessions if query.cwd in (None, self.sessions[one].facts.cwd)]
        start = int(query.cursor or 0)
        more = len(found) > start + query.limit
        return tuple(found[start : start + query.limit]), str(start + query.limit) if more else None

    async def prompt(self, command: SendPrompt, by: Author) -> PromptReceipt:
        conversation = self._find(command.session_id)
        await trio.lowlevel.checkpoint()
        blocks: tuple[Block, ...] = (
            (TextBlock(text=command.prompt),) if isinstance(command.prompt, str) else command.prompt
        )
        prompt = Prompt(prompt_id=new_prompt_id(), blocks=blocks, by=by)
        conversation.queue.append(prompt)
        self.did.append(prompt.text)
        return PromptReceipt(prompt_id=prompt.prompt_id, disposition="queued", seq=conversation.feed.head)

    def queue(self, session_id: SessionId) -> tuple[Prompt, ...]:
        return tuple(self._find(session_id).queue)

    async def unqueue(self, session_id: SessionId, prompt_id: PromptId, by: Author) -> tuple[Prompt, ...]:
        conversation = self._find(session_id)
        conversation.queue = [one for one in conversation.queue if one.prompt_id != prompt_id]
        return tuple(conversation.queue)

    async def interrupt(self, command: Interrupt, by: Author) -> bool:
        self._find(command.session_id)
        self.did.append("interrupt begins")
        await self.gate.wait()
        self.did.append("interrupt ends")
        return True

    async def close(self, session_id: SessionId, by: Author) -> SessionView:
        conversation = self._find(session_id)
        conversation.facts = attrs.evolve(conversation.facts, status=Status.TERMINATED)
        await conversation.record(
            Draft(EventType.STATUS_CHANGE, "idle → terminated", Change(from_="idle", to="terminated"))
        )
        return self.get(session_id)

    async def suspend(self, session_id: SessionId, by: Author) -> Document:
        return await self.export(session_id)

    async def export(self, session_id: SessionId) -> Document:
        return document_of(SessionState(facts=attrs.evolve(self._find(session_id).facts, seq=7)))

    async def resume(self, command: ResumeSession, by: Author) -> SessionView:
        return self.get(command.session_id or state_in(command.state).facts.session_id)

    async def import_(self, command: ImportSession, by: Author) -> ImportProgress | SessionView:
        session_id = command.session_id or state_in(command.state).facts.session_id
        if command.last:
            return self.get(session_id)
        return ImportProgress(session_id=session_id, next=1 + len(command.events), head=7)

    async def move(self, command: MoveSession, by: Author) -> SessionView:
        return attrs.evolve(self.get(command.session_id), provider=command.provider or ProviderName("other"))

    async def preview(self, command: MoveSession) -> Handoff:
        self.get(command.session_id)
        return Handoff(text="so far", carried=Carried(turns=1, characters=6))

    async def past_sessions(self, query: FindPastSessions) -> tuple[tuple[PastSessionView, ...], str | None]:
        past = PastSessionView(native_id="native-1", cwd=CWD, title="long ago", updated_at=LONG_AGO)
        return ((past,), "native-1") if query.cursor is None else ((), None)

    async def adopt(self, command: AdoptSession, by: Author) -> SessionView:
        self.did.append(f"adopt {command.native_id}")
        return self.get(self.open(CWD, command.title).id)

    async def decide_foreign(self, command: DecideForeign, by: Author) -> SessionView:
        self.did.append(f"foreign words: {command.decision}")
        return self.get(command.session_id)

    async def fork(self, command: ForkSession, by: Author) -> SessionView:
        source = self._find(command.session_id)
        self.did.append(f"fork at {command.at_seq}")
        return self.get(self.open(source.facts.cwd, command.title).id)

    async def delete(self, session_id: SessionId, by: Author) -> None:
        conversation = self._find(session_id)
        if conversation.facts.status is not Status.TERMINATED:
            raise Refused(ErrorKind.WRONG_STATUS, "close it first")
        conversation.feed.leaving = True
        await self.journal.append([Batch(session_id=session_id, removed=True)])
        del self.sessions[session_id]
        self.hub.close(conversation.feed)

    async def clean_up(self, before: datetime, *, dry_run: bool = False) -> tuple[SessionView, ...]:
        found = tuple(self.get(one.id) for one in self.sessions.values() if one.facts.status is Status.TERMINATED)
        for one in () if dry_run else found:
            await self.delete(one.session_id, Author(connection_id=ConnectionId("con_1"), client="test"))
        return found

    async def history(
        self, session_id: SessionId, *, after: int = 0, before: int | None = None, limit: int = 500
    ) -> Page:
        self._find(session_id)
        return await self.journal.read(session_id, after=after, before=before, limit=limit)

    def approvals(self, session_id: SessionId | None = None) -> tuple[Approval, ...]:
        chosen = self.sessions.values() if session_id is None else [self._find(session_id)]
        return tuple(approval for one in chosen for approval in one.feed.approvals.values())

    async def resolve(self, command: ResolveApproval, by: Author) -> Approval:
        approval = self._open_approval(command.approval_id)
        resolver = Resolver(kind="client", connection_id=by.connection_id, option_id=command.option_id)
        done = attrs.evolve(approval, status=ApprovalStatus.RESOLVED, resolved_by=resolver)
        conversation = self._find(approval.session_id)
        await conversation.record(Draft(EventType.APPROVAL_RESOLVED, "allowed", done), approval=done)
        return done

    def _open_approval(self, approval_id: ApprovalId) -> Approval:
        for approval in self.approvals():
            if approval.approval_id == approval_id:
                return approval
        raise Refused(ErrorKind.NOT_FOUND, f"there is no approval {approval_id}", field="approvalId")

    async def compact(self, command: CompactSession, by: Author) -> PromptId:
        receipt = await self.prompt(SendPrompt(session_id=command.session_id, prompt="/compact"), by)
        return receipt.prompt_id

    async def configure(self, command: ConfigureSession, by: Author) -> SessionView:
        conversation = self._find(command.session_id)
        conversation.facts = attrs.evolve(conversation.facts, title=command.title)
        return self.get(command.session_id)

    def tasks(self, session_id: SessionId) -> tuple[BackgroundTask, ...]:
        self._find(session_id)
        return (BackgroundTask(task_id="t1", title="sleep 9"),)

    async def end_task(self, session_id: SessionId, task_id: str, by: Author) -> bool:
        return any(task.task_id == task_id for task in self.tasks(session_id))

    def counts(self) -> Mapping[Status, int]:
        return Counter(one.facts.status for one in self.sessions.values())


class FakeProviders:
    """A healthy one and a broken one."""

    runs = 3

    def views(self) -> tuple[ProviderView, ...]:
        return tuple(map(self.view, (CLAUDE, BROKEN)))

    def view(self, name: ProviderName) -> ProviderView:
        if name not in (CLAUDE, BROKEN):
            raise Refused(ErrorKind.NOT_FOUND, f"there is no provider {name}", field="name")
        health = Health.HEALTHY if name == CLAUDE else Health.UNHEALTHY
        return ProviderView(name=name, type="claude", health=health, runs=RunCount(active=3, max=10))

    async def check(self, name: ProviderName) -> ProviderView:
        if name == BROKEN:
            raise ZeroDivisionError("a bug of ours")
        return self.view(name)

    async def restart(self, name: ProviderName) -> ProviderView:
        return self.view(name)

    def drain(self, name: ProviderName) -> ProviderView:
        return attrs.evolve(self.view(name), draining=True)

    def undrain(self, name: ProviderName) -> ProviderView:
        return self.view(name)

    async def models(self, name: ProviderName | None = None) -> tuple[ModelInfo, ...]:
        model = ModelInfo(
            name="sonnet", provider=name or CLAUDE, context_length=200_000, capabilities=("tools",), equivalents=()
        )
        return (model,)

    def rank(self, requirements: Requirements) -> tuple[Ranked, ...]:
        candidates = [Candidate(view=view, index=index) for index, view in enumerate(self.views())]
        return rank(requirements, candidates, Policy(default=CLAUDE), utc_now())


@attrs.define
class FakeConfiguration:
    """`faults`: of the next reload."""

    faults: list[str] = attrs.field(factory=list)

    def get(self) -> tuple[Setting, ...]:
        return (Setting(key="load_balancing", value=True, origin="/c.toml:1", counts="live"),)

    async def reload(self) -> Reloaded:
        if self.faults:
            raise Refused(ErrorKind.CONFIG_INVALID, "faults", data={"faults": self.faults})
        return Reloaded(applied=("load_balancing",), next_run=(), needs_restart=("journal.synchronous",))


@attrs.define
class Shutdowns:
    asked: list[float | None] = attrs.field(factory=list)

    def __call__(self, grace: float | None) -> None:
        self.asked.append(grace)


def services(directory: FakeDirectory, shutdowns: Shutdowns, started_at: datetime | None = None) -> Services:
    return Services(
        directory=directory,
        providers=FakeProviders(),
        journal=directory.journal,
        instance=Instance(
            instance_id=InstanceId("ins_test"), version="0.0.test", pid=4711, started_at=started_at or utc_now()
        ),
        configuration=FakeConfiguration(),
        shutdown=shutdowns,
        stopping=lambda: bool(shutdowns.asked),
    )
