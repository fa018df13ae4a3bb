from __future__ import annotations

from datetime import UTC, datetime, timedelta

from jelmored.domain.events import ErrorNote, System
from jelmored.domain.ids import ToolUseId
from jelmored.errors import ErrorKind
from jelmored.providers.claude import notes
from jelmored.providers.claude.messages import RateLimit, Retry

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def retry(delay_ms: float, status: int | None = 500, error: str = "server_error") -> Retry:
    return Retry(attempt=1, max_retries=2, retry_delay_ms=delay_ms, error_status=status, error=error)


def test_a_retry_says_what_and_when() -> None:
    draft = notes.retried(retry(1500), NOW)
    assert draft.content == "The model's server: 500 server_error; try 1 of 2 in 1.5 s"
    assert draft.metadata == ErrorNote(
        kind=ErrorKind.UNAVAILABLE, retryable=True, retry_at=NOW + timedelta(seconds=1.5)
    )
    assert "no answer" in notes.retried(retry(1, None, "unknown"), NOW).content


def test_a_delay_of_any_size_is_a_time() -> None:
    for delay in (-1, 1e300):
        assert isinstance(notes.retried(retry(delay), NOW).metadata, ErrorNote)


def test_a_quota() -> None:
    draft = notes.quota(RateLimit(status="allowed_warning", window="five_hour", utilization=0.91, resets_at=1999999999))
    assert draft.content == "91 % of the quota is used (five_hour)"
    assert isinstance(draft.metadata, System)
    assert draft.metadata.data["resetsAt"] == "2033-05-18T03:33:19.000Z"
    assert notes.quota(RateLimit(status="allowed_warning")).content == "Much of the quota is used (window unknown)"


def test_lines_that_were_too_long_are_counted() -> None:
    assert notes.line_dropped(1).content == "A line of the agent was longer than 24 MiB and could not be read"
    assert notes.line_dropped(2).metadata == System(subtype="line_dropped", data={"lines": 2})


def test_what_is_unknown_has_a_name_where_it_can() -> None:
    assert notes.unknown({"type": "system", "subtype": "new"}).content == "claude: system new"
    assert notes.unknown({"type": "new"}).content == "claude: new"
    assert notes.unknown("text").content == "claude said something unknown"


def test_a_subagents_failure_is_a_line_of_its_own() -> None:
    draft = notes.gave_up("API Error: 401", "authentication_failed", 401, ToolUseId("t1"))
    assert isinstance(draft.metadata, ErrorNote)
    assert (draft.metadata.kind, draft.metadata.retryable) == (ErrorKind.AUTH_REQUIRED, False)
    assert draft.metadata.remedy
