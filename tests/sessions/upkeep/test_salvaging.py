from __future__ import annotations

from datetime import UTC, datetime

import attrs
import orjson

from jelmored.domain.ids import LogId, ProviderName, SessionId
from jelmored.domain.sessions import Facts
from jelmored.journal.base import StoredSession
from jelmored.sessions.upkeep.salvaging import retold
from jelmored.wire import codec
from tests import event_fields

NOW = datetime(2026, 11, 27, tzinfo=UTC)
CLAUDE = ProviderName("claude")
FACTS = Facts(
    session_id=SessionId("ses_1"),
    provider=CLAUDE,
    cwd="/",
    directory="/",
    created_at=NOW,
    last_activity=NOW,
    log_id=LogId("log_1"),
    seq=90,
    turn=4,
    heard={CLAUDE: 88},
    behind=70,
)


def test_a_whole_log_stays_the_same_log_and_tells_of_it() -> None:
    told = retold(StoredSession(session_id=FACTS.session_id, seq=90, facts=codec.encode(FACTS)), True)
    assert told is not None
    facts, entry = codec.decode(told[0], Facts), orjson.loads(told[1].body)
    assert (facts.log_id, facts.seq, facts.heard) == (FACTS.log_id, 91, FACTS.heard)
    assert attrs.evolve(facts, seq=90, last_activity=NOW) == FACTS
    assert (told[1].seq, told[1].event_type) == (91, "system")
    assert entry["metadata"] == {"subtype": "salvaged", "complete": True}
    assert event_fields.faults(entry) == []


def test_a_log_without_its_end_is_another_log_and_claims_nothing_of_what_it_lost() -> None:
    told = retold(StoredSession(session_id=FACTS.session_id, seq=50, facts=codec.encode(FACTS)), False)
    assert told is not None
    facts = codec.decode(told[0], Facts)
    assert facts.log_id != FACTS.log_id
    assert (facts.seq, facts.heard, facts.behind, facts.turn) == (51, {CLAUDE: 50}, 50, 4)
    assert orjson.loads(told[1].body)["metadata"]["complete"] is False


def test_facts_that_can_not_be_read_are_no_session() -> None:
    assert retold(StoredSession(session_id=FACTS.session_id, seq=50, facts=b"{"), True) is None
