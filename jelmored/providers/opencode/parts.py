"""What a user says, as the parts of a prompt to OpenCode.

Its messages have ids that only the server may choose; so a prompt's own id stands in the metadata of its first text,
which the server keeps as it is (measured).
"""

from __future__ import annotations

from typing import Any

from jelmored.domain.prompts import Block, DocumentBlock, FileBlock, ImageBlock, Prompt, TextBlock

NAME = "jelmoredPrompt"


def parts_of(prompt: Prompt) -> list[dict[str, Any]]:
    parts = [_part(block) for block in prompt.blocks]
    first = next((part for part in parts if part["type"] == "text"), None)
    if first is not None:
        first["metadata"] = {NAME: prompt.prompt_id}
    return parts


def _part(block: Block) -> dict[str, Any]:
    match block:
        case TextBlock():
            return {"type": "text", "text": block.text}
        case FileBlock():
            return {"type": "text", "text": block.described}
        case ImageBlock() | DocumentBlock():
            return _attached(block)


def _attached(block: ImageBlock | DocumentBlock) -> dict[str, Any]:
    """It wants a name; a model that takes no such thing is told that there was one."""
    return {
        "type": "file",
        "mime": block.mime_type,
        "filename": f"{block.type}.{block.mime_type.rpartition('/')[2]}",
        "url": f"data:{block.mime_type};base64,{block.data}",
    }
