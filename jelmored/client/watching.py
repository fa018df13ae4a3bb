"""A session watched: its output is told as it comes, approvals are answered, keys and signals obeyed."""

from __future__ import annotations

import trio

from jelmored.domain.events import Event, System, ToolUse, TurnEnded, TurnReason, TurnStarted
from jelmored.domain.ids import ApprovalId, ToolUseId
from jelmored.domain.permissions import Approval, ApprovalStatus, OptionKind, ToolKind
from jelmored.domain.status import IN_TURN
from jelmored.wire.messages import CaughtUp

from .answering import Answering, Verdict
from .client import Client
from .endings import Until
from .errors import ClientError
from .exits import Exit
from .groups import alone
from .outputs import ConnectionLost, Output
from .session import Session
from .stream import After
from .terminal import keys
from .terminal.keys import Key
from .terminal.labels import short
from .terminal.questions import option_of
from .terminal.voices import Voice

PULSE_SECONDS = 0.1
CHOICES = {
    Key.YES: OptionKind.ALLOW_ONCE,
    Key.ALWAYS: OptionKind.ALLOW_ALWAYS,
    Key.NO: OptionKind.REJECT_ONCE,
}
ENDS = {TurnReason.COMPLETED: Exit.OK, TurnReason.INTERRUPTED: Exit.INTERRUPTED}


class Watch:
    """One session, watched by one person or program.

    Args:
        client: answers its approvals.
        voice: tells it.
        after: where to begin, see `Session.stream_output`.
        until: says when it is enough.
        answering: answers approvals; None to leave them to others.
        keyboard: the terminal whose keys count, None for none.
    """

    def __init__(
        self,
        client: Client,
        session: Session,
        voice: Voice,
        *,
        after: After | None,
        until: Until,
        answering: Answering | None,
        keyboard: int | None,
    ) -> None:
        self._client = client
        self._session = session
        self._stream = session.stream_output(after)
        self._voice = voice
        self._until = until
        self._answering = answering
        self._keyboard = keyboard
        self._live = False
        self._turn: int | None = None
        self._since = 0.0
        self._stopping = False
        self._open: dict[ApprovalId, Approval] = {}
        self._asked: ApprovalId | None = None
        self._kinds: dict[ToolUseId, ToolKind] = {}
        self._exit = Exit.OK
        self._unasked = False

    async def run(self) -> Exit:
        """Until it is enough."""
        with alone():
            async with trio.open_nursery() as nursery:
                pressed, presses = trio.open_memory_channel[Key](16)
                await nursery.start(keys.listen_to_signals, pressed)
                if self._keyboard is not None:
                    await nursery.start(keys.listen, self._keyboard, pressed)
                    nursery.start_soon(self._pulse)
                nursery.start_soon(self._obey, presses, nursery.cancel_scope)
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
                self._turn, self._since, self._stopping = output.turn, trio.current_time(), False
            case Event(metadata=System(subtype="prompt_dropped")):
                self._exit = Exit.INTERRUPTED
            case Event(metadata=TurnEnded(reason=reason)):
                self._exit = ENDS.get(reason, Exit.TURN_FAILED)
                self._turn = None
                self._open.clear()
                self._kinds.clear()

    async def _caught_up(self, approvals: tuple[Approval, ...]) -> None:
        """What came before was history; from here on it counts."""
        view = await self._session.refresh()
        self._turn = view.turn if view.status in IN_TURN else None
        self._live, self._exit = True, Exit.OK
        self._open = {approval.approval_id: approval for approval in approvals}
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
        oldest = next(iter(self._open.values()), None)
        if oldest is not None and oldest.approval_id != self._asked:
            self._asked = oldest.approval_id
            self._voice.ask(oldest)

    async def _answer_for(self, approval: Approval, verdict: Verdict) -> None:
        self._unasked = self._unasked or verdict.unasked
        self._voice.answered(verdict.words)
        await self._resolve(approval, verdict.kind, verdict.message)

    async def _resolve(self, approval: Approval, kind: OptionKind, message: str | None = None) -> None:
        self._open.pop(approval.approval_id, None)
        option = option_of(approval, kind)
        try:
            await self._client.resolve(
                approval.approval_id,
                None if option is None else option.option_id,
                cancelled=option is None,
                message=message,
            )
        except ClientError as error:  # somebody was faster, or the turn is over: the stream tells
            self._voice.aside(str(error))

    # Keys

    async def _obey(self, presses: trio.MemoryReceiveChannel[Key], scope: trio.CancelScope) -> None:
        async for key in presses:
            match key:
                case Key.YES | Key.ALWAYS | Key.NO:
                    await self._choose(CHOICES[key])
                case Key.STOP if self._turn is not None:
                    await self._stop()
                case Key.BREAK if self._turn is not None and not self._stopping:
                    await self._stop()
                case Key.BREAK | Key.DETACH:
                    self._leave(scope)

    async def _choose(self, kind: OptionKind) -> None:
        approval = None if self._asked is None else self._open.get(self._asked)
        if approval is not None and option_of(approval, kind):
            await self._resolve(approval, kind)
            await self._settle()

    async def _stop(self) -> None:
        self._stopping = True
        self._voice.aside("stopping the turn …")
        try:
            await self._session.interrupt(expected_turn=self._turn)
        except ClientError as error:
            self._voice.aside(str(error))

    def _leave(self, scope: trio.CancelScope) -> None:
        goes_on = "; the turn goes on" if self._turn is not None else ""
        name = self._session.view.name or short(self._session.id)
        self._voice.aside(f"detached{goes_on}: `jelmore attach {name}` comes back to it")
        self._exit = Exit.OK
        scope.cancel()

    async def _pulse(self) -> None:
        tick = 0
        while True:
            await trio.sleep(PULSE_SECONDS)
            tick += 1
            if self._turn is not None and self._live and not self._open:
                self._voice.pulse(tick, trio.current_time() - self._since)
