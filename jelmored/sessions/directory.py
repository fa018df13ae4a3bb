"""What clients may ask of sessions: of all, of one by its id, or for a new one. It only places: sessions decide."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Mapping

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
    MoveSession,
    PromptReceipt,
    ResolveApproval,
    SendPrompt,
    WhenBusy,
)
from jelmored.domain.handoff import NOTHING_TO_TELL, Handoff
from jelmored.domain.ids import (
    ApprovalId,
    PromptId,
    SessionId,
    new_prompt_id,
)
from jelmored.domain.permissions import Approval
from jelmored.domain.prompts import Author, Block, Prompt, TextBlock, WhenUnavailable
from jelmored.domain.sessions import BackgroundTask, SessionView
from jelmored.domain.status import Status
from jelmored.errors import ErrorKind, Refused
from jelmored.journal.base import Page
from jelmored.supervision.providers import Providers
from jelmored.wire import codec

from .attachments import Examined, examine
from .briefing import handover_of, known_at
from .finding import page_of
from .founding import FIRST_PROMPT, claim_of, located
from .handover import read_handoff
from .messages import Admit, Close, Configure, Cut, EndTask, KeyClaim, Move, Resolve, Unqueue
from .registrar import Defaults, Registrar
from .roster import Roster
from .session import World
from .settling import settlement_key

log = structlog.get_logger(__name__)

BIRTH = 10.0  # seconds for a new session to be durable
SETTLED_KEPT = 10_000  # approvals that were answered, so that a late answer learns who won


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
        self._purse = world.purse
        self._providers: Providers = world.providers
        self._router = world.router
        self._settled: OrderedDict[ApprovalId, Approval] = OrderedDict()
        self._roster = Roster(world, self._note_settled)
        self._registrar = Registrar(world, self._roster, defaults)
        self._locate = locate

    # What is asked without a message

    def get(self, session_id: SessionId) -> SessionView:
        """Raises `Refused` (`not-found`)."""
        return self._roster.view(session_id)

    def find(self, query: FindSessions) -> tuple[tuple[SessionView, ...], str | None]:
        """A page of sessions, latest activity first, and the cursor of the next page."""
        page, cursor = page_of(self._roster.facts, query)
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
        session_id = await self._registrar.create(command)
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
            command.session_id,
            lambda: _admission(
                examined, by, when_busy=command.when_busy, claim=claim, when_unavailable=command.when_unavailable
            ),
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
        async with self._registrar.naming(command.name, command.session_id):
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
        session_id = await self._registrar.fork(command)
        log.info("forked", session=command.session_id, into=session_id, client=by.client)
        return self.get(session_id)

    async def preview(self, command: MoveSession) -> Handoff:
        """What the agent would be told, if the session were moved. Raises as `move`."""
        facts = self._roster.facts_of(command.session_id)
        route = self._router.choice(facts, command.provider, command.model)
        there = attrs.evolve(facts, provider=route.provider, behind=known_at(facts, route.provider))
        window = self._router.window(route.provider, route.model)
        return await read_handoff(self._journal, handover_of(there, window, None)) or NOTHING_TO_TELL

    async def move(self, command: MoveSession, by: Author) -> SessionView:
        """Take a session to another provider, with its conversation.

        Raises:
            Refused: `not-found`, `wrong-status`, `busy`: a turn runs; `no-provider`, `model-not-supported`.
        """
        facts = self._roster.facts_of(command.session_id)
        route = self._router.choice(facts, command.provider, command.model)
        moved: SessionView = await self._roster.ask(command.session_id, lambda: Move(route=route, model=command.model))
        log.info("moved", session=command.session_id, to=route.provider, client=by.client)
        return moved

    async def resolve(self, command: ResolveApproval, by: Author) -> Approval:
        """The first answer wins.

        Raises:
            Refused: `already-resolved` with the winner, `approval-invalid`, `not-found`.
        """
        approval = next((one for one in self.approvals() if one.approval_id == command.approval_id), None)
        if approval is None:
            raise await self._late(command.approval_id)
        try:
            return await self._roster.ask(approval.session_id, lambda: Resolve(command=command, by=by))
        except Refused as no:
            raise await self._late(command.approval_id) if no.kind is ErrorKind.NOT_FOUND else no from None

    def _note_settled(self, approval: Approval) -> None:
        """So that a late answer learns who won."""
        self._settled[approval.approval_id] = approval
        if len(self._settled) > SETTLED_KEPT:
            self._settled.popitem(last=False)

    async def _late(self, approval_id: ApprovalId) -> Refused:
        winner = self._settled.get(approval_id)
        if winner is None and (kept := await self._journal.key(None, settlement_key(approval_id))) is not None:
            winner = codec.decode(kept.answer, Approval)
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
        await self._purse.recall(self._journal)
        await self._roster.run(task_status=task_status)


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
    when_unavailable: WhenUnavailable | None = None,
) -> Admit:
    prompt = Prompt(
        prompt_id=new_prompt_id(),
        blocks=examined.blocks,
        by=by,
        compacts=compacts,
        when_unavailable=when_unavailable,
    )
    return Admit(
        prompt=prompt,
        notes=examined.notes,
        attachments=examined.attachments,
        when_busy=when_busy,
        claim=claim,
    )
