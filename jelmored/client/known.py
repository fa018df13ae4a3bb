"""What is known of a session on this side: one of it for a session's handle and all the streams of that handle."""

from __future__ import annotations

import attrs

from jelmored.domain.ids import SessionId
from jelmored.domain.sessions import SessionView


@attrs.define(eq=False)
class Known:
    """What the one learns, the others know.

    Args:
        view: as last heard.
        cursor: the number of the last event that was given out; 0 for none.
    """

    view: SessionView
    cursor: int

    @property
    def id(self) -> SessionId:
        return self.view.session_id

    def saw(self, seq: int) -> None:
        """This event was given out."""
        self.cursor = max(self.cursor, seq)
