"""Captures of the real CLI (2.1.197) through the normaliser, and the events that are to come of them.

A capture has one JSON object a line: `dir` (`in`: to the CLI, `out`: from it, `err`: its stderr, `note`), `t` in
seconds, `msg`. After a change that is meant, write the golden lists anew and read what changed in them:

    python -m tests.providers.claude.replay && git diff tests/providers/claude/golden
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jelmored.domain.ids import PromptId
from jelmored.providers.base import RunEvent
from jelmored.providers.claude.control import Reply, ReplyBody, ReplyEnvelope
from jelmored.providers.claude.normaliser import Normaliser
from jelmored.providers.claude.reading import load
from tests.providers.goldens import as_golden

HERE = Path(__file__).parent
CAPTURES = {path.stem: path for path in sorted((HERE / "captures").glob("*.jsonl"))}
NOW = datetime(2026, 11, 23, tzinfo=UTC)

GOLDEN = (
    "background_agent_asks",
    "background_agent_asks_late",
    "background_task_states",
    "basic",
    "clear_then_more",
    "compact_nothing",
    "budget_then_more",
    "compact_clear",
    "cwd_in_turn",
    "edits",
    "eof_permission_pending",
    "eof_with_background_task",
    "hooks",
    "interrupt_during_hang",
    "interrupt_during_retry",
    "interrupt_thinking",
    "kill9_mid_tool",
    "max_budget",
    "max_turns",
    "message_while_permission_pending",
    "mcp_set_servers",
    "multimodal",
    "not_logged_in",
    "permissions",
    "plan_file",
    "plan_started",
    "prompt_into_own_turn",
    "questions",
    "rate_limit_oauth",
    "session_state_events",
    "slash_context",
    "stop_interrupt_then_eof",
    "steer",
    "steer_background",
    "steer_permission",
    "steer_text_then_tool",
    "stop_refusal",
    "stop_task",
    "subagent",
    "subagents_at_once",
    "todos",
    "turns_steer_interrupt",
    "two_queued",
    "worktree_cwd",
    *(name for name in CAPTURES if name.startswith(("err_", "resume_"))),
)


def lines(name: str) -> Iterator[tuple[str, bytes]]:
    """The traffic of a capture: direction and line."""
    for line in CAPTURES[name].read_text().splitlines():
        entry = json.loads(line)
        message = entry["msg"]
        raw = isinstance(message, dict) and set(message) == {"_raw"}
        text = message["_raw"] if raw else json.dumps(message)
        yield entry["dir"], text.encode()


def output(name: str) -> list[bytes]:
    """What the CLI wrote."""
    return [line for direction, line in lines(name) if direction == "out"]


def replay(name: str) -> list[RunEvent]:
    """All run events of a capture."""
    return run_events(lines(name))


def run_events(traffic: Iterable[tuple[str, bytes]]) -> list[RunEvent]:
    """What comes of lines in either direction."""
    return Replay(traffic).run()


class Replay:
    """A capture as a session lives through it: what is said while a turn runs is to steer it."""

    def __init__(self, traffic: Iterable[tuple[str, bytes]]) -> None:
        self._normaliser = Normaliser("/home/user/project", now=lambda: NOW)
        self._lines = list(traffic)
        self._cancels: dict[str, str] = {}

    def run(self) -> list[RunEvent]:
        events: list[RunEvent] = []
        for place, (direction, line) in enumerate(self._lines):
            if direction == "out":
                events.extend(self._normaliser.feed([line]))
                events.extend(self._taken_back())
            elif direction == "in":
                self._tell(load(line), place)
        return events

    def _tell(self, message: Any, place: int) -> None:
        match message:
            case {"type": "user"}:
                self._say(message.get("uuid") or self._uuid(message, place))
            case {"type": "control_request", "request_id": request_id, "request": {"message_uuid": message_id}}:
                self._cancels[request_id] = message_id
            case {"type": "control_response", "response": {"request_id": request_id}}:
                self._normaliser.answered(request_id)

    def _say(self, message_id: str) -> None:
        if self._normaliser.turn_runs:
            self._normaliser.steered(message_id, PromptId(message_id))
        else:
            self._normaliser.prompted(message_id)

    def _uuid(self, message: Any, place: int) -> str:
        """What the CLI called a message that came without a name."""
        for direction, line in self._lines[place:]:
            match load(line):
                case {"isReplay": True, "uuid": str(uuid), "message": said} if direction == "out":
                    if said == message.get("message"):
                        return uuid
        return f"uuid-{place}"

    def _taken_back(self) -> list[RunEvent]:
        events: list[RunEvent] = []
        for control in self._normaliser.take_control():
            match control:
                case Reply(response=ReplyEnvelope(request_id=request_id, response=ReplyBody(cancelled=True))):
                    events.extend(self._normaliser.taken_back(self._cancels[request_id]))
        return events


def golden(name: str) -> Path:
    return HERE / "golden" / f"{name}.json"


if __name__ == "__main__":
    for capture in GOLDEN:
        golden(capture).write_text(as_golden(replay(capture)))
