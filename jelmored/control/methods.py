"""The methods of protocol 1, section 3, in one table. A handler has decoded params and gives a value, never a frame."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from datetime import date, timedelta
from functools import cache
from typing import Any, Generic, Protocol, TypeVar

import attrs
import orjson
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
from jelmored.domain.events import BlockNote
from jelmored.domain.models import ProviderView
from jelmored.domain.permissions import Approval
from jelmored.domain.prompts import Block, DocumentBlock, FileBlock, ImageBlock, Prompt, TextBlock
from jelmored.domain.ranking import Ranked
from jelmored.domain.scopes import Scope
from jelmored.domain.sessions import SessionView
from jelmored.domain.times import utc_now
from jelmored.errors import ErrorKind, Refused
from jelmored.journal.base import JournalStatus
from jelmored.wire import codec
from jelmored.wire import messages as m
from jelmored.wire.schemas import Schema, words_of
from jelmored.wire.states import session_of

from . import openrpc, subscribing
from .outbound import Outbound
from .principal import Principal
from .services import Services

MAX_PAGE = 500
MAX_AGE = 3_153_600_000  # seconds: a century

P = TypeVar("P")
R = TypeVar("R")


class Caller(Protocol):
    """The client that asks, as a handler sees it."""

    @property
    def services(self) -> Services: ...

    @property
    def principal(self) -> Principal: ...

    @property
    def outbound(self) -> Outbound: ...

    @property
    def clients(self) -> int:
        """How many are connected."""

    def greet(self, hello: m.Initialize) -> m.Welcome:
        """Remember who it is."""


@attrs.frozen
class Method(Generic[P, R]):
    """A row of the table.

    Args:
        name: on the wire.
        scope: the least that a client needs.
        params: their type.
        handler: an ordinary function does all of it at once; a coroutine function may wait.
        result: its type.
        absent: params of the protocol that are not spoken yet: refused by name rather than ignored.
        lane: requests with the same lane take effect one after the other; None: beside all others.
    """

    name: str
    scope: Scope
    params: type[P]
    handler: Callable[[Caller, P], R | Awaitable[R]]
    result: type[R] | tuple[type[Any], ...]
    absent: tuple[str, ...] = ()
    lane: Callable[[Caller, P], str | None] = lambda _, params: getattr(params, "session_id", None)

    @property
    def waits(self) -> bool:
        return inspect.iscoroutinefunction(self.handler)

    @property
    def results(self) -> tuple[type[Any], ...]:
        """The types of which the result has one."""
        return self.result if isinstance(self.result, tuple) else (self.result,)

    @property
    def words(self) -> str:
        """What it is for: the docstring of its handler, which speaks to those who write clients."""
        return words_of(self.handler)

    def decode(self, params: Mapping[str, Any]) -> P:
        """Raises `Refused` (`invalid-params`), naming the field."""
        for field in self.absent:
            if _found(params, field) is not None:
                raise Refused(ErrorKind.INVALID_PARAMS, f"{field} is not supported yet", field=field)
        return codec.from_params(params, self.params)


def _found(params: Mapping[str, Any], field: str) -> Any:
    """A member by its dotted name."""
    head, _, rest = field.partition(".")
    value = params.get(head)
    return _found(value, rest) if rest and isinstance(value, Mapping) else value if not rest else None


def initialize(caller: Caller, hello: m.Initialize) -> m.Welcome:
    """Say hello: the first request. `clientInfo.name` (200 characters at most) stands in the log of every session
    that you touch."""
    return caller.greet(hello)


def ping(caller: Caller, _: m.Nothing) -> m.Nothing:
    """Does nothing, with a reply."""
    return m.Nothing()


def rpc_discover(_: Caller, __: m.Nothing) -> Schema:
    """This protocol for programs: every method, notification, value, error and close code, as an OpenRPC document."""
    return document()


def daemon_status(caller: Caller, _: m.Nothing) -> m.DaemonStatus:
    """How the daemon is. `sessions`: how many there are of each status; `runs`: agents at work; `draining`: no turns
    begin now; `tasks`: the daemon's own, which do not become more with time."""
    services = caller.services
    instance, journal = services.instance, services.journal.status()
    return m.DaemonStatus(
        version=instance.version,
        instance_id=instance.instance_id,
        pid=instance.pid,
        uptime_seconds=max(0.0, (utc_now() - instance.started_at).total_seconds()),
        providers={view.name: view.health for view in services.providers.views()},
        sessions={status.value: number for status, number in services.directory.counts().items()},
        runs=services.providers.runs,
        connections=caller.clients,
        journal=_health_of(journal),
        draining=services.directory.draining,
        tasks=trio.lowlevel.current_statistics().tasks_living,
    )


