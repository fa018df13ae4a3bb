"""The lower end of a terminal: what was said scrolls up and stays, and below it a region is drawn again and again."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import attrs

from .clusters import width
from .painter import Painter, Size
from .spans import Row

BEGIN, END = "\x1b[?2026h", "\x1b[?2026l"  # a terminal that knows them shows at once what is between
ERASE_LINE, ERASE_BELOW = "\x1b[K", "\x1b[J"
WRAP, NO_WRAP = "\x1b[?7h", "\x1b[?7l"  # where a terminal measures otherwise than we do, a row of the region stays one
SHOW_CURSOR, HIDE_CURSOR = "\x1b[?25h", "\x1b[?25l"
PASTES_MARKED, PASTES_PLAIN = "\x1b[?2004h", "\x1b[?2004l"
REMEMBERED = 500  # rows above the region whose width is known: more than a screen has


@attrs.frozen
class Region:
    """Its rows are narrower than the terminal, and there are fewer of them than it has lines.

    Args:
        cursor: the row, from 0, and the column where it stands; None: it is hidden.
    """

    rows: Sequence[Row] = ()
    cursor: tuple[int, int] | None = None


class Screen:
    """All that is drawn on it goes through `show`, in one write.

    Args:
        painter: of a terminal that `moves`.
    """

    def __init__(self, painter: Painter) -> None:
        self._painter = painter
        self._shown: Region | None = None
        self._above: deque[int] = deque(maxlen=REMEMBERED)
        """The widths of the rows that were said."""

    @property
    def size(self) -> Size:
        return self._painter.size

    def show(self, rows: Sequence[Row], region: Region) -> None:
        """Rows that stay, and the region below them."""
        if rows or region != self._shown:
            self._draw("" if self._shown is None else _up(_cursor_row(self._shown)), rows, region)

    def redraw(self, rows: Sequence[Row], region: Region) -> None:
        """The terminal has another width: all that it shows of ours is laid out anew.

        Most terminals lay out their lines again by themselves, so ours may take up more rows now than we gave them.

        Args:
            rows: the end of what was said, as much as there is room for.
        """
        columns = self.size.columns
        region_above = [] if self._shown is None else list(map(_width, self._shown.rows))[: _cursor_row(self._shown)]
        up = sum(max(1, -(-taken // columns)) for taken in (*self._above, *region_above))
        self._above.clear()
        self._draw(_up(up) + ERASE_BELOW, rows, region)

    def close(self) -> None:
        """The region is gone, and the terminal as it was; the cursor stands below what was said."""
        if self._shown is not None:
            home = _up(_cursor_row(self._shown))
            self._painter.write(f"\r{home}{ERASE_BELOW}{SHOW_CURSOR}{PASTES_PLAIN}")
        self._shown = None

    def _draw(self, up: str, rows: Sequence[Row], region: Region) -> None:
        opening = PASTES_MARKED if self._shown is None else ""
        said = "".join(f"{ERASE_LINE}{self._painter.dressed(row)}\n" for row in rows)
        below = "\n".join(f"{ERASE_LINE}{self._painter.dressed(row)}" for row in region.rows)
        drawn = f"{NO_WRAP}{below}{WRAP}{ERASE_BELOW}{_placed(region)}"
        self._painter.write(f"{BEGIN}{opening}{HIDE_CURSOR}\r{up}{said}{drawn}{END}")
        self._above.extend(map(_width, rows[-REMEMBERED:]))
        self._shown = region


def _placed(region: Region) -> str:
    """From the end of the region to its cursor."""
    if region.cursor is None:
        return ""
    row, column = region.cursor
    right = f"\x1b[{column}C" if column else ""
    return f"{_up(len(region.rows) - 1 - row)}\r{right}{SHOW_CURSOR}"


def _up(rows: int) -> str:
    return f"\x1b[{rows}A" if rows > 0 else ""


def _cursor_row(region: Region) -> int:
    return max(len(region.rows) - 1, 0) if region.cursor is None else region.cursor[0]


def _width(row: Row) -> int:
    return sum(width(span.text) for span in row)
