"""When an agent has to be told something before a prompt, and from which event on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import attrs
import trio

from jelmored.config.settings import FailoverSettings
from jelmored.domain.handoff import Cut
from jelmored.domain.ids import ProviderName
from jelmored.domain.prompts import TextBlock
from jelmored.domain.ranking import Policy
from jelmored.domain.sessions import NativeSession
from jelmored.sessions.agent.briefing import Briefing, handover_of, known_at
from jelmored.sessions.agent.handover import Handover
from jelmored.sessions.agent.router import Router
from jelmored.sessions.turn.turns import Turn
from jelmored.supervision.providers import Providers
from tests.sessions.book import PROVIDER, Book, facts, open_book
from tests.sessions.turn.test_queue import prompt

USED = NativeSession(native_id="n1", used=True)


def router() -> Router:
    """Of no provider: whatever is asked, the window is not known."""
    nobody = Providers([], max_total_runs=1, changed=lambda view: None, policy=Policy(default="x"))
    return Router(nobody, FailoverSettings())


@attrs.frozen
class Desk:
    briefing: Briefing
    book: Book
    asked: list[Handover]

    def ask(self, turn: Turn | None = None) -> None:
        self.briefing.ask(turn, self.book.chronicle.facts)


@asynccontextmanager
async def desk(**known: Any) -> AsyncIterator[Desk]:
    asked: list[Handover] = []
    async with open_book(**known) as book:
        yield Desk(Briefing(book.chronicle, router(), asked.append), book, asked)


def turn(**more: Any) -> Turn:
    return Turn(3, prompt("go"), 0, **more)


async def test_an_agent_that_knows_all_is_told_nothing(autojump_clock: trio.testing.MockClock) -> None:
    async with desk() as d:
        assert not d.briefing.lacks(turn())


async def test_one_that_is_behind_or_was_cut_is_told_once(autojump_clock: trio.testing.MockClock) -> None:
    async with desk() as d:
        cut = turn(cut=Cut(why="crash"))
        assert d.briefing.lacks(cut)
        d.book.chronicle.know(behind=0)
        assert d.briefing.lacks(turn())
        assert not d.briefing.lacks(turn(told=True))


async def test_a_command_of_the_agent_goes_as_it_is(autojump_clock: trio.testing.MockClock) -> None:
    async with desk(behind=0) as d:
        compact = attrs.evolve(prompt("x"), blocks=(TextBlock(text="/compact"),))
        assert not d.briefing.lacks(Turn(3, compact, 0))
        assert not d.briefing.lacks(Turn(3, None, 0))


async def test_it_is_made_once_at_a_time_and_what_was_forgotten_does_not_count(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with desk(behind=0) as d:
        d.ask()
        d.ask()
        (first,) = d.asked
        d.briefing.forget()
        assert not d.briefing.made(first)
        d.ask()
        assert d.briefing.made(d.asked[1])
        assert not d.briefing.made(d.asked[1])


def test_from_where_the_agent_is_told() -> None:
    behind = handover_of(facts(seq=9, behind=4), None, turn(after=7))
    assert (behind.after, behind.until, behind.scene.returning, behind.scene.prompt_turn) == (4, 9, True, 3)
    new = handover_of(facts(seq=9, behind=0), None, None)
    assert (new.after, new.scene.returning, new.scene.prompt_turn) == (0, False, None)
    cut = handover_of(facts(seq=9), None, turn(after=7, cut=Cut(why="crash", same_agent=True)))
    assert (cut.after, cut.scene.cut) == (7, Cut(why="crash", same_agent=True))


def test_what_a_provider_knows_it_knows_by_a_session_of_its_own() -> None:
    heard = {PROVIDER: 5, ProviderName("other"): 8}
    known = facts(heard=heard, native={PROVIDER: USED, ProviderName("other"): NativeSession(native_id="n2")})
    assert known_at(known, PROVIDER) == 5
    assert known_at(known, ProviderName("other")) == 0, "its session has never accepted a message"
    assert known_at(known, ProviderName("third")) == 0
