"""A terminal emulator for tests: what a program's bytes make a person see."""

from __future__ import annotations

import pyte
import pyte.modes

from jelmored.client.terminal.clusters import clusters


class Screen(pyte.HistoryScreen):
    """As pyte's, but what joins into one sign stands in one place, as terminals of today draw it."""

    def draw(self, data: str) -> None:
        for cluster, columns in clusters(data):
            self._place(cluster, columns)
        self.dirty.add(self.cursor.y)

    def _place(self, cluster: str, columns: int) -> None:
        if self.cursor.x + columns > self.columns:
            if pyte.modes.DECAWM in self.mode:
                self.carriage_return()
                self.linefeed()
            else:
                self.cursor.x = self.columns - columns
        line = self.buffer[self.cursor.y]
        for offset, text in enumerate((cluster, "")[:columns]):
            line[self.cursor.x + offset] = self.cursor.attrs._replace(data=text)
        self.cursor.x += columns


class Emulator:
    """Told bytes, it has a screen.

    Args:
        columns, lines: of the terminal.
    """

    def __init__(self, columns: int = 80, lines: int = 24) -> None:
        self._screen = Screen(columns, lines, history=5000, ratio=0.5)
        self._stream = pyte.ByteStream(self._screen)

    def feed(self, data: bytes) -> None:
        self._stream.feed(data)

    def resize(self, columns: int, lines: int) -> None:
        """As most terminals do: of what is too high the top is scrolled away; lines are not laid out again."""
        screen = self._screen
        above = max(0, screen.cursor.y - lines + 1)
        rows = [screen.buffer[y] for y in range(screen.lines)]
        screen.buffer.clear()
        screen.history.top.extend(rows[:above])
        screen.buffer.update(enumerate(rows[above : above + lines]))
        screen.cursor.y -= above
        screen.lines, screen.columns = lines, columns
        screen.set_margins()

    @property
    def lines(self) -> list[str]:
        """What is on the screen."""
        return [_text(self._screen.buffer[y], self._screen.columns) for y in range(self._screen.lines)]

    @property
    def scrolled(self) -> list[str]:
        """What has left it at the top."""
        return [_text(line, self._screen.columns) for line in self._screen.history.top]

    @property
    def text(self) -> str:
        """All of it: what was scrolled away, and the screen without the empty lines at its end."""
        return "\n".join([*self.scrolled, *self.lines]).rstrip("\n") + "\n"

    @property
    def shown(self) -> str:
        """The screen as it is kept in a file, with the place of the cursor."""
        above = [*self.scrolled, "┄" * self._screen.columns] if self.scrolled else []
        hidden = self._screen.cursor.hidden
        place = "hidden" if hidden else f"row {self._screen.cursor.y}, column {self._screen.cursor.x}"
        return "\n".join([*above, *_without_end(self.lines), f"[cursor: {place}]"]) + "\n"


def _without_end(lines: list[str]) -> list[str]:
    last = max((number for number, line in enumerate(lines) if line), default=-1)
    return lines[: last + 1]


def _text(line: pyte.screens.StaticDefaultDict, columns: int) -> str:  # type: ignore[type-arg]
    return "".join(line[x].data for x in range(columns)).rstrip()
