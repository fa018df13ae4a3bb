"""What clients were told by a daemon, over all its lives, held against what its journal has in the end. No I/O.

The rule: what was told is there, byte for byte and at its place; each log is numbered 1, 2, 3… without gap or repeat;
an acknowledged prompt is in its log, once; the same requestKey has the same answer for ever.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

Log = Sequence[str]
"""The frames of a session's events, in the order in which a replay from the start brought them."""


@attrs.define
class History:
    """Told what clients hear, as they hear it. `faults` is asked last."""

    _events: dict[str, dict[int, str]] = attrs.field(factory=dict)
    _receipts: dict[tuple[str, str], Mapping[str, Any]] = attrs.field(factory=dict)
    _sessions: set[str] = attrs.field(factory=set)
    _removed: set[str] = attrs.field(factory=set)
    _found: list[str] = attrs.field(factory=list)

    def created(self, session_id: str) -> None:
        """A `session/create` was answered."""
        self._sessions.add(session_id)

    def removed(self, session_id: str) -> None:
        """A `session/delete` was sent: the session may be there or not."""
        self._removed.add(session_id)

    def heard(self, session_id: str, frame: str) -> None:
        """An event, live or replayed."""
        seq = json.loads(frame)["params"]["seq"]
        known = self._events.setdefault(session_id, {}).setdefault(seq, frame)
        if known != frame:
            self._found.append(f"{session_id}: event {seq} was told as two different ones")

    def acknowledged(self, session_id: str, key: str, receipt: Mapping[str, Any]) -> None:
        """A `session/prompt` with this requestKey was answered, for the first time or again."""
        known = self._receipts.setdefault((session_id, key), receipt)
        if known != receipt:
            self._found.append(f"{session_id}: requestKey {key} was answered by {known}, and by {receipt}")

    def last(self, session_id: str) -> int:
        """The number of the last event that was told; 0 if none was."""
        return max(self._events.get(session_id, {0: ""}))

    @property
    def events(self) -> int:
        return sum(map(len, self._events.values()))

    @property
    def receipts(self) -> Mapping[tuple[str, str], Mapping[str, Any]]:
        return self._receipts

    def faults(self, logs: Mapping[str, Log]) -> list[str]:
        """Every rule that is broken, a line each.

        Args:
            logs: of all sessions that there are.
        """
        faults = list(self._found)
        for session_id in sorted(self._sessions - logs.keys() - self._removed):
            faults.append(f"{session_id} was acknowledged and is not there")
        for session_id, log in logs.items():
            faults.extend(f"{session_id}: {fault}" for fault in self._faults_of(session_id, log))
        return faults

    def _faults_of(self, session_id: str, log: Log) -> list[str]:
        events = [json.loads(frame)["params"] for frame in log]
        seqs = [event["seq"] for event in events]
        faults = [
            f"seq {seq} where {place} should be: a gap or a repeat" for place, seq in enumerate(seqs, 1) if seq != place
        ]
        kept = dict(zip(seqs, log, strict=True))
        for seq, frame in self._events.get(session_id, {}).items():
            if seq not in kept:
                faults.append(f"event {seq} was told and is lost")
            elif kept[seq] != frame:
                faults.append(f"event {seq} is another one than was told")
        prompts = [event["metadata"]["promptId"] for event in events if event["eventType"] == "user"]
        for (owner, key), receipt in self._receipts.items():
            if owner == session_id and (times := prompts.count(receipt["promptId"])) != 1:
                faults.append(f"the prompt of {key} was acknowledged and is there {times} times")
        return faults
