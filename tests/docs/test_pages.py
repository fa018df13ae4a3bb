"""The pages say what the code says, every row of theirs says what it means, and their links lead somewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from . import of_protocol
from .__main__ import blocks
from .pages import DOCS, ROOT, Table, blocks_of, pages, rewritten, rows_of

PAGES = sorted([*DOCS.glob("*.md"), ROOT / "README.md"])
OBVIOUS = {
    *("`provider/get`", "`session/get`", "`text`"),
    *("`sessionId`", "`turn`", "`createdAt`", "`timestamp`", "`provider`", "`capabilities`"),
    *("**ClientCapabilities**", "**ClientInfo**", "**Diff**", "**MessageLimits**", "**Prices**", "**RunCount**"),
    *("**ServerInfo**", "time between two pings of the daemon"),
}
"""Rows that need no words."""

_LINK = re.compile(r"\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)")


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_says_what_the_code_says(page: Path) -> None:
    text = page.read_text("utf-8")

    assert rewritten(text, blocks()) == text, "run `python -m tests.docs`, then look at the difference"


def test_every_block_is_in_a_page() -> None:
    placed = [name for page in pages() for name in blocks_of(page.read_text("utf-8"))]

    assert sorted(placed) == sorted(blocks())


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_every_row_says_what_it_means(page: Path) -> None:
    silent = [
        f"{name}: {row[0]}"
        for name, text in blocks_of(page.read_text("utf-8")).items()
        for row in rows_of(text)
        if not row[-1] and row[0] not in OBVIOUS
    ]

    assert not silent


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    broken = [f"{file}#{anchor}" for file, anchor in _links(page) if not _is_there(page, file, anchor)]

    assert not broken


def test_an_author_s_words_stay_with_their_row() -> None:
    table = Table(("key", "value", ""), (("a | b", "1"), ("new", "2")))
    old = Table(("key", "value", ""), (("gone", "0"), ("a | b", "0"))).render("").replace("0 | |\n", "0 | words |\n")

    assert rows_of(table.render(old)) == [[r"a \| b", "1", "words"], ["new", "2", ""]]


def test_every_param_of_every_method_is_named() -> None:
    rows = {row[0]: row for row in rows_of(of_protocol.blocks()["methods"].render(""))}

    assert "`whenBusy?: " in rows["`session/prompt`"][2]
    assert '= "queue"`' in rows["`session/prompt`"][2]
    assert "`environment?: {string: string}`" in rows["`session/create`"][2]
    assert "`turn?: integer`" in rows["`session/prompt`"][3]


def _links(page: Path) -> Iterator[tuple[str, str]]:
    yield from _LINK.findall(re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL))


def _is_there(page: Path, file: str, anchor: str) -> bool:
    target = (page.parent / file).resolve() if file else page
    return target.exists() and (not anchor or anchor in _anchors(target.read_text("utf-8")))


def _anchors(text: str) -> set[str]:
    """As GitHub makes them of headings."""
    titles = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}
