from __future__ import annotations

from datetime import UTC, datetime

from jelmored.domain.events import Draft, EventType, System
from jelmored.domain.ids import ProviderName, SessionId


def test_a_draft_gets_its_place_and_says_what_it_said() -> None:
    draft = Draft(EventType.SYSTEM, "a line", System(subtype="told", data={"by": "me"}))
    now, claude = datetime(2026, 11, 27, tzinfo=UTC), ProviderName("claude")
    event = draft.at(SessionId("ses_1"), 7, turn=2, provider=claude, timestamp=now)
    assert (event.session_id, event.seq, event.turn, event.provider, event.timestamp) == ("ses_1", 7, 2, claude, now)
    assert (event.event_type, event.content, event.metadata) == (draft.event_type, draft.content, draft.metadata)