def _health_of(journal: JournalStatus) -> m.JournalHealth:
    trouble = journal.trouble
    return m.JournalHealth(
        ok=journal.ok,
        bytes=journal.size_bytes,
        lag_ms=journal.lag_ms,
        kind=trouble.kind if trouble else None,
        message=trouble.message if trouble else None,
        remedy=trouble.remedy if trouble else None,
        damaged=str(journal.damaged) if journal.damaged else None,
    )


def daemon_drain(caller: Caller, params: m.Nothing) -> m.DaemonStatus:
    """Begin no turns: those that run end, prompts wait in their queues, on the disk. Approvals can be answered. Until
    `daemon/undrain`, or the next start, which goes on with what waits."""
    caller.services.directory.drain()
    return daemon_status(caller, params)


def daemon_undrain(caller: Caller, params: m.Nothing) -> m.DaemonStatus:
    """Begin turns again, first with what has waited."""
    caller.services.directory.undrain()
    return daemon_status(caller, params)


def daemon_shutdown(caller: Caller, params: m.Shutdown) -> m.Nothing:
    """Stop, as SIGTERM does; the reply comes before the end. `graceSeconds`: so long turns that run have to end, while
    no others begin; left out, as long as `sessions.drain_seconds` says. Then they are cut, and the stop takes as long
    again at most, and never more than 20 s. Asked again, it waits for no turn any more."""
    grace = params.grace_seconds
    if grace is not None and grace < 0:
        raise Refused(ErrorKind.INVALID_PARAMS, "graceSeconds is a number from 0 on", field="graceSeconds")
    caller.services.shutdown(grace)
    return m.Nothing()


def provider_list(caller: Caller, _: m.Nothing) -> m.ProviderList:
    """All providers, in the order of the configuration."""
    return m.ProviderList(providers=caller.services.providers.views())


def provider_get(caller: Caller, params: m.NamedProvider) -> ProviderView:
    """One provider, as it is now."""
    return caller.services.providers.view(params.name)


async def provider_check(caller: Caller, params: m.NamedProvider) -> ProviderView:
    """Look now whether it is there and logged in; no model is called. One that is switched off is not looked at."""
    return await caller.services.providers.check(params.name)


async def provider_restart(caller: Caller, params: m.NamedProvider) -> ProviderView:
    """End its agents cleanly, and its server if it has one; start again, and look. Turns in hand are interrupted.
    Answers when it is done; once begun, it is finished also if you leave."""
    return await caller.services.providers.restart(params.name)


def provider_drain(caller: Caller, params: m.NamedProvider) -> ProviderView:
    """Start no more agents there: turns in hand end, agents that are idle are closed. Until `provider/undrain`, or a
    restart of the daemon."""
    return caller.services.providers.drain(params.name)


def provider_undrain(caller: Caller, params: m.NamedProvider) -> ProviderView:
    """Start agents there again."""
    return caller.services.providers.undrain(params.name)


async def provider_rank(caller: Caller, params: m.RankProviders) -> m.Ranking:
    """Who would begin a session with these requirements, best first: a rehearsal, nothing starts. `reasons`: those
    against it first; `obstacle` names the first of them. `model`: what it would be asked for."""
    providers = caller.services.providers
    await providers.models()
    return m.Ranking(ranking=tuple(map(_ranked, providers.rank(params.requirements))))


