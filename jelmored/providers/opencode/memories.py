"""Conversations that OpenCode has had without us, from its server: which there are, and what was said in one.

A long one is read page by page: first backwards, for the server counts from the end, and of that only the places are
kept; then forwards.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Sequence
from datetime import UTC, datetime
from typing import Any

import attrs

from jelmored.domain.events import Draft, EventType, TurnReason, UserNote
from jelmored.domain.ids import new_prompt_id
from jelmored.domain.prompts import ELSEWHERE
from jelmored.providers.base import PastSession, PastTurn, TurnOver, native_lost
from jelmored.providers.bounds import one_line
from jelmored.providers.turn_room import TurnRoom

from . import tools
from .client import Native, OpencodeClient
from .messages import CompactionPart, MessageWithParts, OtherPart, TextPart, ToolPart, read_messages
from .normaliser import Normaliser
from .parts import NAME

PAGE = 50  # messages
LAST = 50  # messages in which to look for what a killed server may lack
MOST = 2000  # sessions, the latest ones
CHILD = 500  # messages of a subagent
COMPACT = "/compact"


async def past_sessions(client: OpencodeClient, cwd: str | None) -> Sequence[PastSession]:
    """Those of users, not of subagents; the latest first."""
    return [past for one in await client.sessions(cwd, MOST) if (past := _past(one)) is not None]


def _past(raw: Any) -> PastSession | None:
    match raw:
        case {"id": str(native_id), "directory": str(cwd), "title": str(title), "time": {"updated": int(updated)}}:
            return PastSession(native_id=native_id, cwd=cwd, title=one_line(title), updated_at=_time(updated))
    return None


async def recall(
    connect: Callable[[], Awaitable[OpencodeClient]], native_id: str, after: str | None
) -> AsyncGenerator[PastTurn, None]:
    """Turn by turn, from behind a message.

    Raises:
        ProviderError: it can't be read.
    """
    client = await connect()
    native = await client.find(native_id)
    if native is None:
        raise native_lost("OpenCode has no such session", {"nativeId": native_id})
    places: list[str | None] = [None]
    while (place := (await client.page(native.native_id, PAGE, places[-1])).before) is not None:
        places.append(place)
    turns = _Turns(client, native)
    for place in reversed(places):
        for message in read_messages((await client.page(native.native_id, PAGE, place)).body):
            if after is not None and message.info.id <= after:
                turns.pass_over(message)
            elif (turn := await turns.take(message)) is not None:
                yield turn
    if (turn := await turns.end()) is not None:
        yield turn


async def kept(client: OpencodeClient, native_id: str, ids: Sequence[str]) -> Collection[str]:
    """Which of these are among the last messages: the agent's by their own ids, the user's by those of our prompts.
    Each is written down before the server goes on; but a prompt may not have come as far, and the text of a message
    that streamed is empty, so that of such a one only what it has done counts (measured)."""
    found: set[str] = set()
    for message in read_messages(await client.messages(native_id, LAST)):
        if message.info.by_agent:
            found.add(message.info.id)
        else:
            found.update(str(part.metadata.get(NAME)) for part in message.parts if isinstance(part, TextPart))
    return found.intersection(ids)


@attrs.define
class _Turns:
    """Collects messages until the next one of the user."""

    client: OpencodeClient
    native: Native
    _messages: list[MessageWithParts] = attrs.field(factory=list, init=False)
    _before: str | None = attrs.field(default=None, init=False)
    """The last message of what was told, or passed over."""

    def pass_over(self, message: MessageWithParts) -> None:
        self._before = message.info.id

    async def take(self, message: MessageWithParts) -> PastTurn | None:
        """The turn that is over with it. What the user says before there is any answer is of one turn."""
        answered = any(one.info.by_agent for one in self._messages)
        done = await self.end() if answered and _words(message) is not None else None
        self._messages.append(message)
        return done

    async def end(self) -> PastTurn | None:
        messages, self._messages = self._messages, []
        if not messages:
            return None
        turn = _turn(self.native, self._before, messages, await self._of_children(messages))
        self._before = messages[-1].info.id
        return turn

    async def _of_children(self, messages: Sequence[MessageWithParts]) -> list[MessageWithParts]:
        found: list[MessageWithParts] = []
        for part in (part for message in messages for part in message.parts):
            if isinstance(part, ToolPart) and part.tool == tools.TASK:
                child = part.state.metadata.get("sessionId")
                if isinstance(child, str) and await self.client.find(child) is not None:
                    found.extend(read_messages(await self.client.messages(child, CHILD)))
        return found


def _turn(
    native: Native, before: str | None, messages: Sequence[MessageWithParts], of_children: Sequence[MessageWithParts]
) -> PastTurn:
    """Read as the end of a turn of ours is read."""
    normaliser = Normaliser(native.native_id, native.directory)
    if before is not None:
        normaliser.recalled([attrs.evolve(messages[0], info=attrs.evolve(messages[0].info, id=before))])
    normaliser.prompted(None)
    said = [words for message in messages if (words := _words(message)) is not None]
    room = TurnRoom()
    for words in said[1:]:
        note = UserNote(prompt_id=new_prompt_id(), disposition="steered", by=ELSEWHERE)
        room.take(Draft(EventType.USER, words, note))
    reason = TurnReason.COMPLETED
    for event in normaliser.settled([*messages, *of_children]):
        if isinstance(event, Draft):
            room.take(event)
        elif isinstance(event, TurnOver):
            reason = event.reason
    answered = any(message.info.by_agent for message in messages)
    return PastTurn(
        prompt=said[0] if said else None,
        drafts=tuple(room.drafts),
        began_at=_time(messages[0].info.time.created),
        ended_at=_time(messages[-1].info.time.completed or messages[-1].info.time.created),
        reason=reason if answered else TurnReason.INTERRUPTED,
        mark=messages[-1].info.id,
    )


def _words(message: MessageWithParts) -> str | None:
    """What the user has said in it; None where it is not the user's, or in the user's name only."""
    if message.info.by_agent:
        return None
    if any(isinstance(part, CompactionPart) and not part.auto for part in message.parts):
        return COMPACT
    texts = [part.text for part in message.parts if isinstance(part, TextPart) and not part.synthetic]
    files = ["[file]" for part in message.parts if isinstance(part, OtherPart) and not part.synthetic]
    return "\n".join([*texts, *files]) or None


def _time(milliseconds: float | None) -> datetime:
    return datetime.fromtimestamp((milliseconds or 0) / 1000, UTC)
