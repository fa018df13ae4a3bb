"""What there is to be checked of a session that comes from another daemon, before anything of it is made: its
directories, who goes on with it, what waits in it. Its agent's own record is the last step."""

from __future__ import annotations

import attrs

from jelmored.actors.beside import computed
from jelmored.domain.commands import CreateSession
from jelmored.domain.ids import ProviderName, SessionId
from jelmored.domain.sessions import Facts, LogPoint, NativeSession
from jelmored.domain.state import SessionState
from jelmored.errors import ErrorKind, Refused
from jelmored.journal.base import Attachment
from jelmored.sessions.agent.hold import config_of
from jelmored.sessions.turn.attachments import examine
from jelmored.sessions.turn.queue import Queued
from jelmored.sessions.world import World
from jelmored.wire.states import FIELD, Document, decompressed, invalid, state_in, weight

from .arriving import Newcomer, placed


class Newcomers:
    """Prepares those that are to come.

    Args:
        world: what sessions work with.
    """

    def __init__(self, world: World) -> None:
        self._journal = world.journal
        self._providers = world.providers
        self._router = world.router
        self._hub = world.hub
        self._terms = world.terms

    def refuse_here(self, session_id: SessionId) -> None:
        """Raises `Refused` (`state-invalid`): it is here."""
        if self._hub.feed(session_id) is not None:
            told = f"session {session_id} is here already"
            remedy = f"go on with it: jelmore resume {session_id}"
            raise Refused(ErrorKind.STATE_INVALID, told, remedy=remedy, field="state.facts.sessionId")

    async def refuse_known(self, session_id: SessionId) -> None:
        """Raises `Refused` (`state-invalid`): it is here, or was deleted here."""
        self.refuse_here(session_id)
        if await self._journal.was_removed(session_id):
            raise _deleted(session_id)

    async def prepared(
        self, state: SessionState, provider: ProviderName | None, left: LogPoint | None = None
    ) -> Newcomer:
        """All that can be checked before anything is made.

        Args:
            left: where the session stands here, which comes back.

        Raises:
            Refused: `state-invalid`, with the place; `forbidden`, for a directory that no session may work in;
                `no-provider`, for one that the client named.
        """
        facts = await self._located(state.facts)
        if provider not in (None, facts.provider) or not self._providers.knows(facts.provider):
            await self._providers.models()  # the daemon may have just begun to look
        try:
            route = self._router.settled(facts, provider)
        except Refused as no:
            if provider is not None:
                raise
            raise invalid("facts.provider", no.message, no.remedy or "name another one: provider") from None
        queue, attachments = await computed(_weight(state), lambda: _queue(state))
        return Newcomer(state=state, facts=placed(route, facts), queue=queue, attachments=attachments, left=left)

    async def remembering(self, newcomer: Newcomer) -> Newcomer:
        """Its agent gets its own record, if it can be had. The last step before it is a session: what is given up
        before must not have changed what an agent remembers."""
        state, facts = newcomer.state, newcomer.facts
        native = await self._unpacked(state, facts)
        if native is None:
            return newcomer
        facts = attrs.evolve(
            facts,
            native={facts.provider: native},
            heard={facts.provider: state.facts.heard.get(state.facts.provider, 0)},
            behind=state.facts.behind,
        )
        return attrs.evolve(newcomer, facts=facts, native=True)

    async def _located(self, facts: Facts) -> Facts:
        try:
            found = await self._terms.located(CreateSession(cwd=facts.cwd, directories=facts.directories))
        except Refused as no:
            if no.kind is ErrorKind.FORBIDDEN:
                raise Refused(no.kind, no.message, field=f"{FIELD}.facts.{no.field}", remedy=no.remedy) from None
            raise invalid(f"facts.{no.field}", no.message, "make it, or mount it, at the same place") from None
        directory = found.cwd if facts.directory == facts.cwd else facts.directory
        return attrs.evolve(facts, cwd=found.cwd, directory=directory, directories=found.directories)

    async def _unpacked(self, state: SessionState, facts: Facts) -> NativeSession | None:
        """The agent's own session, if it is there now. None: its agent is told what was said."""
        was, record = state.facts.native.get(state.facts.provider), state.record
        if was is None or record is None or record.provider != state.facts.provider:
            return None
        supervisor = self._providers[facts.provider]
        if supervisor.type != record.type:
            return None
        native = attrs.evolve(was, mark=None)  # it may look otherwise in another place
        data = await computed(len(record.data), lambda: decompressed(record.data))
        config = config_of(attrs.evolve(facts, native={facts.provider: native}))
        return native if await supervisor.records.unpack(config, data) else None


def _queue(state: SessionState) -> tuple[tuple[Queued, ...], tuple[Attachment, ...]]:
    queue: list[Queued] = []
    attachments: list[Attachment] = []
    for index, prompt in enumerate(state.queue):
        try:
            examined = examine(prompt.blocks)
        except Refused as no:
            raise invalid(f"queue[{index}].{no.field}", no.message) from None
        queue.append(Queued.of(prompt, examined.notes))
        attachments.extend(examined.attachments)
    return tuple(queue), tuple(attachments)


def _weight(state: SessionState) -> int:
    blocks = (block for prompt in state.queue for block in prompt.blocks)
    return sum(len(getattr(block, "data", "")) + len(getattr(block, "text", None) or "") for block in blocks)


async def opened(document: Document) -> SessionState:
    """What a client gave as a state. Raises `Refused` (`state-invalid`)."""
    return await computed(weight(document), lambda: state_in(document))


def _deleted(session_id: SessionId) -> Refused:
    return Refused(
        ErrorKind.STATE_INVALID,
        f"session {session_id} was deleted here, and what is deleted never comes back",
        remedy="take it up in a daemon with another state directory",
        field="state.facts.sessionId",
    )
