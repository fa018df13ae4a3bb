"""The client: a connection that is mended when it breaks, and a typed method for all that a daemon can be asked."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import trio

from jelmored.domain.commands import (
    AdoptSession,
    CreateSession,
    FindPastSessions,
    FindSessions,
    ResolveApproval,
    ResumeSession,
)
from jelmored.domain.ids import ApprovalId, ProviderName
from jelmored.domain.mcp import McpServer
from jelmored.domain.models import ModelInfo, ProviderView
from jelmored.domain.permissions import Approval, PermissionMode
from jelmored.domain.prompts import Block
from jelmored.domain.requirements import Requirements
from jelmored.domain.sessions import Limits, PastSessionView, SessionView
from jelmored.domain.status import Status
from jelmored.domain.usage import UsageKey, UsageRow
from jelmored.wire import codec
from jelmored.wire.messages import (
    ApprovalList,
    DaemonStatus,
    EffectiveSettings,
    FindUsage,
    ImportProgress,
    ImportSession,
    ModelList,
    PastSessions,
    ProviderList,
    RankedProvider,
    Ranking,
    RankProviders,
    Reloaded,
    SessionPage,
    Setting,
    UsageReport,
    Welcome,
)
from jelmored.wire.states import Document

from .connection import Told
from .finding import Finder
from .groups import alone
from .link import Link, new_key
from .session import Session

RECONNECT_SECONDS = 30.0

T = TypeVar("T")
P = TypeVar("P", SessionPage, PastSessions)


@asynccontextmanager
async def open_client(
    *,
    spawn: bool = True,
    name: str = "jelmored.client",
    deltas: bool = True,
    finder: Finder | None = None,
    reconnect_seconds: float = RECONNECT_SECONDS,
) -> AsyncIterator[Client]:
    """A client that is connected, or mends its connection, until the block is left.

    Args:
        spawn: start a daemon when none runs.
        name: of the program, as the daemon's log and other clients see it.
        deltas: False if the streaming text is of no use to you.
        finder: where to look for the daemon; by default where the environment says.
        reconnect_seconds: how long a lost connection is tried again before `Disconnected` is raised.

    Raises:
        NoDaemon: none runs, or none could be started.
        Rejected: the daemon does not let us in.
    """
    link = Link(finder or Finder.of(os.environ, spawn=spawn), name, deltas=deltas, reconnect_seconds=reconnect_seconds)
    with alone():
        async with trio.open_nursery() as nursery:
            await nursery.start(link.run)
            yield Client(link)
            nursery.cancel_scope.cancel()


class Client:
    """See `open_client`. Every method raises `RpcError` when the daemon refuses, `Disconnected` when it is gone."""

    def __init__(self, link: Link) -> None:
        self._link = link

    @property
    def welcome(self) -> Welcome:
        """What the daemon said of itself when we last connected."""
        assert self._link.welcome is not None  # noqa: S101 – `open_client` gives no client before
        return self._link.welcome

    # The daemon

    async def ping(self) -> None:
        """Is it there? Returns if so."""
        await self.call("ping", {})

    async def status(self) -> DaemonStatus:
        """How the daemon is."""
        return await self._ask("daemon/status", {}, DaemonStatus)

    async def shutdown(self, grace_seconds: float | None = None) -> None:
        """End the daemon. Turns that run have `grace_seconds` to end by themselves, or what its configuration gives
        them; it returns at once."""
        params = {} if grace_seconds is None else {"graceSeconds": grace_seconds}
        await self.call("daemon/shutdown", params, again=False)

    async def reload(self) -> Reloaded:
        """Read the configuration again.

        Raises:
            RpcError: `config-invalid`, with `data["faults"]`; nothing has changed.
        """
        return await self._ask("daemon/reload", {}, Reloaded)

    async def settings(self) -> tuple[Setting, ...]:
        """Every setting that counts, with where it was said."""
        return (await self._ask("config/get", {}, EffectiveSettings)).settings

    async def drain(self) -> DaemonStatus:
        """It begins no turns; those that run end."""
        return await self._ask("daemon/drain", {}, DaemonStatus)

    async def undrain(self) -> DaemonStatus:
        """It begins turns again."""
        return await self._ask("daemon/undrain", {}, DaemonStatus)

    # Providers and models

    async def providers(self) -> tuple[ProviderView, ...]:
        """All configured ones, with their health."""
        return (await self._ask("provider/list", {}, ProviderList)).providers

    async def provider(self, name: str) -> ProviderView:
        return await self._provider("get", name)

    async def check_provider(self, name: str) -> ProviderView:
        """Look at it now; free of charge."""
        return await self._provider("check", name)

    async def restart_provider(self, name: str) -> ProviderView:
        """End its agents and its server, start again. Returns when that is done."""
        return await self._provider("restart", name)

    async def drain_provider(self, name: str) -> ProviderView:
        """It starts no more agents."""
        return await self._provider("drain", name)

    async def undrain_provider(self, name: str) -> ProviderView:
        """It starts agents again."""
        return await self._provider("undrain", name)

    async def _provider(self, verb: str, name: str) -> ProviderView:
        return await self._ask(f"provider/{verb}", {"name": name}, ProviderView)

    async def rank_providers(self, requirements: Requirements) -> tuple[RankedProvider, ...]:
        """Who would begin a session with these requirements, best first, with the reasons; nothing starts."""
        params = codec.to_json(RankProviders(requirements=requirements))
        return (await self._ask("provider/rank", params, Ranking)).ranking

    async def models(self, provider: str | None = None) -> tuple[ModelInfo, ...]:
        """Those of one provider, or all."""
        params = {} if provider is None else {"provider": provider}
        return (await self._ask("model/list", params, ModelList)).models

    # Sessions

    async def create_session(
        self,
        cwd: str | Path,
        prompt: str | Sequence[Block] | None = None,
        *,
        name: str | None = None,
        title: str | None = None,
        provider: str | None = None,
        pin: bool = False,
        model: str | None = None,
        requirements: Requirements | None = None,
        permission_mode: PermissionMode | None = None,
        system_prompt: str | None = None,
        directories: Sequence[str] = (),
        mcp_servers: Mapping[str, McpServer] | None = None,
        environment: Mapping[str, str] | None = None,
        limits: Limits | None = None,
        exclusive: bool = False,
        request_key: str | None = None,
    ) -> Session:
        """A new session, durable when this returns; its agent starts with the first prompt.

        Asked again over a reconnect, there is still one (by its `request_key`, which is made if not given).

        Args:
            cwd: where the agent works.
            prompt: the first one.
            provider: where to begin; `pin` forbids leaving it.
            requirements: whom to choose, where no provider is named, and to move to.
            mcp_servers: by their names; the agent starts or calls them for this session alone.
            environment: variables for its agent, of those that `welcome.forward_env` names.
            exclusive: refuse a directory where another session works.
        """
        command = CreateSession(
            cwd=_absolute(cwd),
            prompt=prompt if prompt is None or isinstance(prompt, str) else tuple(prompt),
            name=name,
            title=title,
            provider=None if provider is None else ProviderName(provider),
            pin=pin,
            model=model,
            requirements=requirements or Requirements(),
            permission_mode=permission_mode,
            system_prompt=system_prompt,
            directories=tuple(directories),
            mcp_servers=mcp_servers or {},
            environment=environment or {},
            limits=limits or Limits(),
            exclusive=exclusive,
            request_key=request_key or new_key(),
        )
        return Session(self._link, await self._ask("session/create", codec.to_json(command), SessionView), cursor=0)

    async def session(self, session_id: str) -> Session:
        """A session that is there already; its handle's streams begin with what happens from now on."""
        return self.handle(await self._ask("session/get", {"sessionId": session_id}, SessionView))

    def handle(self, view: SessionView) -> Session:
        """A session that was listed, as it was then; its handle's streams begin with what happened since."""
        return Session(self._link, view, cursor=view.seq)

    async def resume(self, state: Document, *, provider: str | None = None) -> Session:
        """Take a session up by its state (`Session.suspend`), also one of another daemon.

        Args:
            provider: where it goes on; None: where it was, or else at whoever fits.

        Raises:
            RpcError: `state-invalid`, and nothing has changed.
        """
        command = ResumeSession(state=state, provider=None if provider is None else ProviderName(provider))
        return self.handle(await self._ask("session/resume", codec.to_json(command), SessionView, again=False))

    async def import_session(
        self, state: Document, pages: Iterable[Sequence[Mapping[str, Any]]], *, provider: str | None = None
    ) -> Session:
        """Take a session of another daemon over with all that has happened in it.

        Args:
            state: of `Session.export`.
            pages: its events as `Session.raw_events` gave them, in order, up to those that the state knows. Where the
                session comes back, those that the daemon has already are left out.
        """
        begin = ImportSession(state=state, provider=None if provider is None else ProviderName(provider))
        begun = await self._ask("session/import", codec.to_json(begin), ImportProgress, again=False)
        session_id = begun.session_id
        for page in pages:
            events = [event for event in page if not _is_before(event, begun.next)]
            if events:
                await self.call("session/import", {"sessionId": session_id, "events": events}, again=False)
        last = {"sessionId": session_id, "last": True}
        return self.handle(await self._ask("session/import", last, SessionView, again=False))

    async def sessions(
        self,
        *,
        status: Status | None = None,
        provider: str | None = None,
        cwd: str | Path | None = None,
        include_terminated: bool = False,
    ) -> tuple[SessionView, ...]:
        """All that fit, latest activity first. `cwd`: those that work there."""
        find = codec.to_json(
            FindSessions(
                status=status,
                provider=None if provider is None else ProviderName(provider),
                cwd=None if cwd is None else _resolved(cwd),
                include_terminated=include_terminated,
            )
        )
        pages = await self._pages("session/list", find, SessionPage)
        return tuple([view for page in pages for view in page.sessions])

    async def past_sessions(self, provider: str, *, cwd: str | Path | None = None) -> tuple[PastSessionView, ...]:
        """The conversations that its agent keeps itself, latest first: of one directory, or all."""
        find = codec.to_json(
            FindPastSessions(name=ProviderName(provider), cwd=None if cwd is None else _resolved(cwd), limit=500)
        )
        pages = await self._pages("provider/pastSessions", find, PastSessions)
        return tuple([past for page in pages for past in page.sessions])

    async def _pages(self, method: str, find: Mapping[str, Any], cls: type[P]) -> list[P]:
        """All of a list."""
        pages = [await self._ask(method, find, cls)]
        while (cursor := pages[-1].next_cursor) is not None:
            pages.append(await self._ask(method, {**find, "cursor": cursor}, cls))
        return pages

    async def adopt(self, provider: str, native_id: str, *, name: str | None = None) -> Session:
        """A session that goes on with one of them; the same one, if there is one already."""
        command = AdoptSession(provider=ProviderName(provider), native_id=native_id, name=name)
        return self.handle(await self._ask("session/adopt", codec.to_json(command), SessionView))

    async def usage(
        self, by: UsageKey = UsageKey.SESSION, *, since: str | None = None, until: str | None = None
    ) -> tuple[UsageRow, ...]:
        """What was used, summed up. `since`, `until`: UTC dates (`2026-11-27`), both inclusive."""
        find = codec.to_json(FindUsage(by=by, since=since, until=until))
        return (await self._ask("usage/get", find, UsageReport)).rows

    # Approvals

    async def approvals(self, session_id: str | None = None) -> tuple[Approval, ...]:
        """The open ones, oldest first: of one session, or of all."""
        params = {} if session_id is None else {"sessionId": session_id}
        return (await self._ask("approval/list", params, ApprovalList)).approvals

    async def resolve(
        self,
        approval_id: ApprovalId,
        option_id: str | None = None,
        *,
        answers: Mapping[str, Sequence[str]] | None = None,
        cancelled: bool = False,
        message: str | None = None,
        updated_input: Mapping[str, Any] | None = None,
        interrupt: bool = False,
    ) -> Approval:
        """Answer what an agent waits on: exactly one of `option_id`, `answers`, `cancelled`.

        Args:
            message: what the agent is told beside it.
            updated_input: what the tool gets instead of what was asked.
            interrupt: end the turn with it.

        Raises:
            RpcError: `already-resolved` when somebody was faster.
        """
        command = ResolveApproval(
            approval_id=approval_id,
            option_id=option_id,
            answers=None if answers is None else {key: tuple(words) for key, words in answers.items()},
            cancelled=cancelled,
            message=message,
            updated_input=updated_input,
            interrupt=interrupt,
        )
        return await self._ask("approval/resolve", codec.to_json(command), Approval, again=False)

    async def _ask(self, method: str, params: Mapping[str, Any], cls: type[T], *, again: bool = True) -> T:
        return codec.from_json(await self.call(method, params, again=again), cls)

    # For those who need what has no method here

    async def call(
        self, method: str, params: Mapping[str, Any], *, again: bool = True, told: Told | None = None
    ) -> Any:
        """Any request of the protocol, as JSON's own kinds.

        Args:
            again: ask again if the connection breaks before the reply. Right for what reads, and for what counts once.
            told: see `Connection.request`.
        """
        return await self._link.call(method, params, again=again, told=told)


def _absolute(directory: str | Path) -> str:
    return os.path.abspath(directory)


def _is_before(event: Mapping[str, Any], wanted: int) -> bool:
    """The daemon has it already. Of what has no number the daemon says so itself."""
    seq = event.get("seq")
    return type(seq) is int and seq < wanted


def _resolved(directory: str | Path) -> str:
    """As the daemon keeps a session's directory: with every link followed."""
    return os.path.realpath(directory)
