"""Rows in columns, as `docker ps` shows them: no frames, the last column may be cut to the terminal's width."""

from __future__ import annotations

from collections.abc import Sequence

from .text import one_line, shorten, width

GAP = 2


def table(head: Sequence[str], rows: Sequence[Sequence[str]], columns: int | None) -> str:
    """The rows under their heads.

    Args:
        columns: the terminal's width; None when there is none, nothing is cut then.
    """
    cells = [list(head), *([one_line(cell) for cell in row] for row in rows)]
    widths = [max(map(width, column)) for column in zip(*cells, strict=True)]
    lines = ("".join(map(_padded, row, widths)).rstrip() for row in cells)
    return "\n".join(line if columns is None else shorten(line, columns) for line in lines)


def _padded(cell: str, columns: int) -> str:
    return cell + " " * (columns - width(cell) + GAP)
