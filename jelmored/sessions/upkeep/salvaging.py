"""What a session that was read out of a damaged journal is told to its clients as."""

from __future__ import annotations

import attrs

from jelmored.domain.events import Draft, EventType, System
from jelmored.domain.ids import new_log_id
from jelmored.domain.sessions import Facts
from jelmored.domain.times import utc_now
from jelmored.journal.base import Entry, StoredSession
from jelmored.wire import codec

WHOLE = "The journal was damaged. All of this session could be read."
CUT = "The journal was damaged. What came after this point could not be read; the agent itself may still know it."


def retold(stored: StoredSession, complete: bool) -> tuple[bytes, Entry] | None:
    """Its facts from now on, and the event that tells of it; None if its facts can't be read. A log that has lost its
    end is another log: clients that know more of it begin anew."""
    try:
        facts = codec.decode(stored.facts, Facts)
    except codec.InvalidValue:
        return None
    now, seq = utc_now(), stored.seq + 1
    note = Draft(EventType.SYSTEM, WHOLE if complete else CUT, System(subtype="salvaged", data={"complete": complete}))
    event = note.at(stored.session_id, seq, turn=None, provider=facts.provider, timestamp=now)
    if not complete:
        facts = attrs.evolve(
            facts,
            log_id=new_log_id(),
            heard={name: min(heard, stored.seq) for name, heard in facts.heard.items()},
            behind=None if facts.behind is None else min(facts.behind, stored.seq),
        )
    facts = attrs.evolve(facts, seq=seq, last_activity=now)
    return codec.encode(facts), Entry(seq, event.event_type, codec.encode(event))
