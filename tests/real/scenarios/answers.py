"""What the model must have said, for the CLI to say what it says in a capture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import attrs

from tests.real.script import Answer, Block, Text, Thinking, ToolUse

from .capture import Capture, Entry, whole

SLOW = 0.6  # s: an answer that took longer was paced
LONGEST = 4.0  # s that a paced answer takes here
ENDLESS = 300  # deltas of an answer that nobody hears to its end
PACE = 0.1  # s before each of them
TOKENS = (10, 7)  # in and out, of nearly each answer in the first captures
SCRIPTED = (100, 20)  # in those that were made with the scripted model

ASKS = ("system/init", "system/status", "user")
"""Lines that the CLI writes just before it asks the model."""


@attrs.define
class _Message:
    """All of a capture that is about one message of the model."""

    asked: float
    """When it was asked for."""
    entries: list[Entry] = attrs.field(factory=list)
    cut: bool = False
    """Its turn was interrupted while it streamed."""

    @property
    def seconds(self) -> float:
        """Until its first block was whole."""
        whole_at = (entry.time for entry in self.entries if entry.kind == "assistant")
        return next(whole_at, self.asked) - self.asked

    @property
    def usage(self) -> Mapping[str, int]:
        """What it took, as far as that was told."""
        began = (entry.message["message"]["usage"] for entry in self.entries if entry.kind == "assistant")
        ended = (e.message["event"]["usage"] for e in self.entries if e.kind == "stream_event/message_delta")
        return next(began, {}) | next(ended, {})


def answers(capture: Capture) -> list[Answer]:
    """One for each message of the model, in their order. Failures leave none: a scenario says them."""
    tokens = tokens_of(capture)
    return [_answer(message, tokens) for message in _messages(capture)]


def endless(text: str) -> Answer:
    """An answer that is still streaming when something happens to it."""
    return Answer((Text(text * (ENDLESS // len(text)), ENDLESS),), pace=PACE)


def _messages(capture: Capture) -> Sequence[_Message]:
    found: dict[str, _Message] = {}
    asked, streaming, of_turn = 0.0, "", ""
    for entry in capture.of("out"):
        name = _message_id(entry) or (streaming if entry.kind.startswith("stream_event") else "")
        if name:
            streaming = of_turn = name
            found.setdefault(name, _Message(asked)).entries.append(entry)
        elif entry.kind in ASKS:
            asked = entry.time
        elif entry.kind == "result":
            if of_turn and entry.message.get("terminal_reason") == "aborted_streaming":
                found[of_turn].cut = True
            of_turn = ""
    return list(found.values())


def _message_id(entry: Entry) -> str | None:
    match entry.message:
        case {"type": "assistant", "message": {"model": str(model), "id": str(name)}} if model != "<synthetic>":
            return name
        case {"type": "stream_event", "event": {"message": {"id": str(name)}}}:
            return name
        case _:
            return None


def tokens_of(capture: Capture) -> tuple[int, int]:
    """What an answer took where the capture was made, in and out."""
    told = (message.usage.get("input_tokens") for message in _messages(capture))
    return SCRIPTED if SCRIPTED[0] in told else TOKENS


def counted(answer: Answer, tokens: tuple[int, int], usage: Mapping[str, int] = MappingProxyType({})) -> Answer:
    """With as many tokens, or more where more were told. The first count of a message is less than the last."""
    taken = max(usage.get("input_tokens", 0), tokens[0])
    given = max(usage.get("output_tokens", 0), tokens[1])
    return attrs.evolve(answer, input_tokens=taken, output_tokens=given)


def _answer(message: _Message, tokens: tuple[int, int]) -> Answer:
    blocks = tuple(_blocks(message))
    if message.cut:
        return attrs.evolve(counted(endless("x"), tokens), blocks=tuple(map(_stretched, blocks)))
    uses = any(isinstance(block, ToolUse) for block in blocks)
    answer = counted(Answer(blocks, "tool_use" if uses else "end_turn"), tokens, message.usage)
    if message.seconds < SLOW:
        return answer
    pieces = sum(block.pieces for block in blocks)
    return attrs.evolve(answer, pace=min(message.seconds, LONGEST) / pieces)


def _stretched(block: Block) -> Block:
    if isinstance(block, ToolUse):
        return block
    return attrs.evolve(block, text=(block.text * ENDLESS)[:ENDLESS], pieces=ENDLESS)


def _blocks(message: _Message) -> Iterator[Block]:
    whole_blocks = [block for entry in message.entries for block in _content(entry)]
    if whole_blocks:
        yield from (_block(block, _deltas(message, index)) for index, block in enumerate(whole_blocks))
    else:
        yield from (_block(block, []) for block in _unfinished(message))


def _content(entry: Entry) -> Sequence[Any]:
    found: Sequence[Any] = entry.message["message"]["content"] if entry.kind == "assistant" else ()
    return found


def _deltas(message: _Message, index: int) -> Sequence[Any]:
    events = (entry.message["event"] for entry in message.entries if entry.kind == "stream_event/content_block_delta")
    deltas = (event["delta"] for event in events if event["index"] == index)
    return [delta for delta in deltas if delta["type"] != "signature_delta"]


def _unfinished(message: _Message) -> Iterator[Any]:
    """Blocks that were opened, with what came of them."""
    for entry in message.entries:
        if entry.kind == "stream_event/content_block_start":
            event = entry.message["event"]
            kind = event["content_block"]["type"]
            yield event["content_block"] | {kind: "".join(delta[kind] for delta in _deltas(message, event["index"]))}


def _block(block: Any, deltas: Sequence[Any]) -> Block:
    match whole(block):
        case {"type": "text", "text": text}:
            return Text(text, len(deltas) or min(len(text), 200))
        case {"type": "thinking", "thinking": text}:
            return Thinking(text, len(deltas) or min(len(text), 200))
        case {"type": "tool_use", "name": name, "input": given}:
            return ToolUse(name, given, len(deltas) or 2)
        case other:
            raise ValueError(f"a block of a kind that no model here says: {other}")
