"""New sessions: one at a time, so that a requestKey makes one, a name means one, and who shares a directory is told."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import attrs
import trio

from jelmored.domain.commands import CreateSession, ForkSession
from jelmored.domain.ids import ProviderName, SessionId
from jelmored.domain.permissions import PermissionMode
from jelmored.domain.ranking import Ranked
from jelmored.domain.requirements import Optimize, Requirements
from jelmored.domain.sessions import Facts
from jelmored.domain.status import IN_TURN, Status
from jelmored.errors import ErrorKind, JournalError, Refused
from jelmored.journal.base import Batch

from .forking import Forks
from .founding import birth, claim_of, first_facts
from .purse import over_budget
from .roster import Roster
from .router import choose
from .session import World

BIRTH = 10.0  # seconds for a new session to be durable
RESERVED = ("ses_", "apr_")  # a name that looks like an id would stand for another session


@attrs.frozen(kw_only=True)
class Defaults:
    """What a session gets that its client did not ask for. `permission_modes`: by provider."""

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
        self._roster = roster
        self._defaults = defaults
        self._forks = Forks(world.journal)
        self._one_at_a_time = trio.Lock()

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
            Refused: `not-found`, `invalid-params`, `invalid-request`, `no-provider`.
        """
        self._refuse_name(command.name)
        async with self._roster.copying:
            return await self._fork(command)

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
            raise Refused(ErrorKind.NOT_FOUND, told, field="requestKey")
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

    async def _settle(self, facts: Facts, batch: Batch) -> None:
        with trio.move_on_after(BIRTH, shield=True):  # a client that leaves now must not leave half a session behind
            await self._journal.append([batch])
            self._roster.add(facts)
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
        others = (facts for facts in self._roster.facts if facts.session_id != own)
        if any(facts.name == name and facts.status is not Status.TERMINATED for facts in others):
            raise Refused(ErrorKind.INVALID_PARAMS, f"a session is named {name!r} already", field="name")

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
