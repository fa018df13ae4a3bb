"""What a former life of the session left open, because the daemon ended or its task fell: closed as far as it came."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from jelmored.domain.events import OpenItem, TurnCause, TurnReason
from jelmored.providers.base import TurnOver
from jelmored.sessions.record.chronicle import Chronicle
from jelmored.sessions.record.learning import forget_mark
from jelmored.sessions.turn.allowance import Allowance
from jelmored.sessions.turn.approvals import Approvals
from jelmored.sessions.turn.resumption import Resumption
from jelmored.sessions.turn.turns import Turns, close_item


@attrs.frozen
class Leftovers:
    """What there is of it beside the facts.

    Args:
        items: texts that streamed.
        cause: why the turn that is open in the facts was cut.
    """

    items: Sequence[OpenItem]
    cause: TurnCause

    def close(
        self,
        chronicle: Chronicle,
        turns: Turns,
        approvals: Approvals,
        allowance: Allowance,
        resumption: Resumption,
    ) -> None:
        """Once, before anything else is done."""
        cut = chronicle.facts.open_turn
        chronicle.turn = cut.number if cut else None
        for item in self.items:
            close_item(chronicle, item, "cut")
        approvals.cancel()  # also those of an agent that asked outside of any turn
        if cut is None:
            return
        forget_mark(chronicle)
        over = allowance.closed(TurnOver(reason=TurnReason.INTERRUPTED))
        cause = TurnCause.USER if cut.interrupted else self.cause
        if cause is TurnCause.DAEMON_RESTART:
            resumption.cut_by_death(after=cut.after)
        elif not cut.interrupted:
            chronicle.know(held=True)
        turns.close_cut(over, cause)
