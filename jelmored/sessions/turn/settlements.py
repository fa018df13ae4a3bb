"""Approvals that were settled, so that who answers too late learns who won."""

from __future__ import annotations

from collections import OrderedDict

from jelmored.domain.ids import ApprovalId
from jelmored.domain.permissions import Approval
from jelmored.errors import ErrorKind, Refused
from jelmored.journal.base import Journal
from jelmored.wire import codec

from .settling import settlement_key

KEPT = 10_000  # the latest; older ones are in the journal, for as long as requestKeys


class Settlements:
    """Of all sessions of the daemon."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._settled: OrderedDict[ApprovalId, Approval] = OrderedDict()

    def note(self, approval: Approval) -> None:
        """It is open no more."""
        self._settled[approval.approval_id] = approval
        if len(self._settled) > KEPT:
            self._settled.popitem(last=False)

    async def why_late(self, approval_id: ApprovalId) -> Refused:
        """What somebody is told who answers one that is not open: the winner, or that there is no such approval."""
        winner = self._settled.get(approval_id)
        if winner is None and (kept := await self._journal.key(None, settlement_key(approval_id))) is not None:
            winner = codec.decode(kept.answer, Approval)
        if winner is None:
            return Refused(ErrorKind.NOT_FOUND, f"there is no approval {approval_id}", field="approvalId")
        return Refused(
            ErrorKind.ALREADY_RESOLVED,
            f"the approval is {winner.status} already",
            data={"approval": codec.to_json(winner)},
        )
