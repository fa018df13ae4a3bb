"""What clients may ask of sessions: of all, of one by its id, or for a new one. It only places: sessions decide."""

from __future__ import annotations

import contextlib
from collections import Counter, OrderedDict
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from datetime import datetime
from typing import Literal

import attrs
import structlog
import trio

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
from jelmored.domain.sessions import BackgroundTask, Facts, PastSessionView, SessionView
from jelmored.domain.status import IN_TURN, Status
from jelmored.errors import ErrorKind, Refused
from jelmored.journal.base import Page
from jelmored.providers.base import PastSession, PastTurn
from jelmored.supervision.providers import Providers
from jelmored.wire import codec
from jelmored.wire.messages import DaemonEvent, ImportProgress, ImportSession
from jelmored.wire.states import Document

from .adopting import page_of as past_page
from .attachments import Examined, examine
from .briefing import handover_of, known_at
from .finding import may_expire, page_of, terminated
from .foreign import nothing_foreign, waits_for_decision
from .founding import FIRST_PROMPT, claim_of, located
from .handover import read_handoff
from .messages import (
    Admit,
    Close,
    Configure,
    Cut,
    EndTask,
    Expire,
    Export,
    KeyClaim,
    Move,
    Resolve,
    SettleForeign,
    Suspend,
    Unqueue,
)
from .registrar import Defaults, Registrar
from .remembering import latest
from .roster import Roster
from .settling import settlement_key
from .world import World

log = structlog.get_logger(__name__)

