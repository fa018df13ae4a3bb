"""What a user says, as the parts of a prompt to OpenCode."""

from __future__ import annotations

from typing import Any

from jelmored.domain.prompts import Block, DocumentBlock, FileBlock, ImageBlock, Prompt, TextBlock


def parts_of(prompt: Prompt) -> list[dict[str, Any]]:
    return [_part(block) for block in prompt.blocks]


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
