"""Every trouble on the real programs, measured, as the table of docs/failover.md: `make failover-report`."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import trio

from tests.docs.pages import DOCS, Table, rewritten

from .failover import BOTH_CLAUDE, TROUBLES, Passage, Trouble, cross
from .pair import Agent

PAGE = DOCS / "failover.md"
BLOCK = "failover trials"
WAYS = (BOTH_CLAUDE, (Agent.CLAUDE, Agent.OPENCODE))
HEAD = ("what fails", "when", "from → to", "seconds", "turns", "characters", "tools that ran twice")


def rows() -> Iterator[tuple[Trouble, bool, tuple[Agent, Agent]]]:
    for way in WAYS:
        for trouble in TROUBLES:
            for after_a_tool in (False, True):
                yield trouble, after_a_tool, way


def row(trouble: Trouble, after_a_tool: bool, way: tuple[Agent, Agent], passage: Passage) -> tuple[str, ...]:
    carried = passage.failover["carried"]
    return (
        trouble.name,
        "after a tool" if after_a_tool else "before any tool",
        " → ".join(agent.value for agent in way),
        f"{passage.seconds:.1f}",
        str(carried["turns"]),
        str(carried["characters"]),
        str(passage.ran_twice),
    )


async def _measure() -> tuple[tuple[str, ...], ...]:
    found = []
    for trouble, after_a_tool, way in rows():
        found.append(row(trouble, after_a_tool, way, await cross(trouble, way, after_a_tool=after_a_tool)))
        print(" | ".join(found[-1]), file=sys.stderr, flush=True)
    return tuple(found)


def main() -> None:
    """Rewrites the table, if every trial went well; the first one that did not is shown instead."""
    table = Table(HEAD, trio.run(_measure), words=False)
    PAGE.write_text(rewritten(PAGE.read_text("utf-8"), {BLOCK: table}), "utf-8")


if __name__ == "__main__":
    main()
