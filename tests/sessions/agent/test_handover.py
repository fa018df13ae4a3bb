"""What is read of a long log for the next agent: its beginning, its end, and what has waited, page by page."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest

from jelmored.actors.running import running
from jelmored.domain.events import Draft, Event, EventType, Said, TurnStarted, UserNote
from jelmored.domain.handoff import Handoff, Scene
from jelmored.domain.ids import ItemId, PromptId
from jelmored.domain.times import utc_now
from jelmored.journal.base import Batch, Entry, Journal
from jelmored.journal.memory import MemoryJournal
from jelmored.journal.sqlite import SqliteJournal
from jelmored.sessions.agent.handover import PAGE_EVENTS, Handover, read_handoff
from jelmored.sessions.moving.founding import birth
from jelmored.wire import codec
from tests.sessions.book import PROVIDER, SESSION, facts
from tests.sessions.stage import ME

SMALL = 9_000  # tokens of a window: a handoff has 9000 characters of it


class Log:
    """A session's events in a journal, one after the other."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.seq = 0
        self.turn = 0
        self._entries: list[Entry] = []

    def add(self, turn: int | None, draft: Draft) -> None:
        self.seq += 1
        event = Event(
            session_id=SESSION,
            seq=self.seq,
            event_type=draft.event_type,
            content=draft.content,
            metadata=draft.metadata,
            timestamp=utc_now(),
            turn=turn,
            provider=PROVIDER,
        )
        self._entries.append(Entry(self.seq, draft.event_type, codec.encode(event)))

    def ask(self, text: str, disposition: Any = "started") -> PromptId:
        prompt_id = PromptId(f"prm_{text}")
        self.add(None, Draft(EventType.USER, text, UserNote(prompt_id=prompt_id, disposition=disposition, by=ME)))
        return prompt_id

    def begin(self, prompt_id: PromptId) -> None:
        self.turn += 1
        self.add(self.turn, Draft(EventType.TURN_STARTED, "", TurnStarted(prompt_id=prompt_id, origin="prompt")))

    def answer(self, text: str) -> None:
        self.add(self.turn, Draft(EventType.ASSISTANT, text, Said(item_id=ItemId(f"i{self.seq}"))))

    def exchange(self, text: str, answer: str) -> None:
        self.begin(self.ask(text))
        self.answer(answer)

    async def handoff(self, after: int = 0, until: int | None = None, **more: Any) -> Handoff | None:
        await self.journal.append([Batch(session_id=SESSION, events=tuple(self._entries))])
        self._entries.clear()
        told: dict[str, Any] = {"window": None, "scene": Scene(directory="/home", returning=after > 0)}
        last = self.seq if until is None else until
        return await read_handoff(self.journal, Handover(session_id=SESSION, after=after, until=last, **told | more))

    async def text(self, after: int = 0, until: int | None = None, **more: Any) -> str:
        handoff = await self.handoff(after, until, **more)
        assert handoff is not None
        return handoff.text


@asynccontextmanager
async def log(journal: Journal | None = None) -> AsyncIterator[Log]:
    kept = journal or MemoryJournal()
    async with running(kept.run):
        await kept.append([birth(facts(), None)])
        yield Log(kept)


async def test_an_empty_log_has_nothing_to_tell() -> None:
    async with log() as one:
        assert await one.handoff() is None


async def test_nothing_is_told_that_the_agent_knows_or_that_came_later() -> None:
    async with log() as one:
        one.exchange("first", "known")
        after = one.seq
        one.exchange("second", "missed")
        until = one.seq
        one.exchange("third", "later")
        text = await one.text(after, until)
        assert "missed" in text
        assert "known" not in text
        assert "later" not in text


@pytest.mark.parametrize("turns", [PAGE_EVENTS // 3, PAGE_EVENTS // 3 + 1, PAGE_EVENTS, PAGE_EVENTS + 1])
async def test_each_event_is_told_once_however_the_pages_fall(turns: int) -> None:
    async with log() as one:
        for number in range(turns):
            one.exchange(f"ask-{number};", f"answer-{number};")
        handoff = await one.handoff()
        assert handoff is not None
        for number in range(turns):
            assert handoff.text.count(f"ask-{number};") == handoff.text.count(f"answer-{number};") == 1
        assert (handoff.carried.turns, handoff.carried.truncated) == (turns, False)


async def test_of_a_long_log_the_very_beginning_and_the_end_are_read_and_the_gap_is_named() -> None:
    async with log() as one:
        for number in range(400):
            one.exchange(f"ask-{number};", f"answer-{number}; " + "x" * 500)
        handoff = await one.handoff(window=SMALL)
        assert handoff is not None
        assert "ask-0;" in handoff.text
        assert "answer-399;" in handoff.text
        assert "ask-200;" not in handoff.text
        assert "left out here" in handoff.text
        assert handoff.carried.truncated
        assert len(handoff.text) <= SMALL


async def test_events_of_many_bytes_are_read_too() -> None:
    async with log() as one:
        for number in range(3):
            one.exchange(f"ask-{number};", "y" * 130_000)
        text = await one.text(window=2_000_000)
        assert [f"ask-{number};" in text for number in range(3)] == [True, True, True]


async def test_a_prompt_that_had_waited_before_the_agent_left_is_told_with_its_turn() -> None:
    async with log() as one:
        one.exchange("first", "known")
        waiting = one.ask("the one that waited", "queued")
        for _ in range(PAGE_EVENTS):
            one.answer("known")
        after = one.seq
        one.begin(waiting)
        one.answer("done elsewhere")
        text = await one.text(after)
        assert text.index("USER: the one that waited") < text.index("ASSISTANT: done elsewhere")
        assert "known" not in text.partition("--- the conversation")[2]


async def test_the_prompt_in_hand_is_not_looked_for() -> None:
    async with log() as one:
        one.exchange("first", "known")
        waiting = one.ask("in hand", "queued")
        after = one.seq
        one.begin(waiting)
        assert await one.handoff(after, scene=Scene(directory="/home", returning=True, prompt_turn=one.turn)) is None


async def test_a_restart_in_the_middle_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    async with log(SqliteJournal(path)) as one:
        for number in range(30):
            one.exchange(f"ask-{number};", f"answer-{number};")
        before = await one.text(9)
    kept = SqliteJournal(path)
    async with running(kept.run):
        handover = Handover(
            session_id=SESSION,
            after=9,
            until=one.seq,
            window=None,
            scene=attrs.evolve(Scene(directory="/home"), returning=True),
        )
        again = await read_handoff(kept, handover)
        assert again is not None
        assert again.text == before
