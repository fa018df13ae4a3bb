"""The round of `jelmore next`: every open approval of all sessions, one after the other, until none is left."""

from __future__ import annotations

import termios
from collections.abc import Sequence

from jelmored.domain.ids import ApprovalId
from jelmored.domain.permissions import Approval

from .asking import Aside, Asking
from .client import Client
from .errors import RpcError
from .terminal.desk import Decide
from .terminal.keyboard import Keyboard, one_by_one
from .terminal.painter import Painter
from .terminal.questions import BAR, settled
from .terminal.screen import Region, Screen
from .terminal.spans import Look, Row, Span


class Round:
    """At a terminal that `moves`.

    Args:
        keyboard: the descriptor of the terminal whose keys count.
        home: the user's home directory.
    """

    def __init__(self, client: Client, painter: Painter, keyboard: int, home: str) -> None:
        self._client = client
        self._screen = Screen(painter)
        self._keyboard = keyboard
        self._home = home
        self._later: set[ApprovalId] = set()

    async def run(self, approvals: Sequence[Approval]) -> int:
        """Until each is answered or put off, or enough is seen; how many are open still."""
        with one_by_one(self._keyboard):
            keyboard = Keyboard(self._keyboard)
            try:
                await self._go(approvals, keyboard)
            finally:
                self._screen.close()
        return len(await self._client.approvals())

    async def _go(self, approvals: Sequence[Approval], keyboard: Keyboard) -> None:
        went: Decide | Aside = Aside.LATER
        while went is not Aside.LEFT and (left := self._left(approvals)):
            went = await self._ask(left[0], len(left) - 1, keyboard)
            approvals = await self._client.approvals()

    def _left(self, approvals: Sequence[Approval]) -> list[Approval]:
        return [approval for approval in approvals if approval.approval_id not in self._later]

    async def _ask(self, approval: Approval, further: int, keyboard: Keyboard) -> Decide | Aside:
        session = await self._client.session(approval.session_id)
        asking = Asking(session, approval, self._screen, self._home, further)
        termios.tcflush(self._keyboard, termios.TCIFLUSH)  # what was pressed before it is to be seen is no answer to it
        went = await asking.run(keyboard)
        if isinstance(went, Decide):
            self._screen.show([await self._decided(went)], Region())
        elif went is Aside.LATER:
            self._later.add(approval.approval_id)
            self._screen.show([(Span(BAR, Look.ASKS), Span("– later", Look.DIM))], Region())
        return went

    async def _decided(self, decision: Decide) -> Row:
        """What came of it, in a row."""
        words = [word for chosen in (decision.answers or {}).values() for word in chosen]
        said = ", ".join(words) or decision.message
        try:
            resolved = await self._client.resolve(
                decision.approval.approval_id,
                decision.option_id,
                answers=decision.answers,
                cancelled=decision.option_id is None and decision.answers is None,
                message=decision.message,
                updated_input=decision.updated_input,
            )
        except RpcError as refused:
            return (Span(str(refused), Look.BAD),)
        return settled(resolved, None, said, self._screen.size.columns)
