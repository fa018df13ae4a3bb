"""A transcript of the real CLI: what it was given, what it said, when. A live run makes another one."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import attrs

from tests.providers.claude.replay import CAPTURES

CUT = re.compile(r"(?s)(.+?)…\[(\d+) chars\]")


@attrs.frozen
class Entry:
    """A line of a capture.

    Args:
        direction: `in` to the CLI, `out` from it, `err` its stderr, `note` what was done or seen beside.
        time: seconds since it was started.
        message: the JSON; `{"_raw": text}` where a line is none.
    """

    direction: str
    time: float
    message: Any

    @property
    def kind(self) -> str:
        """What it is, without what it says: `system/init`, `assistant`, `control_request/can_use_tool`."""
        match self.message:
            case {"type": "stream_event", "event": {"type": kind}}:
                return f"stream_event/{kind}"
            case {"type": "control_request", "request": {"subtype": kind}}:
                return f"control_request/{kind}"
            case {"type": "user", "isReplay": True}:
                return "user/replay"
            case {"subtype": "session_state_changed", "state": state}:
                return f"system/{state}"
            case {"type": kind, "subtype": subtype} if kind != "result":
                return f"{kind}/{subtype}"
            case {"type": kind}:
                return str(kind)
            case _:
                return "raw"

    @property
    def line(self) -> bytes:
        """It as it was on the pipe, or stands for it: what is abridged in a capture is written out."""
        match self.message:
            case {"_raw": text}:
                return str(text).encode()
            case _:
                return json.dumps(whole(self.message)).encode() + b"\n"


@attrs.frozen
class Capture:
    entries: tuple[Entry, ...]

    @property
    def start(self) -> Mapping[str, Any]:
        """`argv`, `env_extra`, `cwd`."""
        found: Mapping[str, Any] = self.entries[0].message
        return found

    def renamed(self, rename: Callable[[str], str]) -> Capture:
        """The same with other names in all that it says."""
        renamed = (attrs.evolve(e, message=json.loads(rename(json.dumps(e.message)))) for e in self.entries)
        return Capture(tuple(renamed))

    def of(self, *directions: str) -> Iterator[Entry]:
        return (entry for entry in self.entries if entry.direction in directions)

    @property
    def seconds(self) -> float:
        return self.entries[-1].time

    @property
    def end(self) -> Mapping[str, Any] | None:
        """Its exit code; the processes that it left, where somebody looked. None if nobody waited for its end."""
        return next((entry.message for entry in self.of("note") if "exit" in entry.message), None)

    @property
    def requests(self) -> Sequence[str]:
        """The ids of what the CLI asked, in order."""
        asked = (entry for entry in self.of("out") if entry.kind.startswith("control_request"))
        return [entry.message["request_id"] for entry in asked]

    @property
    def tasks(self) -> Sequence[str]:
        """The ids of commands and subagents in the background, in order."""
        return [entry.message["task_id"] for entry in self.of("out") if entry.kind == "system/task_started"]

    def traffic(self) -> Iterator[tuple[str, bytes]]:
        """Direction and line, as the normaliser's replay takes them."""
        return ((entry.direction, entry.line) for entry in self.of("in", "out"))


@cache
def captured(name: str) -> Capture:
    loaded = (json.loads(line) for line in CAPTURES[name].read_text().splitlines())
    return Capture(tuple(Entry(entry["dir"], entry["t"], entry["msg"]) for entry in loaded))


def whole(value: Any) -> Any:
    """Long texts stand abridged in captures, their length said: `hhhh…[20000000 chars]`. Any text so long will do."""
    if isinstance(value, dict):
        return {key: whole(item) for key, item in value.items()}
    if isinstance(value, list):
        return [whole(item) for item in value]
    if isinstance(value, str) and (cut := CUT.fullmatch(value)):
        text, length = cut[1], int(cut[2])
        return (text * (length // len(text) + 1))[:length]
    return value
