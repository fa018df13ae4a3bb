"""How a provider is, by what turns, looks and time tell of it; seen from outside its supervisor."""

from __future__ import annotations

from datetime import timedelta

import pytest
import trio

from jelmored.actors.running import running
from jelmored.domain.events import TurnReason
from jelmored.domain.failures import Failure
from jelmored.domain.ids import ProviderName
from jelmored.domain.models import BreakerState, Health
from jelmored.errors import ErrorKind, JournalError, Refused
from jelmored.journal.memory import MemoryJournal
from jelmored.supervision.cooling import Cooling
from jelmored.supervision.reports import Say
from jelmored.wire import codec

from .test_provider import (
    FAILED,
    GO,
    HELLO,
    LOGGED_OUT,
    PUPPET,
    Outage,
    at_work,
    ended,
    fail_thrice,
    limited,
    supervised,
    wall,
)


class FullJournal(MemoryJournal):
    async def keep_provider(self, name: ProviderName, body: bytes) -> None:
        raise JournalError(ErrorKind.JOURNAL_FULL, "no room")


async def test_three_failed_turns_in_a_row_are_unwell_and_a_good_one_heals(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with at_work() as s:
        seen = []
        for over in (FAILED, FAILED, FAILED, ended()):
            s.supervisor.note_turn(over)
            seen.append(s.told[-1].health)
        assert seen == [Health.DEGRADED, Health.DEGRADED, Health.UNHEALTHY, Health.HEALTHY]
        counters = s.supervisor.view().counters
        assert (counters.turns, counters.failures) == (4, 3)


async def test_what_says_nothing_of_the_provider_changes_nothing(autojump_clock: trio.testing.MockClock) -> None:
    async with at_work() as s:
        for _ in range(2):
            s.supervisor.note_turn(FAILED)
        s.supervisor.note_turn(ended(TurnReason.INTERRUPTED))
        s.supervisor.note_turn(ended(TurnReason.FAILED, Failure(kind=ErrorKind.CONTEXT_TOO_LONG, message="")))
        assert s.supervisor.view().health is Health.DEGRADED
        s.supervisor.note_turn(FAILED)
        assert s.supervisor.view().health is Health.UNHEALTHY


async def test_a_good_look_settles_what_only_a_person_could_mend(autojump_clock: trio.testing.MockClock) -> None:
    async with at_work() as s:
        s.supervisor.note_start_failed(LOGGED_OUT)
        assert s.told[-1].remedy == "log in"
        assert (await s.supervisor.check()).health is Health.HEALTHY
        s.supervisor.note_turn(FAILED)
        assert (await s.supervisor.check()).health is Health.DEGRADED, "a look says nothing of the model"


async def test_a_throttled_provider_says_until_when(autojump_clock: trio.testing.MockClock) -> None:
    async with at_work() as s:
        later = wall() + timedelta(hours=1)
        s.supervisor.note_turn(ended(TurnReason.FAILED, limited(later)))
        assert s.supervisor.view().cooling_until == later
        told = len(s.told)
        await trio.sleep(3599)
        assert len(s.told) == told
        await trio.sleep(1.1)
        assert (s.told[-1].health, s.told[-1].cooling_until) == (Health.HEALTHY, None), "clients are told"


async def test_an_open_breaker_lets_one_run_try_when_its_rest_is_over(autojump_clock: trio.testing.MockClock) -> None:
    async with at_work() as s:
        fail_thrice(s)
        with pytest.raises(Refused, match="3 failures in a row, the last one: connection refused"):
            await s.open_run()
        assert s.told[-1].open_until == wall() + timedelta(seconds=60)
        await trio.sleep(60.1)
        assert s.told[-1].breaker is BreakerState.HALF_OPEN, "clients are told"
        assert s.supervisor.admits()
        trial, puppet = await s.open_run()
        assert not s.supervisor.admits()
        puppet.leave()
        await trial.over.wait()
        await trio.testing.wait_all_tasks_blocked()
        assert s.supervisor.admits(), "it ended without a word on the provider"
        await s.open_run()
        s.supervisor.note_turn(FAILED)
        assert s.told[-1].open_until == wall() + timedelta(seconds=120)


async def test_a_trial_is_over_when_its_turn_is_not_when_another_sessions_is(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with at_work() as s:
        fail_thrice(s)
        await trio.sleep(60)
        trial, puppet = await s.open_run()
        trial.post(Say(GO))
        await puppet.heard()
        s.supervisor.note_turn(ended(TurnReason.INTERRUPTED))
        assert not s.supervisor.admits(), "that was a turn of another session"
        await puppet.finish(TurnReason.INTERRUPTED)
        await trio.testing.wait_all_tasks_blocked()
        s.supervisor.note_turn(ended(TurnReason.INTERRUPTED))
        assert s.supervisor.admits()
        assert s.supervisor.view().breaker is BreakerState.HALF_OPEN


async def test_the_first_words_of_an_answer_close_the_breaker_and_are_measured(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with at_work() as s:
        fail_thrice(s)
        await trio.sleep(60)
        trial, puppet = await s.open_run()
        trial.post(Say(GO))
        await trio.sleep(2)
        await puppet.tell(HELLO)
        await trio.sleep(5)
        await puppet.tell(HELLO)
        await trio.testing.wait_all_tasks_blocked()
        view = s.told[-1]
        assert (view.breaker, view.health, view.latency_ms) == (BreakerState.CLOSED, Health.HEALTHY, 2000)


async def test_a_cooling_is_kept_when_it_changes_and_only_then(autojump_clock: trio.testing.MockClock) -> None:
    journal = MemoryJournal()
    async with running(journal.run), at_work(journal=journal) as s:
        s.supervisor.note_turn(FAILED)
        await trio.testing.wait_all_tasks_blocked()
        assert await journal.providers() == {}
        s.supervisor.note_turn(ended(TurnReason.FAILED, limited()))
        await trio.testing.wait_all_tasks_blocked()
        kept = codec.decode((await journal.providers())[PUPPET], Cooling)
        assert kept.until == wall() + timedelta(seconds=60)
        again = supervised().supervisor
        again.remember(kept)
        assert again.view().cooling_until == kept.until


async def test_a_journal_without_room_does_not_fell_a_provider(autojump_clock: trio.testing.MockClock) -> None:
    async with at_work(journal=FullJournal()) as s:
        s.supervisor.note_turn(ended(TurnReason.FAILED, limited()))
        await trio.sleep(100)
        await s.open_run()


async def test_when_the_network_is_to_blame_the_provider_is_not(autojump_clock: trio.testing.MockClock) -> None:
    async with at_work(network=(outage := Outage())) as s:
        fail_thrice(s)
        stalled = Failure(kind=ErrorKind.TURN_STALLED, message="silent")
        s.supervisor.note_turn(ended(TurnReason.FAILED, stalled))
        view = s.told[-1]
        assert (view.health, view.breaker, view.reason) == (Health.OFFLINE, BreakerState.CLOSED, "silent")
        s.supervisor.reconnected(blamed=False)
        assert s.told[-1].health is Health.HEALTHY
        s.supervisor.cut_off()
        assert s.told[-1].reason == "the model's server can't be reached"
        s.supervisor.note_turn(ended())
        assert (s.told[-1].health, outage.ended) == (Health.HEALTHY, True)


async def test_a_network_that_was_there_all_the_time_leaves_the_blame(autojump_clock: trio.testing.MockClock) -> None:
    async with at_work(network=Outage()) as s:
        for _ in range(3):
            s.supervisor.note_turn(FAILED)
            s.supervisor.reconnected(blamed=True)
        assert s.told[-1].breaker is BreakerState.OPEN
        s.supervisor.reconnected(blamed=True)
