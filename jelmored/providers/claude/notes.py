"""Messages that only inform: each becomes one event with a line for a person."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from jelmored.domain.events import Draft, ErrorNote, EventType, System
from jelmored.domain.ids import ToolUseId
from jelmored.domain.models import QuotaWindow
from jelmored.domain.times import to_rfc3339
from jelmored.providers.bounds import bounded_raw, cut, one_line
from jelmored.wire.lines import MAX_LINE

from . import failures
from .messages import Compacted, ModelFallback, RateLimit, Retry

MAX_DELAY = 86_400.0  # s
MAX_ERROR = 4096  # bytes


def retried(retry: Retry, now: datetime) -> Draft:
    """The agent tries again by itself."""
    seconds = min(max(retry.retry_delay_ms / 1000, 0), MAX_DELAY)
    tries = f"try {retry.attempt} of {retry.max_retries} in {seconds:.1f} s"
    words = f"The model's server: {_what(retry)}; {tries}"
    kind = failures.kind_of(retry.error, retry.error_status)
    return Draft(
        EventType.ERROR, words, ErrorNote(kind=kind, retryable=True, retry_at=now + timedelta(seconds=seconds))
    )


def gave_up(words: str, error: str, status: int | None, parent: ToolUseId) -> Draft:
    """A subagent's request failed for good; the turn may go on without it."""
    kind = failures.kind_of(error, status)
    remedy = failures.REMEDIES.get(kind)
    note = ErrorNote(kind=kind, retryable=False, remedy=remedy, parent_tool_use_id=parent)
    return Draft(EventType.ERROR, words, note)


def quota(limit: RateLimit) -> Draft:
    """A subscription's window is nearly used up."""
    window = quota_window(limit)
    used, resets = window.used_percent, window.resets_at
    data = {"window": limit.window, "usedPercent": used, "resetsAt": to_rfc3339(resets) if resets else None}
    words = f"{'Much' if used is None else f'{used:g} %'} of the quota is used ({limit.window or 'window unknown'})"
    return _system("quota", words, **data)


def quota_window(limit: RateLimit) -> QuotaWindow:
    """How full it is; one that rejects is full."""
    used = 1.0 if limit.utilization is None and limit.status == "rejected" else limit.utilization
    return QuotaWindow(
        window=limit.window or "unknown",
        used_percent=None if used is None else round(100 * used, 1),
        resets_at=failures.reset_time(limit),
    )


def cleared(former: str, now: str) -> Draft:
    """The agent has begun a new conversation of its own: what was before is in the former one."""
    return _system("cleared", "The agent has forgotten the conversation so far", **{"from": former, "to": now})


def server_failed(name: str, error: str) -> Draft:
    words = f"The MCP server {name} can't be used: {one_line(error)}"
    return _system("mcp_server_failed", words, name=name, error=cut(error, MAX_ERROR)[0])


def not_known(what: str, error: str) -> Draft:
    """Another version of the agent, which can do less."""
    return _system("not_supported", f"This agent can't be told {what}: {one_line(error)}", what=what, error=error)


def compacted(message: Compacted) -> Draft:
    about = message.compact_metadata
    words = f"The conversation was compacted: {about.pre_tokens} tokens became {about.post_tokens}"
    return _system("compacted", words, trigger=about.trigger, preTokens=about.pre_tokens, postTokens=about.post_tokens)


def fell_back(message: ModelFallback) -> Draft:
    words = message.content or f"{message.original_model} → {message.fallback_model}"
    return _system("model_fallback", words, **{"from": message.original_model, "to": message.fallback_model})


def unknown(raw: Any) -> Draft:
    """Kept as it came: nothing that an agent says is lost."""
    match raw:
        case {"type": str(kind), "subtype": str(subtype)}:
            words = f"claude: {kind} {subtype}"
        case {"type": str(kind)}:
            words = f"claude: {kind}"
        case _:
            words = "claude said something unknown"
    return Draft(EventType.SYSTEM, words[:200], System(subtype="unknown", raw=bounded_raw(raw)))


def line_dropped(lines: int) -> Draft:
    """What they said is gone, but not that they said something."""
    what = "A line of the agent was" if lines == 1 else f"{lines} lines of the agent were"
    return _system("line_dropped", f"{what} longer than {MAX_LINE >> 20} MiB and could not be read", lines=lines)


def unreadable(size: int) -> Draft:
    """In claude's record of a past conversation."""
    return _system("line_dropped", f"A line of {size} bytes in claude's own record could not be read", bytes=size)


def _system(subtype: str, words: str, **data: Any) -> Draft:
    return Draft(EventType.SYSTEM, words, System(subtype=subtype, data=data))


def _what(retry: Retry) -> str:
    if retry.error_status is not None:
        return f"{retry.error_status} {retry.error}"
    return "no answer" if retry.error == "unknown" else retry.error
