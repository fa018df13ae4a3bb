"""What a client may say to an agent: text, images, files, documents (protocol 1, section 3, Blocks)."""

from __future__ import annotations

import enum
from typing import Literal

import attrs

from .ids import ConnectionId, PromptId


@attrs.frozen(kw_only=True)
class TextBlock:
    text: str
    type: Literal["text"] = "text"


@attrs.frozen(kw_only=True)
class ImageBlock:
    """`data` is base64, at most 10 MiB of it."""

    mime_type: str
    data: str = attrs.field(repr=False)
    type: Literal["image"] = "image"


@attrs.frozen(kw_only=True)
class FileBlock:
    """A file by its absolute path. `range`: lines from 1, both inclusive. `text`: an unsaved buffer; it wins."""

    path: str
    text: str | None = None
    range: tuple[int, int] | None = None
    type: Literal["file"] = "file"

    @property
    def described(self) -> str:
        """For an agent that can read the disk: where it is, and the text that counts where the disk does not."""
        place = self.path + (f", lines {self.range[0]} to {self.range[1]}" if self.range else "")
        if self.text is None:
            return f"File: {place}"
        return f"File: {place} (unsaved in the editor; this text counts, not the disk)\n\n{self._counting(self.text)}"

    def _counting(self, text: str) -> str:
        if self.range is None:
            return text
        first, last = self.range
        return "".join(text.splitlines(keepends=True)[first - 1 : last])


@attrs.frozen(kw_only=True)
class DocumentBlock:
    """`data` is base64, at most 10 MiB of it."""

    mime_type: str
    data: str = attrs.field(repr=False)
    type: Literal["document"] = "document"


class WhenUnavailable(enum.StrEnum):
    """What becomes of a prompt when no provider can take it now."""

    FAIL = "fail"
    """Its turn fails, also when there is only no place free."""
    WAIT = "wait"
    """It waits in the queue, also over a restart, until a provider can take it."""


Block = TextBlock | ImageBlock | FileBlock | DocumentBlock


@attrs.frozen(kw_only=True)
class Author:
    """Who asked: stands in the log as `by`. `uid`: of its user, as the kernel says; `token`: the name of the one by
    which it came in at the port."""

    connection_id: ConnectionId
    client: str
    uid: int | None = None
    token: str | None = None


ELSEWHERE = Author(connection_id=ConnectionId("con_none"), client="not jelmored")
"""Of what was said to an agent without us."""


@attrs.frozen(kw_only=True)
class Prompt:
    """One thing said to an agent, as it waits in a queue or goes to a run. `compacts`: it says nothing, the agent is
    to make its memory of the conversation shorter. `cut`: it has had a turn that was cut, for this reason, and that may
    have changed something: whoever gets it is told to go on with it, and what was done after the event `cut_after`.
    `cuts`: how often the end of the daemon has cut it."""

    prompt_id: PromptId
    blocks: tuple[Block, ...]
    by: Author
    compacts: bool = False
    when_unavailable: WhenUnavailable | None = None
    cut: str | None = None
    cut_after: int | None = None
    cuts: int = 0

    @property
    def is_command(self) -> bool:
        """It is for the agent's program rather than for its model (`/compact`)."""
        return self.text.startswith("/")

    @property
    def text(self) -> str:
        """The words of it, for a person and for the log."""
        return "\n".join(_line(block) for block in self.blocks)


def _line(block: Block) -> str:
    match block:
        case TextBlock():
            return block.text
        case FileBlock():
            return f"@{block.path}" + (f":{block.range[0]}-{block.range[1]}" if block.range else "")
        case ImageBlock() | DocumentBlock():
            return f"[{block.type} {block.mime_type}]"
