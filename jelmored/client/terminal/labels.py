"""What sessions and places are called when people read of them."""

from __future__ import annotations

from jelmored.domain.ids import SessionId
from jelmored.domain.sessions import SessionView

from .text import one_line

SHORT = 8  # `ses_` and four characters: a prefix that is nearly always enough


def short(session_id: SessionId) -> str:
    """`ses_abcd`; commands take it for the whole id."""
    return session_id[:SHORT]


def label(view: SessionView) -> str:
    """`ses_abcd (name)`."""
    return f"{short(view.session_id)} ({one_line(view.name)})" if view.name else short(view.session_id)


def homely(path: str, home: str) -> str:
    """`~/src` for what lies at home."""
    inside = path == home or path.startswith(home.rstrip("/") + "/")
    return "~" + path[len(home.rstrip("/")) :] if inside and home != "/" else path
