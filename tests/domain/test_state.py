from __future__ import annotations

from datetime import UTC, datetime

import pytest

from jelmored.domain.ids import LogId, ProviderName, SessionId
from jelmored.domain.sessions import Facts, OpenTurn
from jelmored.domain.state import SessionState
from jelmored.domain.status import IN_TURN, Status

NOW = datetime(2026, 11, 27, tzinfo=UTC)
TURN = OpenTurn(number=1, prompt_id=None, started_at=NOW)


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("turn", [None, TURN])
def test_a_turn_was_under_way_if_the_status_and_the_facts_say_so(status: Status, turn: OpenTurn | None) -> None:
    facts = Facts(
        session_id=SessionId("ses_1"),
        status=status,
        provider=ProviderName("claude"),
        cwd="/",
        directory="/",
        created_at=NOW,
        last_activity=NOW,
        log_id=LogId("log_1"),
        open_turn=turn,
    )
    assert SessionState(facts=facts).in_turn is (status in IN_TURN and turn is not None)
