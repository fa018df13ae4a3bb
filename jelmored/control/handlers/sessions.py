"""What clients ask of sessions as things: new ones, which there are, their settings, where they are, their end."""

from __future__ import annotations

from datetime import timedelta

from jelmored.control.method import Caller
from jelmored.domain.commands import (
    AdoptSession,
    ConfigureSession,
    CreateSession,
    DecideForeign,
    FindSessions,
    ForkSession,
    MoveSession,
    ResumeSession,
)
from jelmored.domain.sessions import SessionView
from jelmored.domain.times import utc_now
from jelmored.errors import ErrorKind, Refused
from jelmored.wire import messages as m

from .checks import check_limit, check_one

MAX_AGE = 3_153_600_000  # seconds: a century


async def create(caller: Caller, params: CreateSession) -> SessionView:
    """A new session, with its first prompt if you like. `provider`: where it begins; else whoever fits `requirements`
    best (`provider/rank`; never the demo), now or as soon as it can. `name`: unique among sessions that are not
    terminated. `title`: else the first line of the first prompt. `model`: as the provider calls it, not checked before
    the agent starts; without a `provider`, one that has it is preferred. `exclusive`: refuse a directory where another
    session is at work (`directory-busy`), rather than warn. `systemPrompt` is appended to the agent's own."""
    return await caller.services.directory.create(params, caller.principal.author)


def get(caller: Caller, params: m.OneSession) -> SessionView:
    """One session, as it is now."""
    return caller.services.directory.get(params.session_id)


def list_(caller: Caller, params: FindSessions) -> m.SessionPage:
    """Sessions, latest activity first, up to `limit` (1–500); the next page with `cursor: nextCursor`. Terminated ones
    only on request. A session that becomes active between two pages may be in neither: `*` tells of all changes."""
    check_limit(params.limit)
    sessions, cursor = caller.services.directory.find(params)
    return m.SessionPage(sessions=sessions, next_cursor=cursor)


async def configure(caller: Caller, params: ConfigureSession) -> SessionView:
    """Change a session; what is left out stays. `model`: one of `model/list`, in force from the next turn.
    `permissionMode`: at once; what is open and needs no person any more is settled (`resolvedBy.kind: "policy"`).
    `limits` replaces all of them: `maxCostUsd` and `turnSeconds` at once, also for the turn that runs, and prompts that
    have waited for money go on; `maxTurns` with the next turn, the agent is started anew for it."""
    return await caller.services.directory.configure(params, caller.principal.author)


async def move(caller: Caller, params: MoveSession) -> SessionView | m.Preview:
    """Take a session to another provider, with its conversation: `provider`, or the best other one. Between turns only
    (`busy`). `dryRun`: nothing moves, the result is what the agent there would be told."""
    directory = caller.services.directory
    if params.dry_run:
        return m.Preview(handoff=await directory.preview(params))
    return await directory.move(params, caller.principal.author)


async def fork(caller: Caller, params: ForkSession) -> SessionView:
    """A new session that knows what was said in another one, up to the event `atSeq`, or else up to now."""
    return await caller.services.directory.fork(params, caller.principal.author)


async def adopt(caller: Caller, params: AdoptSession) -> SessionView:
    """A new session that goes on with a conversation of an agent's own (`provider/pastSessions`): its history becomes
    the log, with its own times, and without what it took; the next prompt resumes it there, in its directory. Again:
    the same session. `title`: else the agent's own."""
    return await caller.services.directory.adopt(params, caller.principal.author)


async def settle_foreign(caller: Caller, params: DecideForeign) -> SessionView:
    """Say what counts where a turn failed with `foreign-writer`. `accept`: the agent goes on with all that it knows
    now, and what it knows more follows in the log (`system` `foreign_accepted`). `discard`: it begins anew and is told
    what this log has. Prompts that wait go on. Nothing to decide: `wrong-status`."""
    return await caller.services.directory.decide_foreign(params, caller.principal.author)


