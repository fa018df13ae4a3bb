"""Which thing a word of the command line means: an id, a name, or a unique beginning of one. Else what there is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from typing import TypeVar

from jelmored.domain.permissions import Approval
from jelmored.domain.sessions import SessionView

from .client import Client
from .errors import Unclear
from .session import Session
from .terminal.labels import label, short
from .terminal.text import one_line

T = TypeVar("T")
LISTED = 8


async def pick_session(client: Client, word: str | None, cwd: str) -> Session:
    """A session by its word, or without one the last of this directory.

    Raises:
        Unclear: there is none, or several begin so.
    """
    if word is None:
        return client.handle(await _last_of(client, cwd))
    return client.handle(named(word, await client.sessions(include_terminated=True)))


async def pick_approval(client: Client, word: str | None, cwd: str) -> Approval:
    """An open approval by its id, or else the oldest one of the session that the word means.

    Raises:
        Unclear: nothing is asked there.
    """
    approvals = await client.approvals()
    if word is not None and word.startswith("apr_"):
        return one("approval", word, approvals, lambda approval: approval.approval_id)
    session = await pick_session(client, word, cwd)
    for approval in approvals:
        if approval.session_id == session.id:
            return approval
    raise Unclear(f"{label(session.view)} waits for nothing{_waiting(approvals)}")


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
            raise Unclear(f"{word!r} begins several: {_listed(map(_whole, found))}")
    near = _near(word, [view.name or view.session_id for view in views])
    raise Unclear(f"no session goes by {word!r}{near}; `jelmore ls -a` shows all")


def one(kind: str, word: str, things: Sequence[T], key: Callable[[T], str]) -> T:
    """The thing whose key is this word, or the only one whose key begins so.

    Raises:
        Unclear: there is none, or there are several; the message has those that there are.
    """
    found = [thing for thing in things if key(thing) == word] or [
        thing for thing in things if key(thing).startswith(word)
    ]
    if len(found) == 1:
        return found[0]
    if found:
        raise Unclear(f"{word!r} begins several: {_listed(map(key, found))}")
    there_is = f"; there is {_listed(map(key, things))}" if things else "; there is none"
    raise Unclear(f"no {kind} goes by {word!r}{there_is}")


async def _last_of(client: Client, cwd: str) -> SessionView:
    for everything in (False, True):
        if views := await client.sessions(cwd=cwd, include_terminated=everything):
            return views[0]
    raise Unclear(f"no session works in {cwd}; `jelmore ls` shows those elsewhere")


def _near(word: str, names: Sequence[str]) -> str:
    close = get_close_matches(word, names, n=3)
    return f"; did you mean {' or '.join(map(one_line, close))}?" if close else ""


def _waiting(approvals: Sequence[Approval]) -> str:
    asked = [f"{short(approval.session_id)}: {one_line(approval.title)}" for approval in approvals]
    return f"; others do: {_listed(asked)}" if asked else ""


def _whole(view: SessionView) -> str:
    return f"{view.session_id} ({one_line(view.name)})" if view.name else view.session_id


def _listed(words: Iterable[str]) -> str:
    all_of_them = list(words)
    return ", ".join(all_of_them[:LISTED]) + (", …" if len(all_of_them) > LISTED else "")