async def provider_past_sessions(caller: Caller, params: FindPastSessions) -> m.PastSessions:
    """The conversations that the provider's agent keeps itself, latest first, up to `limit` (1–500): those that it has
    had without this daemon, and those of its sessions. `cwd`: only of this directory. `sessionId`: the session that
    goes on with it; it is adopted, or was made here. The next page with `cursor: nextCursor`."""
    _refuse_limit(params.limit)
    sessions, cursor = await caller.services.directory.past_sessions(params)
    return m.PastSessions(sessions=sessions, next_cursor=cursor)


async def model_list(caller: Caller, params: m.FindModels) -> m.ModelList:
    """The models of one provider, or of all that are switched on: as their agents tell of them, completed from the
    catalogue. `equivalents`: the other names that a requirement may use, nearest first."""
    return m.ModelList(models=await caller.services.providers.models(params.provider))


async def session_create(caller: Caller, params: CreateSession) -> SessionView:
    """A new session, with its first prompt if you like. `provider`: where it begins; else whoever fits `requirements`
    best (`provider/rank`; never the demo), now or as soon as it can. `name`: unique among sessions that are not
    terminated. `title`: else the first line of the first prompt. `model`: as the provider calls it, not checked before
    the agent starts; without a `provider`, one that has it is preferred. `exclusive`: refuse a directory where another
    session is at work (`directory-busy`), rather than warn. `systemPrompt` is appended to the agent's own."""
    return await caller.services.directory.create(params, caller.principal.author)


def session_get(caller: Caller, params: m.OneSession) -> SessionView:
    """One session, as it is now."""
    return caller.services.directory.get(params.session_id)


def session_list(caller: Caller, params: FindSessions) -> m.SessionPage:
    """Sessions, latest activity first, up to `limit` (1–500); the next page with `cursor: nextCursor`. Terminated ones
    only on request. A session that becomes active between two pages may be in neither: `*` tells of all changes."""
    _refuse_limit(params.limit)
    sessions, cursor = caller.services.directory.find(params)
    return m.SessionPage(sessions=sessions, next_cursor=cursor)


async def session_prompt(caller: Caller, params: SendPrompt) -> PromptReceipt:
    """Say something to the agent. Answers when the prompt is on the disk. `seq` is that of its `user` event; `turn` is
    there if it has started one, or is to steer one. `whenUnavailable`: when no provider can take it now, it waits in
    the queue, also over a restart (`wait`), or its turn fails, also for the lack of a place (`fail`); left out, it
    waits for a place only."""
    return await caller.services.directory.prompt(params, caller.principal.author)


def session_queue(caller: Caller, params: m.OneSession) -> m.PromptQueue:
    """The prompts that wait, next one first."""
    return _queue(caller.services.directory.queue(params.session_id))


async def session_unqueue(caller: Caller, params: m.Unqueue) -> m.PromptQueue:
    """Take a waiting prompt back; the answer is what still waits."""
    directory = caller.services.directory
    return _queue(await directory.unqueue(params.session_id, params.prompt_id, caller.principal.author))


async def session_interrupt(caller: Caller, params: Interrupt) -> m.Interrupted:
    """End the turn that runs, and drop what waits. `false`: none runs, or another than `expectedTurn`. Answers at
    once; `turn_ended` follows."""
    interrupted = await caller.services.directory.interrupt(params, caller.principal.author)
    return m.Interrupted(interrupted=interrupted)


async def session_configure(caller: Caller, params: ConfigureSession) -> SessionView:
    """Change a session; what is left out stays. `model`: one of `model/list`, in force from the next turn.
    `permissionMode`: at once; what is open and needs no person any more is settled (`resolvedBy.kind: "policy"`).
    `limits` replaces all of them: `maxCostUsd` and `turnSeconds` at once, also for the turn that runs, and prompts that
    have waited for money go on; `maxTurns` with the next turn, the agent is started anew for it."""
    return await caller.services.directory.configure(params, caller.principal.author)


