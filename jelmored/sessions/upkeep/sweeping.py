"""Takes away what nobody needs any more: sessions that are not used end, those that have ended go off the disk."""

from __future__ import annotations

import contextlib
from datetime import datetime

from jelmored.domain.ids import SessionId
from jelmored.domain.sessions import SessionView
from jelmored.errors import Refused
from jelmored.sessions.hub import Hub
from jelmored.sessions.messages import Expire
from jelmored.sessions.roster import Roster

from .finding import may_expire, terminated

CLEANED = 1000  # sessions removed at once: their views are one message


class Sweeper:
    """Of all sessions of the daemon."""

    def __init__(self, roster: Roster, hub: Hub) -> None:
        self._roster = roster
        self._hub = hub

    async def expire(self, before: datetime) -> int:
        """End those that nobody has used since, and that nobody watches; how many.

        Raises:
            JournalError: one can't be ended.
        """
        unused = [facts.session_id for facts in self._roster.facts if may_expire(facts, before)]
        ended = 0
        for session_id in unused:
            feed = self._hub.feed(session_id)
            if feed is not None and not feed.subscribers:
                with contextlib.suppress(Refused):  # somebody has removed it meanwhile
                    ended += await self._roster.ask(session_id, lambda: Expire(before=before))
        return ended

    async def clean_up(self, before: datetime, *, dry_run: bool = False) -> tuple[SessionView, ...]:
        """Take those off the disk that were terminated before, longest ago first; which. At most `CLEANED` at once.

        Raises:
            JournalError: one can't be removed.
        """
        found = [self._roster.view(facts.session_id) for facts in terminated(self._roster.facts, before)[:CLEANED]]
        if dry_run:
            return tuple(found)
        return tuple([view for view in found if await self._removed(view.session_id)])

    async def _removed(self, session_id: SessionId) -> bool:
        """False if somebody else has removed it just now."""
        try:
            await self._roster.remove(session_id)
        except Refused:
            return False
        return True
