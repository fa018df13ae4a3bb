"""What a user says, as OpenCode takes it."""

from __future__ import annotations

from jelmored.domain.ids import ConnectionId, PromptId
from jelmored.domain.prompts import Author, Block, DocumentBlock, FileBlock, ImageBlock, Prompt, TextBlock
from jelmored.providers.opencode.parts import NAME, parts_of


def _parts(*blocks: Block) -> list[dict[str, object]]:
    me = Author(connection_id=ConnectionId("con_1"), client="test")
    return parts_of(Prompt(prompt_id=PromptId("prm_1"), blocks=blocks, by=me))


def test_texts_and_files_are_texts_in_their_order() -> None:
    assert _parts(TextBlock(text="look"), FileBlock(path="/w/a.py", range=(2, 3), text="one\ntwo\nthree\nfour\n")) == [
        {"type": "text", "text": "look", "metadata": {NAME: "prm_1"}},
        {
            "type": "text",
            "text": "File: /w/a.py, lines 2 to 3 (unsaved in the editor; this text counts, not the disk)\n\n"
            "two\nthree\n",
        },
    ]


def test_images_and_documents_are_files_with_a_name() -> None:
    assert _parts(
        ImageBlock(mime_type="image/png", data="AAAA"), DocumentBlock(mime_type="application/pdf", data="BB")
    ) == [
        {"type": "file", "mime": "image/png", "filename": "image.png", "url": "data:image/png;base64,AAAA"},
        {
            "type": "file",
            "mime": "application/pdf",
            "filename": "document.pdf",
            "url": "data:application/pdf;base64,BB",
        },
    ]