async def session_compact(caller: Caller, params: CompactSession) -> m.Compacting:
    """Have the agent make its memory of the conversation shorter, in a turn of its own behind what waits; `system`
    `compacted` tells the figures. `invalid-request` where the agent can't."""
    return m.Compacting(prompt_id=await caller.services.directory.compact(params, caller.principal.author))


def session_tasks(caller: Caller, params: m.OneSession) -> m.TaskList:
    """What the agent runs in the background now."""
    return m.TaskList(tasks=caller.services.directory.tasks(params.session_id))


async def session_stop_task(caller: Caller, params: m.OneTask) -> m.TaskStopped:
    """End a background task; a `system` event `background_task` tells its end. `false`: there is none of this id."""
    directory, author = caller.services.directory, caller.principal.author
    return m.TaskStopped(stopped=await directory.end_task(params.session_id, params.task_id, author))


async def session_suspend(caller: Caller, params: m.OneSession) -> m.Suspended:
    """End the agent cleanly and get the session's state: an object to keep as it is, and to give to `session/resume`
    here or in another daemon. What waits in the queue stays, and travels with it. Between turns only (`busy`); of a
    suspended session the same state again. It holds what clients gave for its MCP servers, so keep it to yourself."""
    return m.Suspended(state=await caller.services.directory.suspend(params.session_id, caller.principal.author))


async def session_resume(caller: Caller, params: ResumeSession) -> SessionView:
    """Open a session again that was suspended, has failed or was closed: by its `sessionId`, or by a `state`, also one
    of another daemon, which makes the session here. Exactly one of both. The next prompt gets an agent. A state that
    can't be used is `state-invalid`, and nothing has changed. `provider`: where it goes on; else where it was, or, if
    that is not here, at whoever fits best."""
    if (params.session_id is None) == (params.state is None):
        raise Refused(ErrorKind.INVALID_PARAMS, "exactly one of sessionId and state", field="sessionId")
    return await caller.services.directory.resume(params, caller.principal.author)


async def session_export(caller: Caller, params: m.OneSession) -> m.Exported:
    """The state, while the session goes on; `head`: the last event that it knows of. A turn that runs is not in it
    beyond that, and is closed as cut where the state is taken up. While an agent is attached its own record is not in
    it. For all that was said, read the events up to `head` by `session/history`, and give both to `session/import`."""
    state = await caller.services.directory.export(params.session_id)
    return m.Exported(state=state, head=state["facts"]["seq"])


async def session_import(caller: Caller, params: m.ImportSession) -> m.ImportProgress | SessionView:
    """Make a session of another daemon here, with its whole log. First the `state`; then, under the `sessionId` of the
    answer, its events from `next` up to `head`, in order and without gaps, in pages of your size; with `last: true` it
    becomes a session, and is the answer. Before that it is nobody's: half an import is gone after a restart, and at the
    next beginning. Four may be under way."""
    if (params.session_id is None) == (params.state is None):
        raise Refused(ErrorKind.INVALID_PARAMS, "exactly one of sessionId and state", field="sessionId")
    if params.state is not None and params.events:
        raise Refused(ErrorKind.INVALID_PARAMS, "events follow the answer to the state", field="events")
    return await caller.services.directory.import_(params, caller.principal.author)


async def session_close(caller: Caller, params: m.OneSession) -> SessionView:
    """End the session: the turn is interrupted, the queue dropped, the agent closed; the log stays, and
    `session/resume` opens it again. Again: nothing."""
    return await caller.services.directory.close(params.session_id, caller.principal.author)


async def session_move(caller: Caller, params: MoveSession) -> SessionView | m.Preview:
    """Take a session to another provider, with its conversation: `provider`, or the best other one. Between turns only
    (`busy`). `dryRun`: nothing moves, the result is what the agent there would be told."""
    directory = caller.services.directory
    if params.dry_run:
        return m.Preview(handoff=await directory.preview(params))
    return await directory.move(params, caller.principal.author)


