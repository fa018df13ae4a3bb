"""Rewrite the generated blocks of the pages; with `record` also the conversations of the protocol page."""

from __future__ import annotations

import sys

import trio

from . import conversations, of_protocol, of_reference
from .pages import Block, Measured, pages, rewritten


def blocks() -> dict[str, Block]:
    return {**of_protocol.blocks(), **of_reference.blocks(), "failover trials": Measured()}


def main() -> None:
    if sys.argv[1:] == ["record"]:
        trio.run(conversations.record)
    for page in pages():
        text = page.read_text("utf-8")
        if (fresh := rewritten(text, blocks())) != text:
            page.write_text(fresh, "utf-8")
            print(f"rewritten: {page.name}")


if __name__ == "__main__":
    main()
