"""A session watched: its output is told as it comes, approvals are answered, keys and signals obeyed."""

from __future__ import annotations

import signal
from contextlib import suppress

import trio

from jelmored.domain.events import Event, System, ToolUse, TurnCause, TurnEnded, TurnReason, TurnStarted
from jelmored.domain.ids import ApprovalId, ToolUseId
from jelmored.domain.permissions import Approval, ApprovalStatus, OptionKind, ToolKind
from jelmored.domain.status import IN_TURN
from jelmored.wire.messages import CaughtUp

from .acting import Acting
from .answering import Answering, Verdict
from .attending import Person
from .endings import Until
from .errors import ClientError
from .exits import Exit
from .groups import alone
from .outputs import ConnectionLost, Output
from .session import Session
from .stream import After
from .terminal.desk import Decide
from .terminal.keys import Key
from .terminal.labels import short
from .terminal.questions import option_of
from .terminal.voices import Voice

CHOICES = {
    Key.YES: OptionKind.ALLOW_ONCE,
    Key.ALWAYS: OptionKind.ALLOW_ALWAYS,
    Key.NO: OptionKind.REJECT_ONCE,
}
ENDS = {TurnReason.COMPLETED: Exit.OK, TurnReason.INTERRUPTED: Exit.INTERRUPTED}


class Watch:
    """One session, watched by one person or program.

    Args:
        voice: tells it.
        acting: carries out what is wished.
        after: where to begin, see `Session.stream_output`.
        until: says when it is enough.
        answering: answers approvals; None to leave them to others.
        person: whoever is at the terminal, if there is one and somebody.
    """

    def __init__(
        self,
        session: Session,
        voice: Voice,
        acting: Acting,
        *,
        after: After | None,
        until: Until,
        answering: Answering | None,
        person: Person | None,
    ) -> None:
        self._session = session
        self._stream = session.stream_output(after)
        self._voice = voice
        self._acting = acting
        self._until = until
        self._answering = answering
        self._person = person
        self._scope = trio.CancelScope()
        self._live = False
        self._turn: int | None = None
        self._since: float | None = None
        self._stopping = False
        self._open: dict[ApprovalId, Approval] = {}
        self._kinds: dict[ToolUseId, ToolKind] = {}
        self._exit = Exit.OK
        self._unasked = False

    async def run(self) -> Exit:
        """Until it is enough."""
        with alone(), self._scope:
            async with trio.open_nursery() as nursery:
                await nursery.start(self._hear_signals, nursery)
                if self._person is not None:
                    await nursery.start(self._person.run, self)
                self._voice.head()
                await self._follow()
                nursery.cancel_scope.cancel()
        return Exit.NO_TERMINAL if self._unasked else self._exit

    async def _follow(self) -> None:
        async for output in self._stream:
            self._voice.tell(output)
            await self._take(output)
            if self._until(output):
                return

    async def _take(self, output: Output) -> None:
        match output:
            case ConnectionLost():
                self._live = False
            case CaughtUp(approvals=approvals):
                await self._caught_up(approvals)
            case Event(metadata=Approval() as approval):
                self._note(approval)
                await self._settle()
            case Event(metadata=ToolUse(tool_use_id=tool, kind=kind)):
                self._kinds[tool] = kind
            case Event(metadata=TurnStarted()):
                self._began(output)
            case Event(metadata=System(subtype="prompt_dropped")):
                self._exit = Exit.INTERRUPTED
            case Event(metadata=TurnEnded() as ended):
                self._ended(ended)

    def _began(self, event: Event) -> None:
        self._turn, self._stopping = event.turn, False
        self._since = trio.current_time()
        self._voice.turn(self._since)

    def _ended(self, ended: TurnEnded) -> None:
        if self._live and ended.cause is TurnCause.USER and not self._stopping:
            self._voice.aside("another client stopped the turn")
        self._exit = ENDS.get(ended.reason, Exit.TURN_FAILED)
        self._turn = self._since = None
        self._open.clear()
        self._kinds.clear()
        self._voice.asks(())
        self._voice.turn(None)

    async def _caught_up(self, approvals: tuple[Approval, ...]) -> None:
        """What came before was history; from here on it counts."""
        view = await self._session.refresh()
        self._turn = view.turn if view.status in IN_TURN else None
        self._since = None if self._turn is None else self._since or trio.current_time()
        self._live, self._exit = True, Exit.OK
        self._open = {approval.approval_id: approval for approval in approvals}
        self._voice.turn(self._since)
        if self._person is not None:
            self._voice.waiting(await self._session.queue())
        await self._settle()

    # Approvals

    def _note(self, approval: Approval) -> None:
        if approval.status is ApprovalStatus.OPEN:
            self._open[approval.approval_id] = approval
        else:
            self._open.pop(approval.approval_id, None)

    async def _settle(self) -> None:
        """Answer what needs no person, then ask for the oldest of the rest. What is only replayed is left alone."""
        if self._answering is None or not self._live:
            return
        for approval in tuple(self._open.values()):
            if verdict := self._answering.verdict(approval, self._kinds):
                await self._answer_for(approval, verdict)
        self._voice.asks(tuple(self._open.values()))

    async def _answer_for(self, approval: Approval, verdict: Verdict) -> None:
        self._unasked = self._unasked or verdict.unasked
        self._voice.answered(verdict.words)
        option = option_of(approval, verdict.kind)
        option_id = None if option is None else option.option_id
        await self.settled(Decide(approval=approval, option_id=option_id, message=verdict.message))

    async def settled(self, decision: Decide) -> None:
        """This is our answer; the next approval is asked for. What is still open after a refusal is asked again."""
        self._open.pop(decision.approval.approval_id, None)
        self._voice.asks(tuple(self._open.values()))
        if not await self._acting.decide(decision) and self._person is not None:
            with suppress(ClientError):
                self._open = {approval.approval_id: approval for approval in await self._session.approvals()}
                self._voice.asks(tuple(self._open.values()))

    # The turn, and the end

    async def stop(self) -> None:
        """The turn is to end, if one runs."""
        if self._turn is not None:
            self._stopping = True
            await self._acting.interrupt(self._turn)

    def leave(self) -> None:
        """Enough is seen; the turn goes on."""
        goes_on = "; the turn goes on" if self._turn is not None else ""
        name = self._session.view.name or short(self._session.id)
        self._voice.aside(f"detached{goes_on}: `jelmore attach {name}` comes back to it")
        self._exit = Exit.OK
        self._scope.cancel()

    async def _hear_signals(self, nursery: trio.Nursery, *, task_status: trio.TaskStatus[None]) -> None:
        """Ctrl-C, and being told to go."""
        with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM, signal.SIGHUP) as signals:
            task_status.started()
            async for number in signals:
                if number != signal.SIGINT:
                    self.leave()
                elif self._person is None or not self._person.clear():
                    self._break(nursery)

    def _break(self, nursery: trio.Nursery) -> None:
        """Ctrl-C: the turn is to end, or else the watching."""
        if self._turn is not None and not self._stopping:
            self._stopping = True
            nursery.start_soon(self.stop)
        else:
            self.leave()
