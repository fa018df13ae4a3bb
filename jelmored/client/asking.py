"""One approval put to a person at a terminal, until they answer it, put it off, or somebody else was faster."""

from __future__ import annotations

import enum
import signal
from contextlib import aclosing

import trio

from jelmored.domain.commands import WhenBusy
from jelmored.domain.events import Event
from jelmored.domain.permissions import Approval, ApprovalStatus
from jelmored.wire.messages import CaughtUp

from .errors import ClientError
from .session import Session
from .terminal.desk import HELP, Decide, Desk, Do, Remark, Say, ShowAll, Wish
from .terminal.flow import Flow
from .terminal.keyboard import Keyboard, Press, Stroke
from .terminal.labels import homely, label
from .terminal.questions import whole
from .terminal.screen import Region, Screen
from .terminal.spans import Look, Row, Span
from .terminal.wrapping import clip

INPUT_ROWS = 6


class Aside(enum.Enum):
    """What became of it without an answer of ours."""

    LATER = enum.auto()
    SETTLED = enum.auto()
    """Somebody else was faster, or its turn is over."""
    LEFT = enum.auto()


class Asking:
    """Args:
    session: the one that asks.
    further: so many approvals come after this one.
    """

    def __init__(self, session: Session, approval: Approval, screen: Screen, home: str, further: int) -> None:
        self._session = session
        self._approval = approval
        self._screen = screen
        self._home = home
        self._further = further
        self._desk = Desk(home, stays=False, escape=None)
        self._desk.asks((approval,))
        self._went: Decide | Aside | None = None

    async def run(self, keyboard: Keyboard) -> Decide | Aside:
        """Key by key."""
        self._show([self._head()])
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._hear, nursery.cancel_scope)
            nursery.start_soon(self._hear_signals, nursery.cancel_scope)
            while self._went is None:
                for press in await keyboard.presses():
                    await self._press(press)
                self._draw()
            nursery.cancel_scope.cancel()
        self._show([], Region())
        return self._went or Aside.LEFT

    # What happens

    async def _press(self, press: Press) -> None:
        if self._went is not None:
            return
        if press.stroke is Stroke.ESCAPE and self._desk.typed is None:
            self._went = Aside.LATER
        elif wish := self._desk.press(press):
            await self._fulfil(wish)

    async def _fulfil(self, wish: Wish) -> None:
        match wish:
            case Decide():
                self._went = wish
            case Do.LEAVE:
                self._went = Aside.LEFT
            case Say(text=text, steer=steer):
                await self._say(text, WhenBusy.STEER if steer else WhenBusy.QUEUE)
            case ShowAll(approval=approval):
                self._show(self._rows(whole(approval, self._home)))
            case Do.HELP:
                self._show(self._rows([Span(HELP, Look.DIM)]))
            case Remark(words=words):
                self._show([(Span(words, Look.DIM),)])

    async def _say(self, text: str, when_busy: WhenBusy) -> None:
        try:
            receipt = await self._session.prompt(text, when_busy=when_busy)
        except ClientError as error:
            self._desk.refill(text)
            self._show([(Span(str(error), Look.BAD),)])
        else:
            self._show([(Span(f"{receipt.disposition}: {text}", Look.DIM),)])

    async def _hear(self, scope: trio.CancelScope) -> None:
        """It is settled when the session's log says so."""
        async with aclosing(self._session.stream_output("now")) as stream:
            async for output in stream:
                match output:
                    case CaughtUp(approvals=still):
                        settled = self._approval.approval_id not in {one.approval_id for one in still}
                    case Event(metadata=Approval(approval_id=self._approval.approval_id, status=status)):
                        settled = status is not ApprovalStatus.OPEN
                    case _:
                        settled = False
                if settled:
                    break
        self._show([(Span("it is settled: somebody was faster, or the turn is over", Look.DIM),)])
        self._end(Aside.SETTLED, scope)

    async def _hear_signals(self, scope: trio.CancelScope) -> None:
        """Ctrl-C, being told to go, and another size."""
        with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGWINCH) as signals:
            async for number in signals:
                if number == signal.SIGWINCH:
                    self._screen.redraw([self._head()], self._region())
                elif number != signal.SIGINT or not self._desk.clear():
                    self._end(Aside.LEFT, scope)
                self._draw()

    def _end(self, went: Aside, scope: trio.CancelScope) -> None:
        if self._went is None:
            self._went = went
        scope.cancel()

    # How it looks

    def _draw(self) -> None:
        if self._went is None:
            self._show([])

    def _show(self, rows: list[Row], region: Region | None = None) -> None:
        self._screen.show(rows, self._region() if region is None else region)

    def _head(self) -> Row:
        """Which session it is, and where."""
        view = self._session.view
        place = f"  {view.provider} · {homely(view.directory, self._home)}"
        return clip((Span(label(view), Look.STRONG), Span(place, Look.DIM)), self._screen.size.columns - 1)

    def _region(self) -> Region:
        columns, height = self._screen.size.columns - 1, self._screen.size.lines - 2
        line = self._desk.line(columns, max(1, min(INPUT_ROWS, height // 3)))
        typed = [] if line is None else line.rows
        asked = self._desk.asked(columns, max(1, height - len(typed) - 1))
        cursor = None if line is None else (len(asked) + line.cursor[0], line.cursor[1])
        return Region((*asked, *typed, clip(self._keys(), columns)), cursor)

    def _keys(self) -> Row:
        more = f" · {self._further} more" if self._further else ""
        return (Span("Esc", Look.KEY), Span(" later"), Span(f" · Ctrl-D leaves{more}", Look.DIM))

    def _rows(self, spans: list[Span]) -> list[Row]:
        flow = Flow(self._screen.size.columns - 1, marked=False)
        flow.add(spans)
        return flow.take()
