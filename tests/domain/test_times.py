from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jelmored.domain.times import from_rfc3339, to_rfc3339, utc_now

moments = st.datetimes(
    min_value=datetime(1970, 1, 2),
    max_value=datetime(9999, 12, 30),
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30)), timezone(timedelta(hours=-11))]),
)


@given(moments)
def test_there_and_back_to_the_millisecond(moment: datetime) -> None:
    text = to_rfc3339(moment)
    assert text.endswith("Z")
    assert len(text) == len("2026-11-23T00:56:01.250Z")
    assert timedelta(0) <= moment - from_rfc3339(text) < timedelta(milliseconds=1)


def test_now_survives_the_wire() -> None:
    now = utc_now()
    assert from_rfc3339(to_rfc3339(now)) == now
    assert abs(now - datetime.now(UTC)) < timedelta(seconds=5)


def test_another_offset_is_the_same_moment() -> None:
    assert from_rfc3339("2026-11-23T02:56:01.250+02:00") == datetime(2026, 11, 23, 0, 56, 1, 250_000, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "yesterday", "2026-11-23T00:56:01.250", "2026-13-01T00:00:00Z"])
def test_what_names_no_moment_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        from_rfc3339(text)
