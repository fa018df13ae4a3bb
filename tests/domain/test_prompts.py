from __future__ import annotations

from jelmored.domain.ids import ConnectionId, PromptId
from jelmored.domain.prompts import Author, Block, DocumentBlock, FileBlock, ImageBlock, Prompt, TextBlock

ME = Author(connection_id=ConnectionId("con_1"), client="test")


def text_of(*blocks: Block) -> str:
    return Prompt(prompt_id=PromptId("prm_1"), blocks=blocks, by=ME).text


def test_a_text_is_its_words() -> None:
    assert text_of(TextBlock(text="one\ntwo")) == "one\ntwo"


def test_a_line_for_each_block_in_order() -> None:
    assert (
        text_of(
            TextBlock(text="look at"),
            FileBlock(path="/a/b.py"),
            FileBlock(path="/a/b.py", range=(3, 9), text="unsaved"),
            ImageBlock(mime_type="image/png", data="aaaa"),
            DocumentBlock(mime_type="application/pdf", data="bbbb"),
        )
        == "look at\n@/a/b.py\n@/a/b.py:3-9\n[image image/png]\n[document application/pdf]"
    )


def test_bytes_stand_in_no_log_line() -> None:
    assert "secret" not in repr(ImageBlock(mime_type="image/png", data="secret"))
    assert "secret" not in repr(DocumentBlock(mime_type="application/pdf", data="secret"))
