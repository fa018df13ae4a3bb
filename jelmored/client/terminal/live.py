"""A conversation on a live screen: what is said scrolls up; below it stand what goes on, what is asked, the line that
is typed, and the status line. It is drawn some times a second, however much comes in."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import trio

from jelmored.client.outputs import ConnectionLost, Output
from jelmored.domain.permissions import Approval
from jelmored.domain.sessions import SessionView
from jelmored.domain.status import Status
from jelmored.wire.messages import CaughtUp, QueuedPrompt

from .desk import HELP, Desk
from .flow import Flow
from .folding import Folding
from .painter import Painter
from .screen import Region, Screen
from .spans import Look, Row, Span
from .statusline import Now, status_line

FRAME_SECONDS = 0.05
TICK_SECONDS = 1.0
PAGES = 4  # of a screen: as much of a tool as is shown when it is opened
INPUT_ROWS = 8
GRAVE = frozenset({Status.FAILED, Status.TERMINATED})


class Live:
    """A voice, and what keys change of it.

    Args:
        painter: of a terminal that `moves`; of another one, see `Teletype`.
        transcript: tells what is said.
        desk: what the person is at.
        view: gives the session as it is known now.
        home: the user's home directory.
        earlier: events that are not shown, because they were too long ago.
    """

    def __init__(
        self,
        painter: Painter,
        transcript: Folding,
        desk: Desk,
        view: Callable[[], SessionView],
        home: str,
        earlier: int = 0,
    ) -> None:
        self._painter = painter
        self._screen = Screen(painter)
        self._size = painter.size
        self._flow = Flow(self._size.columns, marked=painter.marks)
        self._transcript = transcript
        self.desk = desk
        self._view = view
        self._home = home
        self._earlier = earlier
        self._lost = False
        self._since: float | None = None
        self._elsewhere = 0
        self._changed = trio.Event()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Draw what has changed, and the time as it passes. Leaves the terminal as it was."""
        try:
            task_status.started()
            while True:
                with trio.move_on_after(TICK_SECONDS):
                    await self._changed.wait()
                self._changed = trio.Event()
                self.draw()
                await trio.sleep(FRAME_SECONDS)
        finally:
            self._close()

    # A voice

    def head(self) -> None:
        self._say(self._transcript.head())
        if self._earlier:
            self._say([Span(f"… {self._earlier} earlier events: jelmore logs\n", Look.DIM)])

    @property
    def waits(self) -> bool:
        """Does a prompt wait for the turn to end?"""
        return bool(self._transcript.waiting)

    def tell(self, output: Output) -> None:
        match output:
            case ConnectionLost():
                self._lost = True
            case CaughtUp():
                self._lost = False
        self._say(self._transcript.tell(output))

    def asks(self, approvals: tuple[Approval, ...]) -> None:
        self.desk.asks(approvals)
        self.changed()

    def turn(self, since: float | None) -> None:
        self._since = since
        self.desk.turn(runs=since is not None)
        self.changed()

    def waiting(self, prompts: tuple[QueuedPrompt, ...]) -> None:
        self._transcript.waiting.are(prompts)
        self.changed()

    def answered(self, words: str) -> None:
        self._say(self._transcript.answered(words))

    def aside(self, words: str) -> None:
        self._say(self._transcript.aside(words))

    # What keys ask for

    def changed(self) -> None:
        """Something is to be drawn."""
        self._changed.set()

    def elsewhere(self, sessions: int) -> None:
        """So many other sessions wait for an answer."""
        self._elsewhere = sessions
        self.changed()

    def noted(self, approval: Approval, words: str) -> None:
        """What is answered beside the option."""
        self._transcript.note(approval, words)

    def open_tool(self) -> None:
        """All of the last tool; again: of the one before."""
        tool = self._transcript.open_tool()
        if tool is None:
            self.aside("there is no other tool to open")
        else:
            self._show(list(tool.whole(self._home)))

    def show_all(self, spans: Sequence[Span]) -> None:
        """What was cut."""
        self._say([*self._transcript.work(), *spans])

    def help(self) -> None:
        self._say([*self._transcript.work(), Span(HELP, Look.DIM)])

    def resized(self) -> None:
        """The terminal has another size."""
        before, self._size = self._size, self._screen.size
        if self._size.columns != before.columns:
            self._flow.columns = self._transcript.columns = self._size.columns
            self.redraw()
        self.changed()

    def redraw(self) -> None:
        """All that is to be seen, anew."""
        self._flow.take()
        region = self._region()
        self._screen.redraw(self._flow.again(self._size.lines - 1 - len(region.rows)), region)

    def draw(self) -> None:
        """What has changed."""
        self._screen.show(self._flow.take(), self._region())

    def settle(self) -> None:
        """All that was said is drawn, and nothing below it: somebody else writes to the terminal next."""
        self._screen.show(self._flow.take(), Region())
        self._screen.close()

    # How it looks

    def _say(self, spans: Sequence[Span]) -> None:
        self._flow.add(spans)
        self.changed()

    def _show(self, rows: Sequence[Row]) -> None:
        room = PAGES * self._size.lines
        lines = [span for row in rows[:room] for span in (*row, Span("\n"))]
        more = [Span(f"    … {len(rows) - room} more lines: jelmore logs --json\n", Look.BAD)] if rows[room:] else []
        self._say([*self._transcript.work(), *lines, *more])

    def _region(self) -> Region:
        """The status line always; then what is typed, what is asked, what goes on, as far as there is room."""
        columns, height = self._size.columns - 1, max(1, self._size.lines - 2)
        line = self.desk.line(columns, max(1, min(INPUT_ROWS, height // 3)))
        typed = [] if line is None else line.rows
        asked = self.desk.asked(columns, max(1, height - len(typed)))
        room = max(0, height - len(typed) - len(asked))
        rows = [*(self._going_on(columns)[-room:] if room else []), *asked, *typed][-height:]
        cursor = None if line is None else (len(rows) - len(typed) + line.cursor[0], line.cursor[1])
        return Region((*rows, status_line(self._view(), self._now(), columns)), cursor)

    def _going_on(self, columns: int) -> list[Row]:
        said, asked = self._flow.open(), self.desk.approval
        below = self._transcript.below(columns, None if asked is None else asked.tool_use_id)
        apart: list[Row] = [()] if said or self._transcript.apart else []
        return [*said, *apart, *below]

    def _now(self) -> Now:
        elsewhere = self._elsewhere
        if self._lost:
            return Now(doing="connection lost", look=Look.BAD, elsewhere=elsewhere)
        if self.desk.approval is not None:
            return Now(doing="waits for you", look=Look.ASKS, elsewhere=elsewhere)
        if self._since is not None:
            return Now(doing="works", look=Look.STRONG, since=trio.current_time() - self._since, elsewhere=elsewhere)
        status = self._view().status
        if status in GRAVE:
            return Now(doing=status.value, look=Look.BAD, elsewhere=elsewhere)
        if status is Status.SUSPENDED:
            return Now(doing=status.value, elsewhere=elsewhere)
        return Now(doing="idle", elsewhere=elsewhere)

    def _close(self) -> None:
        self._flow.add(self._transcript.close())
        self.settle()
