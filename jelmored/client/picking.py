"""Which session, or which approval, a word of the command line means: an id, a name, or a unique beginning of one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from jelmored.domain.permissions import Approval
from jelmored.domain.sessions import SessionView

from .client import Client
from .errors import Unclear
from .session import Session
from .terminal.labels import label

T = TypeVar("T")
LISTED = 8


async def pick_session(client: Client, word: str | None, cwd: str) -> Session:
    """A session by its word, or without one the last of this directory.

    Raises:
        Unclear: there is none, or several begin so.
    """
    if word is None:
        return await client.session((await _last_of(client, cwd)).session_id)
    return await client.session(named(word, await client.sessions(include_terminated=True)).session_id)


async def pick_approval(client: Client, word: str | None, cwd: str) -> Approval:
    """An open approval by its id, or else the oldest one of the session that the word means.

    Raises:
        Unclear: nothing is asked there.
    """
    if word is not None:
        found = [approval for approval in await client.approvals() if approval.approval_id.startswith(word)]
        if len(found) == 1:
            return found[0]
    session = await pick_session(client, word, cwd)
    approvals = await session.approvals()
    if not approvals:
        raise Unclear(f"{label(session.view)} waits for nothing")
    return approvals[0]


def named(word: str, views: Sequence[SessionView]) -> SessionView:
    """The one that a word means. A whole id or name wins over a beginning; of several of one name the latest wins."""
    tests: tuple[Callable[[SessionView], bool], ...] = (
        lambda view: view.session_id == word,
        lambda view: view.name == word,
        lambda view: view.session_id.startswith((word, f"ses_{word}")) or (view.name or "").startswith(word),
    )
    for test, unique in zip(tests, (False, False, True), strict=True):
        found = [view for view in views if test(view)]
        if len(found) == 1 or (found and not unique):
            return found[0]
        if found:
            raise Unclear(f"{word!r} begins several: {_listed(found)}")
    raise Unclear(f"no session goes by {word!r}; `jelmore ls -a` shows all")


async def _last_of(client: Client, cwd: str) -> SessionView:
    for everything in (False, True):
        if views := await client.sessions(cwd=cwd, include_terminated=everything):
            return views[0]
    raise Unclear(f"no session works in {cwd}; `jelmore ls` shows those elsewhere")


def _listed(views: Sequence[SessionView]) -> str:
    names = [f"{view.session_id} ({view.name})" if view.name else view.session_id for view in views[:LISTED]]
    return ", ".join(names) + (", …" if len(views) > LISTED else "")
