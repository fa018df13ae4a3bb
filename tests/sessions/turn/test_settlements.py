"""Who answers an approval too late learns who won, in a later life of the daemon too."""

from __future__ import annotations

from datetime import UTC, datetime

import attrs

from jelmored.actors.running import running
from jelmored.domain.ids import ApprovalId
from jelmored.domain.permissions import Approval, ApprovalKind, ApprovalStatus
from jelmored.errors import ErrorKind
from jelmored.journal.base import Batch
from jelmored.journal.memory import MemoryJournal
from jelmored.sessions.moving.founding import birth
from jelmored.sessions.turn.settlements import KEPT, Settlements
from jelmored.sessions.turn.settling import remembered
from tests.sessions.book import SESSION, facts

SETTLED = Approval(
    approval_id=ApprovalId("apr_1"),
    session_id=SESSION,
    turn=1,
    kind=ApprovalKind.PERMISSION,
    title="Run make",
    options=(),
    created_at=datetime(2026, 1, 1, tzinfo=UTC),
    status=ApprovalStatus.RESOLVED,
)


async def test_the_winner_is_told_now_and_from_the_journal(autojump_clock: object) -> None:
    journal = MemoryJournal()
    async with running(journal.run):
        settlements = Settlements(journal)
        settlements.note(SETTLED)
        late = await settlements.why_late(SETTLED.approval_id)
        assert (late.kind, late.data["approval"]["status"]) == (ErrorKind.ALREADY_RESOLVED, "resolved")
        assert (await Settlements(journal).why_late(SETTLED.approval_id)).kind is ErrorKind.NOT_FOUND
        await journal.append([birth(facts(), None), Batch(session_id=SESSION, keys=(remembered(SETTLED),))])
        again = await Settlements(journal).why_late(SETTLED.approval_id)
        assert (again.kind, again.data["approval"]["approvalId"]) == (ErrorKind.ALREADY_RESOLVED, "apr_1")


async def test_so_many_are_known_by_heart(autojump_clock: object) -> None:
    journal = MemoryJournal()
    async with running(journal.run):
        settlements = Settlements(journal)
        for number in range(KEPT + 1):
            settlements.note(attrs.evolve(SETTLED, approval_id=ApprovalId(f"apr_{number}")))
        assert (await settlements.why_late(ApprovalId("apr_0"))).kind is ErrorKind.NOT_FOUND
        assert (await settlements.why_late(ApprovalId(f"apr_{KEPT}"))).kind is ErrorKind.ALREADY_RESOLVED