async def session_adopt(caller: Caller, params: AdoptSession) -> SessionView:
    """A new session that goes on with a conversation of an agent's own (`provider/pastSessions`): its history becomes
    the log, with its own times, and without what it took; the next prompt resumes it there, in its directory. Again:
    the same session. `title`: else the agent's own."""
    return await caller.services.directory.adopt(params, caller.principal.author)


async def session_settle_foreign(caller: Caller, params: DecideForeign) -> SessionView:
    """Say what counts where a turn failed with `foreign-writer`. `accept`: the agent goes on with all that it knows
    now, and what it knows more follows in the log (`system` `foreign_accepted`). `discard`: it begins anew and is told
    what this log has. Prompts that wait go on. Nothing to decide: `wrong-status`."""
    return await caller.services.directory.decide_foreign(params, caller.principal.author)


async def session_fork(caller: Caller, params: ForkSession) -> SessionView:
    """A new session that knows what was said in another one, up to the event `atSeq`, or else up to now."""
    return await caller.services.directory.fork(params, caller.principal.author)


async def session_delete(caller: Caller, params: m.OneSession) -> m.Nothing:
    """Take a closed session off the disk: its log, and its attachments that no other session has. Only a terminated
    one (`wrong-status`). Once begun, it is finished also if you leave."""
    await caller.services.directory.delete(params.session_id, caller.principal.author)
    return m.Nothing()


async def session_cleanup(caller: Caller, params: m.CleanUp) -> m.CleanedUp:
    """Take sessions off the disk that were terminated `maxAgeSeconds` ago or earlier, as `journal.retention_days` does;
    the answer is which, longest ago first, 1000 at most. `dryRun`: nothing is removed."""
    if not 0 <= params.max_age_seconds <= MAX_AGE:
        told = f"maxAgeSeconds is a number from 0 to {MAX_AGE}"
        raise Refused(ErrorKind.INVALID_PARAMS, told, field="maxAgeSeconds")
    before = utc_now() - timedelta(seconds=params.max_age_seconds)
    return m.CleanedUp(sessions=await caller.services.directory.clean_up(before, dry_run=params.dry_run))


def session_subscribe(caller: Caller, params: m.Subscribe) -> m.Subscribed | m.SubscribedAll:
    """Follow a session from behind `after` on; section 4 of the protocol page. The second result is that of
    `sessionId: "*"`, all of them."""
    return subscribing.subscribe(params, caller.services.directory.hub, caller.outbound)


def session_unsubscribe(caller: Caller, params: m.OneSession) -> m.Nothing:
    """Follow it no more; with `sessionId: "*"`, none. Nothing of it comes behind the reply."""
    subscribing.unsubscribe(params.session_id, caller.services.directory.hub, caller.outbound)
    return m.Nothing()


async def session_history(caller: Caller, params: m.ReadHistory) -> m.History:
    """A page of events with `after` < `seq` < `before`, in order: the first ones, or with `before` the last ones. A
    page has 1 to `limit` (1–500) events and ends at 4 MiB."""
    _refuse_limit(params.limit)
    for field, value in (("after", params.after), ("before", params.before)):
        if value is not None and value < 0:
            raise Refused(ErrorKind.INVALID_PARAMS, f"{field} is a number from 0 on", field=field)
    page = await caller.services.directory.history(
        params.session_id, after=params.after, before=params.before, limit=params.limit
    )
    return m.History(events=tuple(orjson.Fragment(entry.body) for entry in page.entries), has_more=page.has_more)


def approval_list(caller: Caller, params: m.FindApprovals) -> m.ApprovalList:
    """Open approvals, oldest first."""
    return m.ApprovalList(approvals=caller.services.directory.approvals(params.session_id))


