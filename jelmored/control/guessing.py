"""How often a peer may be wrong: whoever guesses tokens gets ten tries a minute."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Hashable

MAX_FAILURES = 10  # protocol 1, section 1
WINDOW_SECONDS = 60.0
MAX_PEERS = 256  # remembered; then the one that was wrong longest ago is forgotten


class Guesses:
    """The failures of the last minute, by peer. The time is given, in seconds of any clock that only goes on."""

    def __init__(self) -> None:
        self._failures: OrderedDict[Hashable, deque[float]] = OrderedDict()

    def wait_of(self, peer: Hashable, now: float) -> float:
        """Seconds until it may try again; 0: now."""
        failures = self._failures.get(peer)
        if failures is None or len(failures) < MAX_FAILURES:
            return 0
        return max(0.0, failures[0] + WINDOW_SECONDS - now)

    def failed(self, peer: Hashable, now: float) -> None:
        """It was wrong."""
        failures = self._failures.setdefault(peer, deque(maxlen=MAX_FAILURES))
        failures.append(now)
        self._failures.move_to_end(peer)
        if len(self._failures) > MAX_PEERS:
            self._failures.popitem(last=False)
