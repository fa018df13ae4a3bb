"""New sessions: one at a time, so that a requestKey makes one, a name means one, and who shares a directory is told."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import attrs
import trio

from jelmored.domain.commands import AdoptSession, CreateSession, ForkSession
from jelmored.domain.ids import ProviderName, SessionId
from jelmored.domain.permissions import PermissionMode
from jelmored.domain.prompts import Author
from jelmored.domain.ranking import Ranked
from jelmored.domain.requirements import Optimize, Requirements
from jelmored.domain.sessions import Facts, SessionView
from jelmored.domain.status import IN_TURN, Status
from jelmored.errors import ErrorKind, JournalError, ProviderError, Refused
from jelmored.journal.base import Batch
from jelmored.providers.base import PastSession
from jelmored.supervision.provider import ProviderSupervisor
from jelmored.wire.states import Document

from .agent.router import choose
from .messages import Resume
from .moving.adopting import Adoption, adopted_by
from .moving.arriving import Newcomer, born
from .moving.forking import Forks
from .moving.founding import birth, claim_of, first_facts
from .moving.importing import Imports
from .moving.preparing import Newcomers, opened
from .moving.returning import apart, check_at, check_same, check_whole, comes_back
from .roster import Roster
from .turn.purse import over_budget
from .turn.queue import Queued
from .world import World

BIRTH = 10.0  # seconds for a new session to be durable
RESERVED = ("ses_", "apr_")  # a name that looks like an id would stand for another session


@attrs.define(kw_only=True)
class Defaults:
    """What a session gets that its client did not ask for. `permission_modes`: by provider; whoever reads the
    configuration again sets others."""

    permission_modes: Mapping[ProviderName, PermissionMode]


class Registrar:
    """Makes sessions, and minds their names.

    Args:
        world: what sessions work with.
        roster: where new ones are put.
        defaults: from the configuration.
    """

    def __init__(self, world: World, roster: Roster, defaults: Defaults) -> None:
        self._journal = world.journal
        self._providers = world.providers
        self._hub = world.hub
        self._purse = world.purse
        self._terms = world.terms
        self._roster = roster
        self._defaults = defaults
        self._forks = Forks(world.journal)
        self._newcomers = Newcomers(world)
        self._imports = Imports(world.journal, self._newcomers)
        self._one_at_a_time = trio.Lock()
        self._adopting = trio.Lock()

    async def create(self, command: CreateSession) -> SessionId:
        """A new session, or the one that its requestKey has made already; durable.

        Args:
            command: located.

        Raises:
            Refused: `invalid-params`, `no-provider`, `model-retired`, `directory-busy`, `key-reused`.
        """
        if _depends_on_models(command):
            await self._providers.models()  # the daemon may have just begun to look
        async with self._one_at_a_time:
            return await self._claimed(command) or await self._create(command)

    async def fork(self, command: ForkSession) -> SessionId:
        """A new session with a copy of another one's log; durable.

        Raises:
            Refused: `not-found`, `invalid-params`, `no-provider`.
        """
        self._refuse_name(command.name)
        async with self._roster.copying:
            return await self._fork(command)

    async def resume(self, session_id: SessionId) -> SessionView:
        """A session that is here is open again; one that was closed without its name, if another one has that now.

        Raises:
            Refused: `not-found`, `busy`.
        """
        async with self._one_at_a_time:
            facts = self._roster.facts_of(session_id)
            keeps = facts.status is not Status.TERMINATED or self._is_free(facts.name, session_id)
            return await self._roster.ask(session_id, lambda: Resume(keep_name=keeps))

    async def restore(self, document: Document, provider: ProviderName | None) -> SessionId:
        """The session of this state: it is here, as the state says, or it comes here now; durable.

        Raises:
            Refused: `state-invalid`, `no-provider`, `busy`; nothing has changed.
        """
        state = await opened(document)
        session_id = state.facts.session_id
        if self._hub.feed(session_id) is not None:
            check_same(state.facts, self._roster.facts_of(session_id))
            return session_id
        await self._newcomers.refuse_known(session_id)
        newcomer = await self._newcomers.prepared(state, provider)
        with self._imports.becoming(session_id):
            await self._receive(await self._newcomers.remembering(newcomer), whole=False)
        await self._roster.close_cut(session_id)
        await self._imports.swept()
        return session_id

    async def begin_import(
        self, document: Document, provider: ProviderName | None, by: Author
    ) -> tuple[SessionId, int, int]:
        """The whole log of this session is to come, or of one that comes back, what has happened elsewhere. Returns
        its id, which event is wanted first, and which one is the last.

        Raises:
            Refused: `state-invalid`, also for a session that is here and has not left so; `no-provider`, `busy`.
        """
        state = await opened(document)
        session_id = state.facts.session_id
        here = self._roster.facts_of(session_id) if self._hub.feed(session_id) is not None else None
        if here is None or here.point == state.facts.point:
            await self._newcomers.refuse_known(session_id)
        elif not comes_back(state.facts, here):
            raise apart(state.facts, here)
        else:
            check_at(here, here.point)
            check_whole(state.facts, here)
        newcomer = await self._newcomers.prepared(state, provider, here.point if here else None)
        return session_id, *await self._imports.begin(newcomer, by)

    async def add_events(self, session_id: SessionId, events: Sequence[Any], by: Author) -> tuple[int, int]:
        """The next events of a session that is imported; see `Imports.add`."""
        return await self._imports.add(session_id, events, by)

    async def finish_import(self, session_id: SessionId, by: Author) -> None:
        """All of it has come: it is a session from now on, or goes on; durable.

        Raises:
            Refused: `not-found`, `busy`; `state-invalid`, while events are missing, if it has gone on here meanwhile,
                or if somebody else imports it now.
        """
        with self._imports.finishing(session_id, by) as newcomer:
            if newcomer.left is None:
                await self._receive(await self._newcomers.remembering(newcomer), whole=True)
            else:
                async with self._roster.aside(session_id, newcomer.left) as here:
                    await self._receive(await self._newcomers.remembering(newcomer), whole=True, here=here)
        await self._roster.close_cut(session_id)

    async def _receive(self, newcomer: Newcomer, *, whole: bool, here: Facts | None = None) -> None:
        """`here`: as it left, of one that comes back."""
        session_id, wanted = newcomer.facts.session_id, newcomer.facts.name
        if here is not None and wanted is None:
            wanted = here.name  # somebody else went by it there
        async with self._one_at_a_time:
            if here is None:
                await self._newcomers.refuse_known(session_id)
            name = wanted if self._is_free(wanted, session_id) else None
            facts, batch = born(newcomer, name, self._working_in(newcomer.facts.cwd), whole=whole, here=here)
            await self._settle(facts, batch, newcomer.queue, again=here is not None)

    async def adopt(self, command: AdoptSession) -> SessionId:
        """A session that goes on with a conversation of an agent's own, or the one that does so already; durable.

        Raises:
            Refused: `not-found`, `invalid-params`, `invalid-request`, `forbidden`.
        """
        self._refuse_name(command.name)
        async with self._adopting:
            found = adopted_by(self._roster.facts, command.provider, command.native_id)
            return found or await self._adopt(command)

    async def _adopt(self, command: AdoptSession) -> SessionId:
        supervisor = self._providers[command.provider]
        past = await self._past(supervisor, command.native_id)
        mode = command.permission_mode or self._defaults.permission_modes[command.provider]
        async with Adoption(self._journal, command.provider, past) as adoption:
            try:
                await adoption.copy(supervisor.records.recall(past))
            except ProviderError as error:
                raise Refused(error.kind, error.message, remedy=error.remedy) from error
            async with self._one_at_a_time:
                self._refuse_name(command.name)  # it may have been given meanwhile
                facts, batch = adoption.finished(command, mode, self._working_in(past.cwd))
                await self._settle(facts, batch)
                adoption.done = True
        return facts.session_id

    async def _past(self, supervisor: ProviderSupervisor, native_id: str) -> PastSession:
        past = next((one for one in await supervisor.records.past_sessions(None) if one.native_id == native_id), None)
        if past is None:
            told = f"{supervisor.name} has no session {native_id!r} of its own"
            remedy = f"`jelmore import --from {supervisor.name}` lists them"
            raise Refused(ErrorKind.NOT_FOUND, told, field="nativeId", remedy=remedy)
        try:
            found = await self._terms.located(CreateSession(cwd=past.cwd))
        except Refused as no:
            if no.kind is ErrorKind.FORBIDDEN:
                raise Refused(no.kind, no.message, field="nativeId", remedy=no.remedy) from None
            told = f"its directory is not there any more: {past.cwd}"
            raise Refused(ErrorKind.INVALID_REQUEST, told, field="nativeId") from None
        return attrs.evolve(past, cwd=found.cwd)

    @asynccontextmanager
    async def naming(self, name: str | None, own: SessionId) -> AsyncIterator[None]:
        """Nobody else takes the name before the block ends. Raises `Refused` (`invalid-params`) if it is taken."""
        async with self._one_at_a_time:
            self._refuse_name(name, own)
            yield

    async def _claimed(self, command: CreateSession) -> SessionId | None:
        """The session that was made under this requestKey already."""
        claim = claim_of(command.request_key, command)
        kept = await self._journal.key(None, claim.key) if claim else None
        if claim is None or kept is None:
            return None
        claim.check(kept)
        session_id = SessionId(kept.answer.decode())
        if self._hub.feed(session_id) is None:
            told = f"session {session_id} was made under this requestKey and has been deleted"
            raise Refused(ErrorKind.NOT_FOUND, told, field="requestKey", remedy="make another one under another key")
        return session_id

    async def _create(self, command: CreateSession) -> SessionId:
        self._refuse_name(command.name)
        if command.prompt is not None and (no := self._purse.verdict) is not None:
            raise over_budget(no)
        chosen = self._chosen(command)
        provider = chosen.provider
        sharing = self._working_in(command.cwd)
        if sharing and command.exclusive:
            told = f"another session works in {command.cwd}: {', '.join(sharing)}"
            raise Refused(ErrorKind.DIRECTORY_BUSY, told, data={"sessions": sharing})
        if command.mcp_servers and not self._providers[provider].capabilities.mcp_servers:
            raise Refused(ErrorKind.INVALID_PARAMS, f"{provider} takes no MCP servers", field="mcpServers")
        mode = command.permission_mode or self._defaults.permission_modes[provider]
        facts = first_facts(attrs.evolve(command, model=chosen.model), provider, mode, sharing)
        await self._settle(facts, birth(facts, claim_of(command.request_key, command)))
        return facts.session_id

    def _chosen(self, command: CreateSession) -> Ranked:
        """The provider, and what to ask it for. A `model` beside a `provider` is what that one calls it; without one
        it leads to whoever has it, and else stands as it is at the provider that is chosen without it."""
        asked, wanted = command.requirements, command.provider
        if wanted is None and asked.model is None and command.model is not None:
            ranking = self._providers.rank(attrs.evolve(asked, model=command.model))
            if any(one.accepted for one in ranking):
                return choose(ranking)
        if asked.model is not None:
            self._providers.refuse_retired(asked.model)
        chosen = choose(self._providers.rank(asked, wanted=wanted), wanted)
        return attrs.evolve(chosen, model=command.model or chosen.model)

    async def _settle(self, facts: Facts, batch: Batch, queue: tuple[Queued, ...] = (), *, again: bool = False) -> None:
        """`again`: of a session that is here, and stands aside."""
        with trio.move_on_after(BIRTH, shield=True):  # a client that leaves now must not leave half a session behind
            await self._journal.append([batch])
            if again:
                await self._roster.replace(facts, queue)
            else:
                self._roster.add(facts, queue)
            return
        raise JournalError(ErrorKind.JOURNAL_FAILED, f"the session was not durable within {BIRTH:.0f} s")

    async def _fork(self, command: ForkSession) -> SessionId:
        fork = await self._forks.copied(command, self._providers.views())
        async with self._one_at_a_time:
            self._refuse_name(command.name)  # it may have been given meanwhile
            facts, batch = fork.finished(command, self._working_in(fork.cwd))
            await self._settle(facts, batch)
        self._forks.settled(fork)
        return facts.session_id

    def _refuse_name(self, name: str | None, own: SessionId | None = None) -> None:
        """`own`: the session that is to have it, where there is one already."""
        if name is None:
            return
        if not name.strip() or not name.isprintable() or name.startswith(RESERVED):
            told = f"name is a text in a line that does not begin like an id, not {name!r}"
            raise Refused(ErrorKind.INVALID_PARAMS, told, field="name")
        if not self._is_free(name, own):
            raise Refused(ErrorKind.INVALID_PARAMS, f"a session is named {name!r} already", field="name")

    def _is_free(self, name: str | None, own: SessionId | None) -> bool:
        """No other session goes by it."""
        others = (facts for facts in self._roster.facts if facts.session_id != own and facts.name is not None)
        return not any(facts.name == name and facts.status is not Status.TERMINATED for facts in others)

    def _working_in(self, cwd: str) -> list[SessionId]:
        return [
            facts.session_id
            for facts in self._roster.facts
            if facts.cwd == cwd and (facts.status in IN_TURN or self._roster.is_attached(facts.session_id))
        ]


def _depends_on_models(command: CreateSession) -> bool:
    """Whom to choose depends on which models there are."""
    asked, by_load = command.requirements, Requirements(optimize=command.requirements.optimize)
    by_name = command.model is not None and command.provider is None
    return by_name or asked != by_load or asked.optimize is Optimize.COST
