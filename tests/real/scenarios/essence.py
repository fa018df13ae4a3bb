"""What of a transcript must be the same whenever it is made: the messages and the run events that come of them, without
ids, times and the like."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from jelmored.providers.base import Delta, RunEvent, RunFacts
from tests.providers.claude.replay import run_events
from tests.providers.goldens import readable

from .capture import Capture, Entry

VOLATILE = frozenset({
    *("uuid", "session_id", "request_id", "parent_message_uuid", "timestamp", "end_time", "pid", "hook_id"),
    *("duration_ms", "duration_api_ms", "ttft_ms", "ttft_stream_ms", "time_to_request_ms"),
    *("totalDurationMs", "durationMs", "total_api_duration_ms", "total_duration_ms"),
    *("estimated_tokens", "estimated_tokens_delta"),
    *("claude_code_version", "version", "buildTime", "native_id", "resets_at", "retry_at"),
    *("commands", "slash_commands", "agents", "skills", "description"),  # some captures have them abridged
    *("supportsEffort", "supportedEffortLevels", "supportsAdaptiveThinking", "supportsFastMode", "supportsAutoMode"),
    *("signature", "post_tokens", "postTokens"),
    *("originalSize",),  # of noise
    *("tokens", "totalTokens", "percentage", "gridRows"),  # as counted by a server that counts nothing
    *("usage",),  # per turn and model in `modelUsage`
})
LONG = 180  # characters: the captures have at least that of a long text
SHOWN = 130  # of those: what varies takes the rest
RUN = re.compile(r"([a-z])\1\1+")
ABRIDGED = re.compile(r"…\[\d+ chars\]$")

RANDOM = (
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "UUID"),
    (re.compile(r"\buuid-\d+\b"), "UUID"),  # what the replay calls a message without a name
    (re.compile(r"\b\d+(\.\d+)?\s?(ms|s)\b"), "0s"),
    (re.compile(r"(?<=/claude-)\d+(?=/)"), "UID"),
    (re.compile(r"(?<=duration_ms: )\d+"), "0"),
    (re.compile(r"(?<=plans/)[a-z-]+(?=\.md)"), "NAME"),
)
NUMBERED = (re.compile(r"\bmsg_\w+"), re.compile(r"\btoolu_\w+"), re.compile(r"\b(?:b[a-z0-9]{8}|a[0-9a-f]{16})\b"))
"""Ids that tie lines together: the first is 1, and so on. The last are those of tasks."""
MANY = ("stream_event/content_block_delta", "system/thinking_tokens")
NOISE = re.compile(r"\s*$|\s+at |\s*\^|\(bundled|\s*\d+ \|")  # a stack trace, and the source that is printed with it
SOURCE = re.compile(r": (?=\(source|\d+ \|)")


class Plain:
    """Of one transcript: ids are numbered as they come."""

    def __init__(self, capture: Capture, varies: Iterable[str] = ()) -> None:
        self._capture = capture
        self._random = (*RANDOM, *((re.compile(pattern), "…") for pattern in varies))
        self._numbers: dict[str, dict[str, str]] = {}

    def messages(self) -> list[str]:
        """What the CLI said, without the model's streams: those go on while the CLI says other things."""
        return [self._json(entry.message) for entry in self._capture.of("out") if not _streamed(entry)]

    def streams(self) -> list[str]:
        """The events of the model's streams; of a row of deltas, one."""
        return list(_once(self._streamed(entry) for entry in self._capture.of("out") if _streamed(entry)))

    def events(self) -> list[str]:
        """What the normaliser makes of it, without what streams tell."""
        apart = (Delta, RunFacts)
        return [self._json(readable(event)) for event in self._run_events() if not isinstance(event, apart)]

    def facts(self) -> list[str]:
        """What the agent says of itself: some of it comes with streams."""
        return [self._json(readable(event)) for event in self._run_events() if isinstance(event, RunFacts)]

    def deltas(self) -> list[str]:
        """The items that have any."""
        items = (f"{event.kind} of {event.item_id}" for event in self._run_events() if isinstance(event, Delta))
        return [self._text(item) for item in dict.fromkeys(items)]

    def complaints(self) -> set[str]:
        """What stands on stderr, without the bundle's own source."""
        texts = (str(entry.message.get("_raw", "")).rstrip() for entry in self._capture.of("err"))
        return {self._text(SOURCE.split(text)[0]) for text in texts if not NOISE.match(text)}

    def _streamed(self, entry: Entry) -> str:
        return entry.kind if entry.kind in MANY else self._json(entry.message)

    def _run_events(self) -> Sequence[RunEvent]:
        return run_events(self._capture.traffic())

    def _json(self, value: Any) -> str:
        return json.dumps(self._value(value), ensure_ascii=False)

    def _field(self, key: str, value: Any) -> Any:
        return _doublings(value) if key == "retry_delay_ms" else self._value(value)

    def _value(self, value: Any) -> Any:
        match value:
            case dict():
                return {key: self._field(key, value[key]) for key in sorted(value) if key not in VOLATILE}
            case list():
                return [self._value(item) for item in value]
            case str():
                return self._text(value)
            case float():
                return round(value, 6)
            case _:
                return value

    def _text(self, text: str) -> str:
        """A short one may be all that had come of a stream; of a long one, the captures have only the beginning."""
        if len(text) <= LONG:
            return RUN.sub(r"\1…", self._fixed(text))
        return self._fixed(ABRIDGED.sub("", text)[:LONG])[:SHOWN] + "…"

    def _fixed(self, text: str) -> str:
        for pattern in NUMBERED:
            text = pattern.sub(self._number, text)
        for pattern, instead in self._random:
            text = pattern.sub(instead, text)
        return text

    def _number(self, found: re.Match[str]) -> str:
        kind = found[0].partition("_")[0] if "_" in found[0] else "task"
        known = self._numbers.setdefault(kind, {})
        return known.setdefault(found[0], f"{kind}-{len(known) + 1}")


def _doublings(milliseconds: float) -> str:
    """A back-off begins with half a second, doubles, and has a quarter more by chance."""
    return f"0.5 s doubled {math.floor(math.log2(milliseconds / 500))} times"


def _streamed(entry: Entry) -> bool:
    return entry.kind.startswith("stream_event") or entry.kind in MANY


def _once(lines: Iterable[str]) -> Iterator[str]:
    """Deltas come in any number: of a row of them, each kind once."""
    row: set[str] = set()
    for line in lines:
        if line in MANY:
            row.add(line)
            continue
        yield from sorted(row)
        row.clear()
        yield line
    yield from sorted(row)
