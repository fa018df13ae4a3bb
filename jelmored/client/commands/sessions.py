"""What sessions there are, and what is done to one without watching it."""

from __future__ import annotations

from collections.abc import Sequence

import trio

from jelmored.client.errors import Unclear
from jelmored.client.exits import Exit
from jelmored.client.picking import pick_session
from jelmored.client.session import Session
from jelmored.client.shell import Shell
from jelmored.client.terminal.amounts import age, money
from jelmored.client.terminal.labels import homely, label, short
from jelmored.client.terminal.tables import table
from jelmored.domain.events import Change, Event, EventType
from jelmored.domain.sessions import SessionView
from jelmored.domain.status import Status
from jelmored.domain.times import utc_now

HEAD = ("SESSION", "NAME", "STATUS", "PROVIDER", "COST", "ACTIVE", "DIRECTORY")
OVER = frozenset({Status.TERMINATED, Status.FAILED, Status.SUSPENDED})
"""There nothing comes any more by itself."""


async def ls(shell: Shell, *, all: bool, quiet: bool) -> Exit:
    """The sessions, latest activity first."""
    async with shell.client() as client:
        views = await client.sessions(include_terminated=all)
    if shell.json:
        shell.give({"sessions": views})
    elif quiet:
        shell.out.writelines(f"{view.session_id}\n" for view in views)
    else:
        shell.say(table(HEAD, [_row(shell, view) for view in views], shell.columns))
    return Exit.OK


async def interrupt(shell: Shell, *, session: str | None, keep_queue: bool) -> Exit:
    """End the turn that runs."""
    async with shell.client() as client:
        target = await pick_session(client, session, shell.real_cwd())
        interrupted = await target.interrupt(drop_queue=not keep_queue)
    if shell.json:
        shell.give({"interrupted": interrupted})
    else:
        shell.note(f"{label(target.view)}: {'interrupted' if interrupted else 'no turn runs'}")
    return Exit.OK


async def wait(shell: Shell, *, session: str | None, what: str, timeout: float | None) -> Exit:
    """Until a session is idle, or asks something."""
    async with shell.client() as client:
        target = await pick_session(client, session, shell.real_cwd())
        with trio.CancelScope() as patience:
            if timeout is not None:
                patience.deadline = trio.current_time() + timeout
            status = await _wait(target, what)
    if patience.cancelled_caught:
        shell.note(f"{label(target.view)}: still {target.view.status}")
        return Exit.TIMED_OUT
    if shell.json:
        shell.give({"sessionId": target.id, "status": status})
    return Exit.OK if status in _wanted(what) else Exit.TURN_FAILED


async def _wait(session: Session, what: str) -> Status:
    """The status that ended the waiting: the wanted one, or one after which it can't come any more."""
    status, enough = session.view.status, _wanted(what) | OVER
    if status in enough:
        return status
    async for output in session.stream_output():
        match output:
            case Event(event_type=EventType.STATUS_CHANGE, metadata=Change(to=to)) if to in enough:
                return Status(to)
    raise Unclear(f"{label(session.view)} was deleted")


def _wanted(what: str) -> frozenset[Status]:
    return frozenset({Status.IDLE} if what == "idle" else {Status.WAITING_INPUT})


def _row(shell: Shell, view: SessionView) -> Sequence[str]:
    return (
        short(view.session_id),
        view.name or view.title or "",
        view.status.value.replace("_", " "),
        view.provider,
        money(view.usage.cost_usd, notional=view.usage.notional),
        age(view.last_activity, utc_now()),
        homely(view.directory, shell.home),
    )
