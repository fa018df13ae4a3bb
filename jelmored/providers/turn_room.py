"""How much of one turn of a past conversation is held: a turn may be of any length, the memory is not."""

from __future__ import annotations

import attrs

from jelmored.domain.events import Draft, EventType, System, ToolResult, ToolUse

from .bounds import cut

WHOLE = 8 * 1024 * 1024
"""Characters of a turn that are kept as they are; of what comes then, the beginning of each text."""
MOST = 5000  # events of a turn
BEGINNING = 1024  # bytes


@attrs.define
class TurnRoom:
    """The drafts of one turn, in order."""

    drafts: list[Draft] = attrs.field(factory=list)
    _size: int = attrs.field(default=0, init=False)

    def take(self, draft: Draft) -> None:
        """Keep it, whole or its beginning; past the end only that there was more."""
        if len(self.drafts) > MOST:
            return
        if len(self.drafts) == MOST:
            words = f"The turn had more than {MOST} events; the rest of them is not kept"
            draft = Draft(EventType.SYSTEM, words, System(subtype="cut"))
        elif self._size > WHOLE:
            draft = _beginning(draft)
        self._size += _size(draft)
        self.drafts.append(draft)


def _size(draft: Draft) -> int:
    more = 0
    if isinstance(draft.metadata, ToolResult):
        more = sum(len(diff.old_text or "") + len(diff.new_text) for diff in draft.metadata.diffs)
    elif isinstance(draft.metadata, ToolUse):
        more = len(str(draft.metadata.input))
    return len(draft.content) + more


def _beginning(draft: Draft) -> Draft:
    content, metadata = cut(draft.content, BEGINNING)[0], draft.metadata
    if isinstance(metadata, ToolResult):
        metadata = attrs.evolve(metadata, truncated=True, diffs=())
    elif isinstance(metadata, ToolUse) and len(str(metadata.input)) > BEGINNING:
        metadata = attrs.evolve(metadata, input={"raw": cut(str(metadata.input), BEGINNING)[0]})
    return Draft(draft.event_type, content, metadata)
