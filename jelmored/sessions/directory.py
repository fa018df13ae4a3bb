"""What clients may ask of sessions: of all, of one by its id, or for a new one. It only places: sessions decide."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, Mapping
from datetime import datetime

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
)
from jelmored.domain.handoff import NOTHING_TO_TELL, Handoff
from jelmored.domain.ids import (
    PromptId,
    SessionId,
)
from jelmored.domain.permissions import Approval
from jelmored.domain.prompts import Author, Prompt, TextBlock
from jelmored.domain.sessions import BackgroundTask, Facts, PastSessionView, SessionView
from jelmored.domain.status import Status
from jelmored.errors import ErrorKind, Refused
from jelmored.journal.base import Page
from jelmored.providers.base import PastSession, PastTurn
from jelmored.supervision.providers import Providers
from jelmored.wire.messages import ImportProgress, ImportSession
from jelmored.wire.states import Document

from .admission import admission_of
from .agent.briefing import handover_of, known_at
from .agent.foreign import nothing_foreign, waits_for_decision
from .agent.handover import read_handoff
from .agent.remembering import latest
from .messages import (
    Close,
    Configure,
    Cut,
    EndTask,
    Export,
    KeyClaim,
    Move,
    Resolve,
    SettleForeign,
    Suspend,
    Unqueue,
)
from .moving.adopting import page_of as past_page
from .moving.founding import FIRST_PROMPT, claim_of
from .registrar import Defaults, Registrar
from .roster import Roster
from .turn.attachments import examine, examine_beside
from .turn.settlements import Settlements
from .upkeep.draining import Draining
from .upkeep.finding import page_of
from .upkeep.sweeping import Sweeper
from .world import World

log = structlog.get_logger(__name__)

BIRTH = 10.0  # seconds for a new session to be durable


class Directory:
    """The sessions of this daemon.

    Args:
        world: what sessions work with.
        defaults: from the configuration.
    """

    def __init__(self, world: World, defaults: Defaults) -> None:
        self.hub = world.hub
        self._journal = world.journal
        self._purse = world.purse
        self._intake = world.intake
        self._providers: Providers = world.providers
        self._router = world.router
        self._settlements = Settlements(world.journal)
        self._roster = Roster(world, self._settlements.note)
        self._registrar = Registrar(world, self._roster, defaults)
        self._terms = world.terms
        self.sweeper = Sweeper(self._roster, world.hub)
        self.draining = Draining(world.intake, self._roster, world.hub)

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
    def forwarded(self) -> tuple[str, ...]:
        """Variables that a client may send along with a new session."""
        return self._terms.names

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

    async def _check_ground(self, session_id: SessionId) -> None:
        """No agent is started where none may work (any more); what was said there can still be read.

        Raises:
            Refused: `not-found`; `forbidden`.
        """
        facts = self._roster.facts_of(session_id)
        await self._terms.check(facts.cwd, facts.directories)

    async def create(self, command: CreateSession, by: Author) -> SessionView:
        """A new session; durable before any agent starts.

        Raises:
            Refused: `invalid-params`, `forbidden`, `no-provider`, `directory-busy`, `key-reused`.
            JournalPaused: as everything that writes and does not only end something.
        """
        self._check_room()
        examined = await examine_beside(command.prompt) if command.prompt is not None else None
        command = await self._terms.located(command)
        session_id = await self._registrar.create(command)
        if examined is not None and self.get(session_id).seq == 0:
            await self._roster.ask(session_id, lambda: admission_of(examined, by, claim=FIRST_PROMPT))
        return self.get(session_id)

    async def prompt(self, command: SendPrompt, by: Author) -> PromptReceipt:
        """Returns when the prompt is durable: started, or queued.

        Raises:
            Refused: `not-found`, `forbidden`; and what its session says.
        """
        self.get(command.session_id)
        claim = claim_of(command.request_key, command)
        if (admitted := await self._admitted(command.session_id, claim)) is not None:
            return admitted
        self._check_room()
        await self._check_ground(command.session_id)
        examined = await examine_beside(command.prompt)
        return await self._roster.ask(
            command.session_id,
            lambda: admission_of(
                examined, by, when_busy=command.when_busy, claim=claim, when_unavailable=command.when_unavailable
            ),
        )

    async def _admitted(self, session_id: SessionId, claim: KeyClaim | None) -> PromptReceipt | None:
        """What was answered to a prompt with the same requestKey, if there was one."""
        kept = await self._journal.key(session_id, claim.key) if claim else None
        return claim.answer_of(kept) if claim and kept else None

    async def compact(self, command: CompactSession, by: Author) -> PromptId:
        """Have the agent make its memory of the conversation shorter: a turn of its own, behind what waits.

        Raises:
            Refused: `invalid-request`, where the agent can't.
        """
        provider = self.get(command.session_id).provider
        if not self._providers[provider].capabilities.compact:
            told, remedy = f"{provider} can't compact a conversation", "move it to one whose capabilities have compact"
            raise Refused(ErrorKind.INVALID_REQUEST, told, remedy=remedy)
        claim = claim_of(command.request_key, command)
        if (admitted := await self._admitted(command.session_id, claim)) is not None:
            return admitted.prompt_id
        self._check_room()
        await self._check_ground(command.session_id)
        examined = examine((TextBlock(text="/compact"),))
        receipt = await self._roster.ask(
            command.session_id, lambda: admission_of(examined, by, claim=claim, compacts=True)
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
            Refused: `not-found`, `forbidden`, `busy`, `no-provider`; `state-invalid`, and nothing has changed.
        """
        self._check_room()
        session_id = command.session_id
        if session_id is None:
            session_id = await self._registrar.restore(command.state or {}, command.provider)
        await self._check_ground(session_id)
        facts = self._roster.facts_of(session_id)
        moves = command.provider not in (None, facts.provider)
        route = self._router.choice(facts, command.provider, None) if moves else None
        resumed = await self._registrar.resume(session_id)
        log.info("resumed", session=session_id, client=by.client, from_state=command.state is not None)
        return await self._roster.ask(session_id, lambda: Move(choose=lambda _: route)) if route else resumed

    async def import_(self, command: ImportSession, by: Author) -> ImportProgress | SessionView:
        """A session of another daemon with its whole log, step by step.

        Raises:
            Refused: `state-invalid`, `no-provider`, `busy`; `not-found`: no such import is under way.
        """
        self._check_room()
        if command.state is not None:
            session_id, wanted, head = await self._registrar.begin_import(command.state, command.provider, by)
        else:
            session_id = command.session_id or SessionId("")
            wanted, head = await self._registrar.add_events(session_id, command.events, by)
        if not command.last:
            return ImportProgress(session_id=session_id, next=wanted, head=head)
        await self._registrar.finish_import(session_id, by)
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

    async def clean_up(self, before: datetime, *, dry_run: bool = False) -> tuple[SessionView, ...]:
        """See `Sweeper.clean_up`."""
        return await self.sweeper.clean_up(before, dry_run=dry_run)

    async def fork(self, command: ForkSession, by: Author) -> SessionView:
        """A new session that knows what was said in another one, up to an event.

        Raises:
            Refused: `not-found`, `forbidden`, `invalid-params`, `no-provider`.
        """
        self._check_room()
        await self._check_ground(command.session_id)
        session_id = await self._registrar.fork(command)
        log.info("forked", session=command.session_id, into=session_id, client=by.client)
        return self.get(session_id)

    async def past_sessions(self, query: FindPastSessions) -> tuple[tuple[PastSessionView, ...], str | None]:
        """A page of the sessions that a provider's agent keeps itself, latest first, and the cursor of the next page.

        Raises:
            Refused: `not-found`: no such provider; or why they can't be read.
        """
        past = await self._providers[query.name].records.past_sessions(query.cwd)
        return past_page(past, tuple(self._roster.facts), query.name, query.cursor, query.limit)

    async def adopt(self, command: AdoptSession, by: Author) -> SessionView:
        """Go on with a conversation that an agent has had without us. Again: the same session.

        Raises:
            Refused: `not-found`, `invalid-params`, `invalid-request`, `forbidden`; or why it can't be read.
        """
        self._check_room()
        session_id = await self._registrar.adopt(command)
        log.info("adopted", session=session_id, provider=command.provider, client=by.client)
        return self.get(session_id)

    async def decide_foreign(self, command: DecideForeign, by: Author) -> SessionView:
        """What counts where somebody else has gone on with the agent's own session. What waits for it goes on.

        Raises:
            Refused: `not-found`, `forbidden`; `wrong-status`: there is nothing to decide.
        """
        self._check_room()
        await self._check_ground(command.session_id)
        facts, accept = self._roster.facts_of(command.session_id), command.decision == "accept"
        if not waits_for_decision(facts):
            raise nothing_foreign(command.session_id)
        turns, skipped = await latest(self._foreign_turns(facts)) if accept else ((), 0)
        settled: SessionView = await self._roster.ask(
            command.session_id, lambda: SettleForeign(accept=accept, turns=turns, skipped=skipped)
        )
        log.info("foreign words settled", session=command.session_id, decision=command.decision, client=by.client)
        return settled

    def _foreign_turns(self, facts: Facts) -> AsyncGenerator[PastTurn, None]:
        native = facts.native[facts.provider]
        past = PastSession(native_id=native.native_id, cwd=facts.cwd, title="", updated_at=facts.last_activity)
        return self._providers[facts.provider].records.recall(past, native.mark)

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
            Refused: `not-found`, `forbidden`, `wrong-status`, `busy`: a turn runs; `no-provider`,
                `model-not-supported`.
        """
        self._check_room()
        await self._check_ground(command.session_id)
        moved: SessionView = await self._roster.ask(
            command.session_id,
            lambda: Move(
                choose=lambda facts: self._router.choice(facts, command.provider, command.model), model=command.model
            ),
        )
        log.info("moved", session=command.session_id, to=moved.provider, client=by.client)
        return moved

    async def resolve(self, command: ResolveApproval, by: Author) -> Approval:
        """The first answer wins.

        Raises:
            Refused: `already-resolved` with the winner, `approval-invalid`, `not-found`.
        """
        approval = next((one for one in self.approvals() if one.approval_id == command.approval_id), None)
        if approval is None:
            raise await self._settlements.why_late(command.approval_id)
        self._check_room()
        try:
            return await self._roster.ask(approval.session_id, lambda: Resolve(command=command, by=by))
        except Refused as no:
            late = no.kind is ErrorKind.NOT_FOUND
            raise (await self._settlements.why_late(command.approval_id) if late else no) from None

    # Life

    def go_on(self) -> None:
        """What prompts have waited for may be there now: each session looks."""
        self._roster.go_on()

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

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Take the sessions up from the journal, close what was cut, then serve."""
        await self._purse.recall(self._journal)
        await self._roster.run(task_status=task_status)