BIRTH = 10.0  # seconds for a new session to be durable
QUIET_LOOK = 0.1  # seconds between two looks whether turns are in hand
CLEANED = 1000  # sessions removed at once: their views are one message
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
        self._intake = world.intake
        self._providers: Providers = world.providers
        self._router = world.router
        self._settled: OrderedDict[ApprovalId, Approval] = OrderedDict()
        self._roster = Roster(world, self._note_settled)
        self._registrar = Registrar(world, self._roster, defaults, locate)
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

    def _check_room(self) -> None:
        """Nothing more is begun while the disk takes nothing; to end what has begun is what its reserve is for.

        Raises:
            JournalPaused: at once.
        """
        if (trouble := self._journal.trouble) is not None:
            raise trouble.again()

    async def create(self, command: CreateSession, by: Author) -> SessionView:
        """A new session; durable before any agent starts.

        Raises:
            Refused: `invalid-params`, `no-provider`, `directory-busy`, `key-reused`.
            JournalPaused: as everything that writes and does not only end something.
        """
        self._check_room()
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
        self._check_room()
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
        self._check_room()
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
        self._check_room()
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

    async def suspend(self, session_id: SessionId, by: Author) -> Document:
        """End its run cleanly; returns the state with which it is resumed, here or in another daemon.

        Raises:
            Refused: `not-found`, `busy`: a turn runs; `wrong-status`: it is closed.
        """
        state = await self._roster.ask(session_id, Suspend)
        log.info("suspended", session=session_id, client=by.client)
        return state

    async def export(self, session_id: SessionId) -> Document:
        """The state as it is now; the session goes on."""
        return await self._roster.ask(session_id, Export)

    async def resume(self, command: ResumeSession, by: Author) -> SessionView:
        """Open a session again that is here, or one whose state the client has.

        Raises:
            Refused: `not-found`, `busy`, `no-provider`; `state-invalid`, and nothing has changed.
        """
        self._check_room()
        session_id = command.session_id
        if session_id is None:
            session_id = await self._registrar.restore(command.state or {}, command.provider)
        facts = self._roster.facts_of(session_id)
        moves = command.provider not in (None, facts.provider)
        route = self._router.choice(facts, command.provider, None) if moves else None
        resumed = await self._registrar.resume(session_id)
        log.info("resumed", session=session_id, client=by.client, from_state=command.state is not None)
        return await self._roster.ask(session_id, lambda: Move(route=route, model=None)) if route else resumed

    async def import_(self, command: ImportSession, by: Author) -> ImportProgress | SessionView:
        """A session of another daemon with its whole log, step by step.

        Raises:
            Refused: `state-invalid`, `no-provider`, `not-found`: no such import is under way.
        """
        self._check_room()
        if command.state is not None:
            session_id, wanted, head = await self._registrar.begin_import(command.state, command.provider)
        else:
            session_id = command.session_id or SessionId("")
            wanted, head = await self._registrar.add_events(session_id, command.events)
        if not command.last:
            return ImportProgress(session_id=session_id, next=wanted, head=head)
        await self._registrar.finish_import(session_id)
        log.info("imported", session=session_id, client=by.client)
        return self.get(session_id)

    async def close(self, session_id: SessionId, by: Author) -> SessionView:
        """End it; the log stays, and `resume` opens it again."""
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

    async def expire(self, before: datetime) -> int:
        """End those that nobody has used since, and that nobody watches; how many.

        Raises:
            JournalError: one can't be ended.
        """
        unused = [facts.session_id for facts in self._roster.facts if may_expire(facts, before)]
        ended = 0
        for session_id in unused:
            feed = self.hub.feed(session_id)
            if feed is not None and not feed.subscribers:
                with contextlib.suppress(Refused):  # somebody has removed it meanwhile
                    ended += await self._roster.ask(session_id, lambda: Expire(before=before))
        return ended

    async def clean_up(self, before: datetime, *, dry_run: bool = False) -> tuple[SessionView, ...]:
        """Take those off the disk that were terminated before, longest ago first; which. At most `CLEANED` at once.

        Raises:
            JournalError: one can't be removed.
        """
        found = [self.get(facts.session_id) for facts in terminated(self._roster.facts, before)[:CLEANED]]
        if dry_run:
            return tuple(found)
        return tuple([view for view in found if await self._removed(view.session_id)])

    async def _removed(self, session_id: SessionId) -> bool:
        """False if somebody else has removed it just now."""
        try:
            await self._roster.remove(session_id)
        except Refused:
            return False
        return True

    async def fork(self, command: ForkSession, by: Author) -> SessionView:
        """A new session that knows what was said in another one, up to an event.

        Raises:
            Refused: `not-found`, `invalid-params`, `invalid-request`, `no-provider`.
        """
        self.get(command.session_id)
        self._check_room()
        session_id = await self._registrar.fork(command)
        log.info("forked", session=command.session_id, into=session_id, client=by.client)
        return self.get(session_id)

    async def past_sessions(self, query: FindPastSessions) -> tuple[tuple[PastSessionView, ...], str | None]:
        """A page of the sessions that a provider's agent keeps itself, latest first, and the cursor of the next page.

        Raises:
            Refused: `not-found`: no such provider; or why they can't be read.
        """
        past = await self._providers[query.name].past_sessions(query.cwd)
        return past_page(past, tuple(self._roster.facts), query.name, query.cursor, query.limit)

    async def adopt(self, command: AdoptSession, by: Author) -> SessionView:
        """Go on with a conversation that an agent has had without us. Again: the same session.

        Raises:
            Refused: `not-found`, `invalid-params`, `invalid-request`; or why it can't be read.
        """
        self._check_room()
        session_id = await self._registrar.adopt(command)
        log.info("adopted", session=session_id, provider=command.provider, client=by.client)
        return self.get(session_id)

    async def decide_foreign(self, command: DecideForeign, by: Author) -> SessionView:
        """What counts where somebody else has gone on with the agent's own session. What waits for it goes on.

        Raises:
            Refused: `not-found`; `wrong-status`: there is nothing to decide.
        """
        self._check_room()
        facts, accept = self._roster.facts_of(command.session_id), command.decision == "accept"
        if not waits_for_decision(facts):
            raise nothing_foreign()
        turns, skipped = await latest(self._foreign_turns(facts)) if accept else ((), 0)
        settled: SessionView = await self._roster.ask(
            command.session_id, lambda: SettleForeign(accept=accept, turns=turns, skipped=skipped)
        )
        log.info("foreign words settled", session=command.session_id, decision=command.decision, client=by.client)
        return settled

    def _foreign_turns(self, facts: Facts) -> AsyncGenerator[PastTurn, None]:
        native = facts.native[facts.provider]
        past = PastSession(native_id=native.native_id, cwd=facts.cwd, title="", updated_at=facts.last_activity)
        return self._providers[facts.provider].recall(past, native.mark)

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
        self._check_room()
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
        self._check_room()
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

    async def begin_turns(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """For as long as this runs, turns may begin: run it when all is up that they need. Prompts that have waited for
        this go on."""
        self._intake.begin()
        self._roster.go_on()
        task_status.started()
        try:
            await trio.sleep_forever()
        finally:
            self._intake.stop()

    def drain(self) -> None:
        """Begin no turns from now on; prompts wait. Turns in hand go on."""
        if not self._intake.draining:
            self._intake.draining = True
            self._announce("draining", "no turns begin now; prompts wait")

    def undrain(self) -> None:
        """Begin turns again, first with what has waited."""
        if self._intake.draining:
            self._intake.draining = False
            self._announce("undrained", "turns begin again")
            self._roster.go_on()

    def _announce(self, kind: Literal["draining", "undrained"], content: str) -> None:
        self.hub.broadcast("daemon/event", codec.encode(DaemonEvent(kind=kind, content=content)))

    @property
    def draining(self) -> bool:
        """No turns begin, because somebody wants it so."""
        return self._intake.draining

    @property
    def quiet(self) -> bool:
        """No turn is in hand."""
        return not any(facts.status in IN_TURN for facts in self._roster.facts)

    async def wait_quiet(self) -> None:
        """Until no turn is in hand."""
        while not self.quiet:  # noqa: ASYNC110 – of many sessions, and nobody waits but an operator
            await trio.sleep(QUIET_LOOK)

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
