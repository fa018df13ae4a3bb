"""The pages of docs/: between `<!-- generated: NAME -->` and `<!-- end -->` stands what the code says.

`python -m tests.docs` rewrites these blocks; test_pages.py holds them equal. Most are tables whose last column is the
author's own words: it stays with its row, and a new row comes with an empty one, which a test points at.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import attrs

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"

_BLOCK = re.compile(r"<!-- generated: (?P<name>[\w. -]+) -->\n(?P<text>.*?)<!-- end -->", re.DOTALL)
_CELLS = re.compile(r"(?<!\\)\|")


class Block(Protocol):
    """What the code says in one place of a page."""

    def render(self, old: str) -> str:
        """The lines as they should be. `old`: what stands there; the author's words are taken from it."""


@attrs.frozen
class Text:
    """Lines that are the code's alone."""

    lines: tuple[str, ...]

    def render(self, old: str) -> str:
        return "".join(f"{line}\n" for line in self.lines)


@attrs.frozen
class Table:
    """A table. A row is known by its first cell.

    Args:
        head: the names of the columns.
        rows: their cells; where `words`, without the last one.
        words: the last column is the author's.
    """

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: bool = True

    def render(self, old: str) -> str:
        said = {cells[0]: cells[-1] for cells in rows_of(old)} if self.words else {}
        rows = [(*row, said.get(escaped(row[0]), "")) if self.words else row for row in self.rows]
        return "".join(_line(map(escaped, row)) for row in (self.head, ("---",) * len(self.head), *rows))


@attrs.frozen
class Measured:
    """Lines that a run on the real programs has written; only such a run writes them anew."""

    def render(self, old: str) -> str:
        return old


def rows_of(text: str) -> list[Sequence[str]]:
    """The rows of a Markdown table, below its head, as they are written."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in _CELLS.split(line)[1:-1]] for line in lines[2:]]


def escaped(cell: str) -> str:
    """A bar inside of a cell, if it is not written so already."""
    return _CELLS.sub(r"\\|", cell)


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |\n".replace("|  |", "| |")


def pages() -> list[Path]:
    """Those with generated blocks in them."""
    return sorted(page for page in DOCS.glob("*.md") if _BLOCK.search(page.read_text("utf-8")))


def blocks_of(text: str) -> Mapping[str, str]:
    """What stands in each block of a page."""
    return {found["name"]: found["text"] for found in _BLOCK.finditer(text)}


def rewritten(text: str, blocks: Mapping[str, Block]) -> str:
    """A page with its blocks as the code wants them. Raises `KeyError` for a block that nothing generates."""

    def fresh(found: re.Match[str]) -> str:
        name = found["name"]
        return f"<!-- generated: {name} -->\n{blocks[name].render(found['text'])}<!-- end -->"

    return _BLOCK.sub(fresh, text)
