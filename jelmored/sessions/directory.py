"""What clients may ask of sessions: of all, of one by its id, or for a new one. It only places: sessions decide."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime

import attrs
import structlog
import trio

from jelmored.domain.commands import (
    CompactSession,
    ConfigureSession,
    CreateSession,
    FindSessions,
    ForkSession,
    Interrupt,
    PromptReceipt,
    ResolveApproval,
    SendPrompt,
    WhenBusy,
)
from jelmored.domain.ids import (
    ApprovalId,
    PromptId,
    ProviderName,
    SessionId,
    new_prompt_id,
)
from jelmored.domain.permissions import Approval, PermissionMode
from jelmored.domain.prompts import Author, Block, Prompt, TextBlock
from jelmored.domain.sessions import BackgroundTask, Facts, SessionView
from jelmored.domain.status import IN_TURN, Status
from jelmored.errors import ErrorKind, JournalError, Refused
from jelmored.journal.base import Batch, Page
from jelmored.supervision.providers import Providers
from jelmored.wire import codec

from .attachments import Examined, examine
from .forking import Forks
from .founding import FIRST_PROMPT, birth, claim_of, first_facts, located
from .messages import Admit, Close, Configure, Cut, EndTask, KeyClaim, Resolve, Unqueue
from .roster import Roster
from .router import choose
from .session import World

log = structlog.get_logger(__name__)

BIRTH = 10.0  # seconds for a new session to be durable
SETTLED_KEPT = 10_000  # approvals that were answered, so that a late answer learns who won


@attrs.frozen(kw_only=True)
class Defaults:
    """What a session gets that its client did not ask for. `permission_modes`: by provider."""

    provider: str
    permission_modes: Mapping[ProviderName, PermissionMode]


class Directory:
    """The sessions of this daemon.

    Args:
        world: what sessions work with.
        defaults: from the configuration.
        locate: resolves the directories of a new session.
    """

    def __init__(
        self,
        world: World,
        defaults: Defaults,
        *,
        locate: Callable[[CreateSession], Awaitable[CreateSession]] = located,
    ) -> None:
        self.hub = world.hub
        self._journal = world.journal
        self._providers: Providers = world.providers
        self._defaults = defaults
        self._settled: OrderedDict[ApprovalId, Approval] = OrderedDict()
        self._roster = Roster(world, self._note_settled)
        self._creating = trio.Lock()
        self._forks = Forks(world.journal)
        self._locate = locate

    # What is asked without a message

    def get(self, session_id: SessionId) -> SessionView:
        """Raises `Refused` (`not-found`)."""
        return self._roster.view(session_id)

    def find(self, query: FindSessions) -> tuple[tuple[SessionView, ...], str | None]:
        """A page of sessions, latest activity first, and the cursor of the next page."""
        wanted = [facts for facts in self._roster.facts if _matches(facts, query)]
        wanted.sort(key=_recency, reverse=True)
        if query.cursor is not None:
            _check_cursor(query.cursor)
            wanted = [facts for facts in wanted if _recency(facts) < query.cursor]
        limit = max(1, min(query.limit, 500))
        page = wanted[:limit]
        cursor = _recency(page[-1]) if len(wanted) > limit else None
        return tuple(self.get(facts.session_id) for facts in page), cursor

    def queue(self, session_id: SessionId) -> tuple[Prompt, ...]:
        """The prompts that wait."""
        return tuple(queued.prompt for queued in self._roster.queue(session_id))

    def approvals(self, session_id: SessionId | None = None) -> tuple[Approval, ...]:
        """Open ones, oldest first."""
        if session_id is not None:
            self.get(session_id)
        every = [one for facts in self._roster.facts for one in facts.approvals]
        chosen = [one for one in every if session_id in (None, one.session_id)]
        return tuple(sorted(chosen, key=lambda one: one.created_at))

    @property
    def awake(self) -> int:
        """Sessions that have a task."""
        return self._roster.awake

    def counts(self) -> Mapping[Status, int]:
        return Counter(facts.status for facts in self._roster.facts)

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
        examined = await _examined(command.prompt) if command.prompt is not None else None
        command = await self._locate(command)
        async with self._creating:  # one requestKey, one name: first come
            session_id = await self._claimed(command) or await self._create(command)
        if examined is not None and self.get(session_id).seq == 0:
            await self._roster.ask(session_id, lambda: _admission(examined, by, claim=FIRST_PROMPT))
        return self.get(session_id)

    async def prompt(self, command: SendPrompt, by: Author) -> PromptReceipt:
        """Returns when the prompt is durable: started, or queued."""
        self.get(command.session_id)
        claim = claim_of(command.request_key, command)
        if claim is not None:
            kept = await self._journal.key(command.session_id, claim.key)
            if kept is not None:
                return claim.answer_of(kept)
        examined = await _examined(command.prompt)
        return await self._roster.ask(
            command.session_id, lambda: _admission(examined, by, when_busy=command.when_busy, claim=claim)
        )

    async def compact(self, command: CompactSession, by: Author) -> PromptId:
        """Have the agent make its memory of the conversation shorter: a turn of its own, behind what waits.

        Raises:
            Refused: `invalid-request`, where the agent can't.
        """
        provider = self.get(command.session_id).provider
        if not self._providers[provider].capabilities.compact:
            raise Refused(ErrorKind.INVALID_REQUEST, f"{provider} can't compact a conversation")
        claim = claim_of(command.request_key, command)
        kept = await self._journal.key(command.session_id, claim.key) if claim else None
        if claim is not None and kept is not None:
            return claim.answer_of(kept).prompt_id
        examined = examine((TextBlock(text="/compact"),))
        receipt = await self._roster.ask(
            command.session_id, lambda: _admission(examined, by, claim=claim, compacts=True)
        )
        return receipt.prompt_id

    async def configure(self, command: ConfigureSession, by: Author) -> SessionView:
        """Change a session's title, name, model, permission mode, limits, pin.

        Raises:
            Refused: `invalid-params` for a name that is taken.
            ModelNotSupportedError: the provider has no such model.
        """
        if command.model is not None:
            await self._providers[self.get(command.session_id).provider].check_model(command.model)
        async with self._creating:
            self._refuse_name(command.name, command.session_id)
            view = await self._roster.ask(command.session_id, lambda: Configure(command=command))
        log.info("configured", session=command.session_id, client=by.client)
        return view

    def tasks(self, session_id: SessionId) -> tuple[BackgroundTask, ...]:
        """Background tasks of its agent, now."""
        return self._roster.background_tasks(session_id)

    async def end_task(self, session_id: SessionId, task_id: str, by: Author) -> bool:
        """End a background task; false if there is none of this id. Its end follows, as a `background_task` event."""
        known: bool = await self._roster.ask(session_id, lambda: EndTask(task_id=task_id))
        log.info("task stopped", session=session_id, task=task_id, client=by.client, known=known)
        return known

    async def unqueue(self, session_id: SessionId, prompt_id: PromptId, by: Author) -> tuple[Prompt, ...]:
        """Take a waiting prompt back; returns those that still wait."""
        waiting = await self._roster.ask(session_id, lambda: Unqueue(prompt_id=prompt_id))
        log.info("prompt taken back", session=session_id, prompt=prompt_id, client=by.client)
        return waiting

    async def interrupt(self, command: Interrupt, by: Author) -> bool:
        """End the turn; false if none runs, or another than the expected one."""
        cut: bool = await self._roster.ask(
            command.session_id, lambda: Cut(drop_queue=command.drop_queue, expected_turn=command.expected_turn)
        )
        log.info("interrupted", session=command.session_id, client=by.client, turn_ran=cut)
        return cut

    async def close(self, session_id: SessionId, by: Author) -> SessionView:
        """End it for good; the log stays."""
        closed: SessionView = await self._roster.ask(session_id, Close)
        log.info("closed", session=session_id, client=by.client)
        return closed

    async def delete(self, session_id: SessionId, by: Author) -> None:
        """Take a closed session off the disk, with its log. Its id never comes back.

        Raises:
            Refused: `not-found`, `wrong-status`.
        """
        await self._roster.remove(session_id)
        log.info("deleted", session=session_id, client=by.client)

    async def fork(self, command: ForkSession, by: Author) -> SessionView:
        """A new session that knows what was said in another one, up to an event.

        Raises:
            Refused: `not-found`, `invalid-params`, `invalid-request`, `no-provider`.
        """
        self.get(command.session_id)
        self._refuse_name(command.name)
        async with self._roster.copying:  # one at a time
            session_id = await self._fork(command)
        log.info("forked", session=command.session_id, into=session_id, client=by.client)
        return self.get(session_id)

    async def resolve(self, command: ResolveApproval, by: Author) -> Approval:
        """The first answer wins.

        Raises:
            Refused: `already-resolved` with the winner, `approval-invalid`, `not-found`.
        """
        approval = next((one for one in self.approvals() if one.approval_id == command.approval_id), None)
        if approval is None:
            raise self._late(command.approval_id)
        try:
            return await self._roster.ask(approval.session_id, lambda: Resolve(command=command, by=by))
        except Refused as no:
            raise self._late(command.approval_id) if no.kind is ErrorKind.NOT_FOUND else no from None

    def _note_settled(self, approval: Approval) -> None:
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
        await self._roster.run(task_status=task_status)

    # Making sessions

    async def _claimed(self, command: CreateSession) -> SessionId | None:
        """The session that was made under this requestKey already."""
        claim = claim_of(command.request_key, command)
        kept = await self._journal.key(None, claim.key) if claim else None
        if claim is None or kept is None:
            return None
        claim.check(kept)
        session_id = SessionId(kept.answer.decode())
        if self.hub.feed(session_id) is None:
            told = f"session {session_id} was made under this requestKey and has been deleted"
            raise Refused(ErrorKind.NOT_FOUND, told, field="requestKey")
        return session_id

    async def _create(self, command: CreateSession) -> SessionId:
        self._refuse_name(command.name)
        provider = choose(command.provider, self._defaults.provider, self._providers.views())
        sharing = self._working_in(command.cwd)
        if sharing and command.exclusive:
            told = f"another session works in {command.cwd}: {', '.join(sharing)}"
            raise Refused(ErrorKind.DIRECTORY_BUSY, told, data={"sessions": sharing})
        if command.mcp_servers and not self._providers[provider].capabilities.mcp_servers:
            raise Refused(ErrorKind.INVALID_PARAMS, f"{provider} takes no MCP servers", field="mcpServers")
        mode = command.permission_mode or self._defaults.permission_modes[provider]
        facts = first_facts(command, provider, mode, sharing)
        await self._settle(facts, birth(facts, claim_of(command.request_key, command)))
        return facts.session_id

    async def _settle(self, facts: Facts, batch: Batch) -> None:
        with trio.move_on_after(BIRTH, shield=True):  # a client that leaves now must not leave half a session behind
            await self._journal.append([batch])
            self._roster.add(facts)
            return
        raise JournalError(ErrorKind.JOURNAL_FAILED, f"the session was not durable within {BIRTH:.0f} s")

    async def _fork(self, command: ForkSession) -> SessionId:
        fork = await self._forks.copied(command, self._providers.views())
        async with self._creating:
            self._refuse_name(command.name)  # it may have been given meanwhile
            facts, batch = fork.finished(command, self._working_in(fork.cwd))
            await self._settle(facts, batch)
        self._forks.settled(fork)
        return facts.session_id

    def _refuse_name(self, name: str | None, own: SessionId | None = None) -> None:
        """`own`: the session that is to have it, where there is one already."""
        if name is None:
            return
        others = (facts for facts in self._roster.facts if facts.session_id != own)
        if any(facts.name == name and facts.status is not Status.TERMINATED for facts in others):
            raise Refused(ErrorKind.INVALID_PARAMS, f"a session is named {name!r} already", field="name")

    def _working_in(self, cwd: str) -> list[SessionId]:
        return [
            facts.session_id
            for facts in self._roster.facts
            if facts.cwd == cwd and (facts.status in IN_TURN or self.get(facts.session_id).attached)
        ]


def _matches(facts: Facts, query: FindSessions) -> bool:
    if facts.status is Status.TERMINATED and not (query.include_terminated or query.status is Status.TERMINATED):
        return False
    return (
        query.status in (None, facts.status)
        and query.provider in (None, facts.provider)
        and query.cwd in (None, facts.cwd)
    )


def _check_cursor(cursor: str) -> None:
    moment, mark, session_id = cursor.partition("~")
    try:
        datetime.fromisoformat(moment)
    except ValueError:
        mark = ""
    if not (mark and session_id):
        raise Refused(ErrorKind.INVALID_PARAMS, f"{cursor!r} is no nextCursor of a list", field="cursor")


def _recency(facts: Facts) -> str:
    """Sorts by the latest activity; names a place in the list."""
    return f"{facts.last_activity.isoformat(timespec='milliseconds')}~{facts.session_id}"


async def _examined(prompt: str | tuple[Block, ...]) -> Examined:
    """Bytes are decoded beside the loop."""
    blocks = (TextBlock(text=prompt),) if isinstance(prompt, str) else prompt
    if all(isinstance(block, TextBlock) for block in blocks):
        return examine(blocks)
    return await trio.to_thread.run_sync(examine, blocks)


def _admission(
    examined: Examined,
    by: Author,
    *,
    when_busy: WhenBusy = WhenBusy.QUEUE,
    claim: KeyClaim | None = None,
    compacts: bool = False,
) -> Admit:
    return Admit(
        prompt=Prompt(prompt_id=new_prompt_id(), blocks=examined.blocks, by=by, compacts=compacts),
        notes=examined.notes,
        attachments=examined.attachments,
        when_busy=when_busy,
        claim=claim,
    )
