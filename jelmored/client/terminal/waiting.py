"""The prompts that wait for the turn to end, as the events tell of them."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from jelmored.domain.events import Event, System, TurnStarted, UserNote
from jelmored.domain.ids import PromptId
from jelmored.wire.messages import QueuedPrompt

from .clusters import width
from .spans import Look, Row, Span
from .text import one_line
from .wrapping import clip

SHOWN = 3


@attrs.define
class Waiting:
    """Told of each event, and once of the queue as it was before them."""

    _texts: dict[PromptId, str] = attrs.field(factory=dict)

    def __bool__(self) -> bool:
        return bool(self._texts)

    def are(self, prompts: Iterable[QueuedPrompt]) -> None:
        """The queue as the daemon has it now."""
        self._texts = {prompt.prompt_id: prompt.prompt for prompt in prompts}

    def tell(self, event: Event) -> str | None:
        """The text of the prompt that waits no more, because its turn has begun."""
        match event.metadata:
            case UserNote(prompt_id=prompt_id, disposition="queued"):
                self._texts[prompt_id] = event.content
            case TurnStarted(prompt_id=str(prompt_id)):
                return self._texts.pop(prompt_id, None)
            case System(subtype="prompt_dropped", data={"promptId": str(prompt_id)}):
                self._texts.pop(PromptId(prompt_id), None)
        return None

    def rows(self, columns: int) -> list[Row]:
        """A line each; of many the first ones."""
        texts = [one_line(text) for text in self._texts.values()]
        rows = [_row(text, columns) for text in texts[:SHOWN]]
        if len(texts) > SHOWN:
            rows[-1] = (Span(f"  … {len(texts) - SHOWN + 1} more wait", Look.DIM),)
        return rows


def _row(text: str, columns: int) -> Row:
    note = "  waits"
    words = clip([Span(text, Look.DIM)], max(columns - 2 - width(note), 1))
    return clip([Span("› ", Look.PROMPT), *words, Span(note, Look.ASKS)], columns)