async def approval_resolve(caller: Caller, params: ResolveApproval) -> Approval:
    """Answer what an agent waits on: exactly one of `optionId`, `answers`, `cancelled`. A rejection, or `cancelled`,
    tells the agent your `message`, and with `interrupt` ends the turn; `updatedInput` replaces the tool's input. Too
    late: `already-resolved`. Of a question: `answers` by question id, each a list of labels or words of your own, one
    unless `multiSelect`; or its option to decline. What does not fit is refused (`approval-invalid`) and the approval
    stays open."""
    given = (params.option_id is not None) + (params.answers is not None) + params.cancelled
    if given != 1:
        raise Refused(ErrorKind.INVALID_PARAMS, "exactly one of optionId, answers and cancelled", field="optionId")
    return await caller.services.directory.resolve(params, caller.principal.author)


async def usage_get(caller: Caller, params: m.FindUsage) -> m.UsageReport:
    """What was used, summed up `by` session, provider, model or UTC day, of all sessions. `costUsd` is what is billed,
    `notionalUsd` what a subscription pays; a turn is counted once for each run that took part. What deleted sessions
    took stays: by session, under an empty key."""
    for field, value in (("since", params.since), ("until", params.until)):
        _refuse_no_date(field, value)
    rows = await caller.services.journal.usage(params.by, since=params.since or "", until=params.until)
    return m.UsageReport(by=params.by, rows=tuple(rows))


def _refuse_no_date(field: str, value: str | None) -> None:
    try:
        known = value is None or date.fromisoformat(value).isoformat() == value
    except ValueError:
        known = False
    if not known:
        raise Refused(ErrorKind.INVALID_PARAMS, f"{field} is a date like 2026-11-27, not {value!r}", field=field)


def _ranked(ranked: Ranked) -> m.RankedProvider:
    return m.RankedProvider(
        provider=ranked.provider,
        model=ranked.model,
        accepted=ranked.accepted,
        obstacle=ranked.obstacle,
        reasons=ranked.reasons,
    )


def _refuse_limit(limit: int) -> None:
    if not 1 <= limit <= MAX_PAGE:
        raise Refused(ErrorKind.INVALID_PARAMS, f"limit is a number from 1 to {MAX_PAGE}", field="limit")


def _queue(prompts: tuple[Prompt, ...]) -> m.PromptQueue:
    return m.PromptQueue(prompts=tuple(map(_queued, prompts)))


def _queued(prompt: Prompt) -> m.QueuedPrompt:
    plain = all(isinstance(block, TextBlock) for block in prompt.blocks)
    blocks = () if plain else tuple(map(_note, prompt.blocks))
    return m.QueuedPrompt(prompt_id=prompt.prompt_id, prompt=prompt.text, blocks=blocks, by=prompt.by)


def _note(block: Block) -> BlockNote:
    match block:
        case ImageBlock(mime_type=mime_type) | DocumentBlock(mime_type=mime_type):
            return BlockNote(type=block.type, mime_type=mime_type)
        case FileBlock(path=path):
            return BlockNote(type=block.type, path=path)
        case TextBlock():
            return BlockNote(type=block.type)


def _one_page_at_a_time(_: Caller, __: m.ReadHistory) -> str:
    """A page is large: a client has one of them in the making, whatever it asks for at once."""
    return "session/history"


def _session_of_approval(caller: Caller, params: ResolveApproval) -> str | None:
    found = (one for one in caller.services.directory.approvals() if one.approval_id == params.approval_id)
    return next((one.session_id for one in found), None)


def _session_of_state(_: Caller, params: ResumeSession | m.ImportSession) -> str | None:
    return params.session_id or session_of(params.state)


WATCH, WORK, GOVERN = Scope.OBSERVER, Scope.OPERATOR, Scope.ADMIN

