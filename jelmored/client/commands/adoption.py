"""`import --from`: conversations that an agent has had without jelmored go on here."""

from __future__ import annotations

from collections.abc import Sequence

from jelmored.client.client import Client
from jelmored.client.exits import Exit
from jelmored.client.picking import one
from jelmored.client.shell import Shell
from jelmored.client.terminal.amounts import age
from jelmored.client.terminal.labels import homely, label, short
from jelmored.client.terminal.tables import table
from jelmored.domain.sessions import PastSessionView, SessionView
from jelmored.domain.times import utc_now

HEAD = ("ID", "LAST USED", "DIRECTORY", "SESSION", "TITLE")


async def adopt(shell: Shell, provider: str, *, every: bool, ids: Sequence[str]) -> Exit:
    """With ids, or `every`: sessions of ours go on with them. Else they are listed."""
    async with shell.client() as client:
        past = await client.past_sessions(provider)
        if not (ids or every):
            return _list(shell, past)
        chosen = past if every else [one("session", word, past, lambda past: past.native_id) for word in ids]
        return _tell(shell, [await _adopt(client, provider, past) for past in chosen])


async def _adopt(client: Client, provider: str, past: PastSessionView) -> SessionView:
    return (await client.adopt(provider, past.native_id)).view


def _list(shell: Shell, past: Sequence[PastSessionView]) -> Exit:
    if shell.json:
        shell.give({"sessions": past})
    elif past:
        shell.say(table(HEAD, [_row(shell, one) for one in past], shell.columns))
    else:
        shell.note("it keeps no sessions")
    return Exit.OK


def _row(shell: Shell, past: PastSessionView) -> Sequence[str]:
    return (
        past.native_id,
        age(past.updated_at, utc_now()),
        homely(past.cwd, shell.home),
        short(past.session_id) if past.session_id else "",
        past.title,
    )


def _tell(shell: Shell, views: Sequence[SessionView]) -> Exit:
    if shell.json:
        shell.give({"sessions": views})
        return Exit.OK
    for view in views:
        shell.say(view.session_id)
        shell.note(f"{label(view)}: {view.turn} turns, in {homely(view.cwd, shell.home)}; `jelmore attach` goes on")
    return Exit.OK