async def suspend(caller: Caller, params: m.OneSession) -> m.Suspended:
    """End the agent cleanly and get the session's state: an object to keep as it is, and to give to `session/resume`
    here or in another daemon. What waits in the queue stays, and travels with it. Between turns only (`busy`); of a
    suspended session the same state again. It holds what clients gave for its MCP servers, so keep it to yourself."""
    return m.Suspended(state=await caller.services.directory.suspend(params.session_id, caller.principal.author))


async def resume(caller: Caller, params: ResumeSession) -> SessionView:
    """Open a session again that was suspended, has failed or was closed: by its `sessionId`, or by a `state`, also one
    of another daemon, which makes the session here. Exactly one of both. The next prompt gets an agent. A state that
    can't be used is `state-invalid`, and nothing has changed. `provider`: where it goes on; else where it was, or, if
    that is not here, at whoever fits best. Of a session that went from here the state alone is refused:
    `session/import` brings it back."""
    check_one({"sessionId": params.session_id is not None, "state": params.state is not None})
    return await caller.services.directory.resume(params, caller.principal.author)


async def export(caller: Caller, params: m.OneSession) -> m.Exported:
    """The state, while the session goes on; `head`: the last event that it knows of. A turn that runs is not in it
    beyond that, and is closed as cut where the state is taken up. In a turn, and while the agent has something
    in the background, its own record is not in it: it would be half of one. For all that was said, read the
    events up to `head` by `session/history`, and give both to `session/import`."""
    state = await caller.services.directory.export(params.session_id)
    return m.Exported(state=state, head=state["facts"]["seq"])


async def import_(caller: Caller, params: m.ImportSession) -> m.ImportProgress | SessionView:
    """Make a session of another daemon here, with its whole log; or bring one back that went from here. First the
    `state`; then, under the `sessionId` of the answer, its events from `next` up to `head`, in order and without gaps,
    in pages of your size; with `last: true` it becomes a session, or goes on, and is the answer. Before that it is
    nobody's: half an import is gone after a restart, and at the next beginning. It belongs to the connection that has
    begun it; whoever begins it anew takes it over, and the other one is told so (`state-invalid`); at its end all
    others are told `busy`. Four may be under way. Of one that comes back `next` is the first event that is not here;
    its log goes on, under the same `logId`."""
    check_one({"sessionId": params.session_id is not None, "state": params.state is not None})
    if params.state is not None and params.events:
        raise Refused(ErrorKind.INVALID_PARAMS, "events follow the answer to the state", field="events")
    return await caller.services.directory.import_(params, caller.principal.author)


async def close(caller: Caller, params: m.OneSession) -> SessionView:
    """End the session: the turn is interrupted, the queue dropped, the agent closed; the log stays, and
    `session/resume` opens it again. Again: nothing."""
    return await caller.services.directory.close(params.session_id, caller.principal.author)


async def delete(caller: Caller, params: m.OneSession) -> m.Nothing:
    """Take a closed session off the disk: its log, and its attachments that no other session has. Only a terminated
    one (`wrong-status`). Once begun, it is finished also if you leave."""
    await caller.services.directory.delete(params.session_id, caller.principal.author)
    return m.Nothing()


async def clean_up(caller: Caller, params: m.CleanUp) -> m.CleanedUp:
    """Take sessions off the disk that were terminated `maxAgeSeconds` ago or earlier, as `journal.retention_days` does;
    the answer is which, longest ago first, 1000 at most. `dryRun`: nothing is removed."""
    if not 0 <= params.max_age_seconds <= MAX_AGE:
        told = f"maxAgeSeconds is a number from 0 to {MAX_AGE}"
        raise Refused(ErrorKind.INVALID_PARAMS, told, field="maxAgeSeconds")
    before = utc_now() - timedelta(seconds=params.max_age_seconds)
    return m.CleanedUp(sessions=await caller.services.directory.clean_up(before, dry_run=params.dry_run))
