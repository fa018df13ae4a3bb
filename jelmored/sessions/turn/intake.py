"""May turns begin? Not before the daemon is up, not while it drains, not when it stops. Prompts wait meanwhile."""

from __future__ import annotations


class Intake:
    """One for all sessions. It only says so: whoever changes it tells the sessions."""

    def __init__(self) -> None:
        self.draining = False
        """Somebody wants quiet: turns in hand end, and no others begin."""
        self.stopping = False
        """The daemon ends: what is in hand is cut."""
        self._up = False

    @property
    def open(self) -> bool:
        """Turns may begin."""
        return self._up and not self.draining and not self.stopping

    def begin(self) -> None:
        """All that a turn needs is there."""
        self._up = True

    def stop(self) -> None:
        """From now on it is not."""
        self.stopping = True