_TABLE: tuple[Method[Any, Any], ...] = (
    Method("initialize", WATCH, m.Initialize, initialize, m.Welcome),
    Method("ping", WATCH, m.Nothing, ping, m.Nothing),
    Method("rpc.discover", WATCH, m.Nothing, rpc_discover, Schema),
    Method("daemon/status", WATCH, m.Nothing, daemon_status, m.DaemonStatus),
    Method("daemon/drain", GOVERN, m.Nothing, daemon_drain, m.DaemonStatus),
    Method("daemon/undrain", GOVERN, m.Nothing, daemon_undrain, m.DaemonStatus),
    Method("daemon/shutdown", GOVERN, m.Shutdown, daemon_shutdown, m.Nothing),
    Method("provider/list", WATCH, m.Nothing, provider_list, m.ProviderList),
    Method("provider/get", WATCH, m.NamedProvider, provider_get, ProviderView),
    Method("provider/check", WORK, m.NamedProvider, provider_check, ProviderView),
    Method("provider/restart", GOVERN, m.NamedProvider, provider_restart, ProviderView),
    Method("provider/drain", GOVERN, m.NamedProvider, provider_drain, ProviderView),
    Method("provider/undrain", GOVERN, m.NamedProvider, provider_undrain, ProviderView),
    Method("provider/pastSessions", WATCH, FindPastSessions, provider_past_sessions, m.PastSessions),
    Method("provider/rank", WATCH, m.RankProviders, provider_rank, m.Ranking),
    Method("model/list", WATCH, m.FindModels, model_list, m.ModelList),
    Method(
        "session/create",
        WORK,
        CreateSession,
        session_create,
        SessionView,
        absent=("environment",),
    ),
    Method("session/get", WATCH, m.OneSession, session_get, SessionView),
    Method("session/list", WATCH, FindSessions, session_list, m.SessionPage),
    Method("session/prompt", WORK, SendPrompt, session_prompt, PromptReceipt),
    Method("session/queue", WATCH, m.OneSession, session_queue, m.PromptQueue),
    Method("session/unqueue", WORK, m.Unqueue, session_unqueue, m.PromptQueue),
    Method("session/interrupt", WORK, Interrupt, session_interrupt, m.Interrupted),
    Method(
        "session/configure",
        WORK,
        ConfigureSession,
        session_configure,
        SessionView,
    ),
    Method("session/compact", WORK, CompactSession, session_compact, m.Compacting),
    Method("session/tasks", WATCH, m.OneSession, session_tasks, m.TaskList),
    Method("session/stopTask", WORK, m.OneTask, session_stop_task, m.TaskStopped),
    Method("session/fork", WORK, ForkSession, session_fork, SessionView),
    Method("session/adopt", WORK, AdoptSession, session_adopt, SessionView),
    Method("session/settleForeign", WORK, DecideForeign, session_settle_foreign, SessionView),
    Method("session/move", WORK, MoveSession, session_move, (SessionView, m.Preview)),
    Method("session/suspend", WORK, m.OneSession, session_suspend, m.Suspended),
    Method("session/resume", WORK, ResumeSession, session_resume, SessionView, lane=_session_of_state),
    Method("session/export", WORK, m.OneSession, session_export, m.Exported),
    Method(
        "session/import",
        WORK,
        m.ImportSession,
        session_import,
        (SessionView, m.ImportProgress),
        lane=_session_of_state,
    ),
    Method("session/close", WORK, m.OneSession, session_close, SessionView),
    Method("session/delete", GOVERN, m.OneSession, session_delete, m.Nothing),
    Method("session/cleanup", GOVERN, m.CleanUp, session_cleanup, m.CleanedUp),
    Method("session/subscribe", WATCH, m.Subscribe, session_subscribe, (m.Subscribed, m.SubscribedAll)),
    Method("session/unsubscribe", WATCH, m.OneSession, session_unsubscribe, m.Nothing),
    Method("session/history", WATCH, m.ReadHistory, session_history, m.History, lane=_one_page_at_a_time),
    Method("usage/get", WATCH, m.FindUsage, usage_get, m.UsageReport),
    Method("approval/list", WATCH, m.FindApprovals, approval_list, m.ApprovalList),
    Method("approval/resolve", WORK, ResolveApproval, approval_resolve, Approval, lane=_session_of_approval),
)

METHODS: Mapping[str, Method[Any, Any]] = {method.name: method for method in _TABLE}
"""All that a client may ask. What is not here is `method-not-found`."""


@cache
def document() -> Schema:
    """The OpenRPC document. It takes a while to make."""
    return openrpc.document(METHODS.values())
