"""The table of events of the protocol page (section 4), as a check of what stands in an event."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import attrs

Check = Callable[[Any], bool]


def _is(*kinds: type) -> Check:
    return lambda value: type(value) in kinds


def _one_of(*words: str) -> Check:
    return lambda value: value in words


def _each(check: Check) -> Check:
    return lambda value: isinstance(value, list) and all(map(check, value))


def _maybe(check: Check) -> Check:
    return lambda value: value is None or check(value)


@attrs.frozen
class Shape:
    """An object's members: those it has, those it may have; `open`: others are fine."""

    required: Mapping[str, Check]
    optional: Mapping[str, Check] = attrs.field(factory=dict)
    open: bool = False

    def __call__(self, value: Any) -> bool:
        return not self.faults(value)

    def faults(self, value: Any) -> list[str]:
        """What is wrong with the value, a line for each."""
        if not isinstance(value, dict):
            return [f"{value!r} is no object"]
        missing = [f"{name} is missing" for name in self.required if name not in value]
        checks = {**self.optional, **self.required}
        wrong = [f"{name} is {value[name]!r}" for name in value if name in checks and not checks[name](value[name])]
        unknown = [] if self.open else [f"{name} is not in the table" for name in value if name not in checks]
        return missing + wrong + unknown


def _is_time(value: Any) -> bool:
    """RFC 3339, UTC, milliseconds."""
    return isinstance(value, str) and bool(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", value))


TEXT, NUMBER, COUNT, FLAG, OBJECT = _is(str), _is(int, float), _is(int), _is(bool), _is(dict)
TIME = _is_time

TOOL_KIND = _one_of("read", "edit", "delete", "move", "search", "execute", "think", "fetch", "other")
OPTION_KIND = _one_of("allow_once", "allow_always", "reject_once", "reject_always")
REASON = _one_of("completed", "interrupted", "failed", "refused", "budget", "max_turns")
CAUSE = _one_of("user", "agent", "daemon_restart", "crash", "no_provider")

LOCATION = Shape({"path": TEXT}, {"line": COUNT})
DIFF = Shape({"path": TEXT, "oldText": TEXT, "newText": TEXT})
ERROR = Shape({"kind": TEXT, "retryable": FLAG}, {"remedy": TEXT, "retryAt": TIME})
BLOCK = Shape({"type": TEXT}, {"mimeType": TEXT, "bytes": COUNT, "sha256": TEXT, "path": TEXT})
AUTHOR = Shape({"connectionId": TEXT, "client": TEXT}, {"uid": COUNT})
OPTION = Shape({"optionId": TEXT, "name": TEXT, "kind": OPTION_KIND}, {"scope": TEXT})
RESOLVER = Shape({"kind": TEXT}, {"connectionId": TEXT, "client": TEXT, "uid": COUNT, "optionId": TEXT})
CHANGE = Shape({"from": TEXT, "to": TEXT})
APPROVAL = Shape(
    {
        "approvalId": TEXT,
        "sessionId": TEXT,
        "turn": _maybe(COUNT),
        "kind": _one_of("permission", "question"),
        "title": TEXT,
        "options": _each(OPTION),
        "createdAt": TIME,
        "status": _one_of("open", "resolved", "cancelled", "expired"),
    },
    {
        "toolUseId": TEXT,
        "toolName": TEXT,
        "input": OBJECT,
        "command": TEXT,
        "locations": _each(LOCATION),
        "diffs": _each(DIFF),
        "questions": _each(OBJECT),
        "expiresAt": TIME,
        "answers": OBJECT,
        "message": TEXT,
        "resolvedBy": RESOLVER,
    },
)
SAID = Shape({"itemId": TEXT}, {"model": TEXT, "parentToolUseId": TEXT, "partial": FLAG, "supersedes": _each(TEXT)})
TOKENS = dict.fromkeys(("inputTokens", "outputTokens", "cacheReadTokens", "cacheWriteTokens"), COUNT)

METADATA: Mapping[str, Shape] = {
    "user": Shape(
        {"promptId": TEXT, "disposition": _one_of("started", "queued", "steered"), "by": AUTHOR},
        {"blocks": _each(BLOCK)},
    ),
    "assistant": SAID,
    "thinking": SAID,
    "tool_use": Shape(
        {"toolUseId": TEXT, "name": TEXT, "kind": TOOL_KIND, "input": OBJECT},
        {"locations": _each(LOCATION), "parentToolUseId": TEXT},
    ),
    "tool_result": Shape({"toolUseId": TEXT, "isError": FLAG}, {"truncated": FLAG, "diffs": _each(DIFF)}),
    "error": ERROR,
    "status_change": CHANGE,
    "directory_change": CHANGE,
    "turn_started": Shape({"origin": _one_of("prompt", "agent")}, {"promptId": TEXT}),
    "turn_ended": Shape({"reason": REASON, "durationMs": COUNT}, {"cause": CAUSE, "error": ERROR}),
    "approval_requested": APPROVAL,
    "approval_resolved": APPROVAL,
    "usage": Shape({"model": TEXT, **TOKENS, "costUsd": NUMBER}, {"estimated": FLAG, "notional": FLAG}),
    "plan": Shape(
        {"entries": _each(Shape({"content": TEXT, "status": TEXT}, {"priority": TEXT}))},
    ),
    "failover": Shape(
        {
            "from": TEXT,
            "to": TEXT,
            "cause": TEXT,
            "carried": Shape({"turns": COUNT, "characters": COUNT, "truncated": FLAG}),
        },
        {"permission": CHANGE},
    ),
    "system": Shape({"subtype": TEXT}, open=True),
}

EVENT = Shape({
    "sessionId": TEXT,
    "seq": COUNT,
    "eventType": _one_of(*METADATA),
    "content": TEXT,
    "metadata": OBJECT,
    "timestamp": TIME,
    "turn": _maybe(COUNT),
    "provider": _maybe(TEXT),
})


def faults(event: Mapping[str, Any]) -> list[str]:
    """What stands in an event against the table."""
    found = EVENT.faults(event)
    if not found:
        metadata = {name: value for name, value in event["metadata"].items() if name != "nativeId"}
        found = METADATA[event["eventType"]].faults(metadata)
    return [f"{event.get('seq')} {event.get('eventType')}: {fault}" for fault in found]
