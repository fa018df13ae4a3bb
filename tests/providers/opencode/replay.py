"""Captures of the real server (1.18.33) through the normaliser, and the events that are to come of them.

A capture has one event a line, with its time. What a session does in between (it prompts, steers, aborts, fetches the
list of messages) is done here as the capture shows that it was. After a change that is meant, write the golden lists
anew and read what changed in them:

    python -m tests.providers.opencode.replay && git diff tests/providers/opencode/golden
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import orjson

from jelmored.domain.ids import PromptId
from jelmored.providers.base import RunEvent
from jelmored.providers.opencode.messages import (
    CompactionPart,
    MessageUpdated,
    PartUpdated,
    ServerEvent,
    StatusChanged,
    TextPart,
    read_event,
)
from jelmored.providers.opencode.normaliser import Normaliser, unfinished
from tests.providers.goldens import as_golden

from .server import Server

HERE = Path(__file__).parent
CAPTURES = {path.stem: path for path in sorted((HERE / "captures").glob("*.jsonl"))}
NOW = datetime(2026, 11, 23, tzinfo=UTC)
WINDOWS = {"fake/deepseek-v3": 2_000_000, "fake/qwen2.5-coder": 32_768}

ABORTED = ("abort_mid_bash", "abort_mid_text", "permission_abort", "error_cut_mid", "error_error_chunk")
"""Those in which the client aborted."""
ENDLESS = ("delete_mid_turn", "error_hang_default")
"""Those that were cut before the turn was over."""


def data(name: str) -> list[bytes]:
    """The data of a capture's events."""
    found = [orjson.loads(line)["event"] for line in CAPTURES[name].read_bytes().splitlines()]
    return [orjson.dumps(event.get("payload", event)) for event in found]


def events(name: str) -> list[ServerEvent]:
    return [read_event(event) for event in data(name)]


def roots(told: Iterable[ServerEvent]) -> list[str]:
    """The sessions that no other one began, in the order in which they work."""
    server = Server()
    for event in told:
        server.hear(event)
    return [session_id for session_id in server.sessions if session_id not in server.parents]


def replay(name: str) -> list[RunEvent]:
    """All run events of a capture, one session after the other."""
    told = events(name)
    return [event for root in roots(told) for event in Replay(root, told, is_aborted=name in ABORTED).run()]


class Replay:
    """A capture as a session lives through it.

    Args:
        root: the session.
        told: what the server said.
        is_aborted: the client aborts before the turn's end.
        lost: events of which the stream told nothing, by their places; after each run of them it is connected again.
    """

    def __init__(
        self, root: str, told: Sequence[ServerEvent], *, is_aborted: bool = False, lost: range = range(0)
    ) -> None:
        self._told = told
        self._root = root
        self._is_aborted = is_aborted
        self._lost = lost
        self._server = Server()
        self.prompts = 0
        self.normaliser = Normaliser(root, "/home/user/project", windows=WINDOWS, now=lambda: NOW)

    def run(self) -> list[RunEvent]:
        found: list[RunEvent] = []
        for place, event in enumerate(self._told):
            later = self._told[place + 1 :]
            self._act(event, place)
            self._server.hear(event)
            if place not in self._lost:
                found += self.normaliser.take([event])
            elif place == self._lost[-1]:
                found += self._reconcile(later)
            if self._is_over(event, later):
                found += self.normaliser.settled(self._server.messages(self._root))
        return found

    def _act(self, event: ServerEvent, place: int) -> None:
        """What the client did before this event."""
        match event:
            case MessageUpdated() if event.session_id == self._root and not event.info.by_agent:
                if not self._server.knows(event.info.id):
                    self._say(event.info.id, place)
            case StatusChanged() if event.session_id == self._root and event.status.type == "idle":
                if self._is_aborted:
                    self.normaliser.aborted()

    def _say(self, message_id: str, place: int) -> None:
        parts = [e.part for e in self._told[place:] if isinstance(e, PartUpdated) and e.part.message_id == message_id]
        match parts[:1]:
            case [CompactionPart(auto=False)]:
                self.prompts += 1
                self.normaliser.compacting()
            case [CompactionPart() | TextPart(synthetic=True)]:
                pass
            case _ if self.normaliser.in_turn:
                self.normaliser.steered(PromptId(message_id))
            case _:
                self.prompts += 1
                self.normaliser.prompted(PromptId(message_id))

    def _is_over(self, event: ServerEvent, later: Sequence[ServerEvent]) -> bool:
        if not self.normaliser.is_settling or not isinstance(event, StatusChanged):
            return False
        if event.session_id != self._root or event.status.type != "idle":
            return False
        return self._server.is_idle_for_good(self._root, later) or not unfinished(self._server.messages(self._root))

    def _reconcile(self, later: Sequence[ServerEvent]) -> list[RunEvent]:
        messages = [
            message
            for session_id in (self._root, *self._server.parents)
            for message in self._server.messages(session_id)
        ]
        for_good = not unfinished(messages) or self._server.is_idle_for_good(self._root, later)
        busy = self._root in self._server.busy or not for_good
        return self.normaliser.reconciled(messages, busy, self._server.permissions, self._server.questions)


def golden(name: str) -> Path:
    return HERE / "golden" / f"{name}.json"


if __name__ == "__main__":
    golden("x").parent.mkdir(exist_ok=True)
    for capture in CAPTURES:
        golden(capture).write_text(as_golden(replay(capture)))
