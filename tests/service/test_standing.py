from __future__ import annotations

from collections.abc import Mapping

import attrs
import pytest
import trio
from trio.testing import MockClock

from jelmored.actors.running import running
from jelmored.domain.status import Status
from jelmored.service.manager import Manager
from jelmored.service.standing import LOOK_SECONDS, Standing, line

from .ear import Ear, listening


@attrs.define
class FakeSessions:
    """Some sessions, and whether they drain: its own `draining`."""

    numbers: dict[Status, int] = attrs.field(factory=dict)
    under_way: bool = False

    def counts(self) -> Mapping[Status, int]:
        return self.numbers

    @property
    def draining(self) -> FakeSessions:
        return self


@pytest.mark.parametrize(
    ("counts", "flags", "words"),
    [
        ({}, {}, "0 sessions, 0 at work"),
        ({Status.IDLE: 1, Status.TERMINATED: 9}, {}, "1 session, 0 at work"),
        ({Status.ACTIVE: 2, Status.WAITING_INPUT: 1}, {}, "3 sessions, 3 at work, 1 waits for an answer"),
        ({Status.WAITING_INPUT: 2}, {}, "2 sessions, 2 at work, 2 wait for an answer"),
        ({Status.ACTIVE: 1}, {"draining": True}, "1 session, 1 at work, draining: no turns begin"),
        (
            {Status.ACTIVE: 1},
            {"draining": True, "stopping": True},
            "1 session, 1 at work, stopping: turns in hand are let end",
        ),
        ({Status.IDLE: 1}, {"stopping": True}, "1 session, 0 at work, stopping"),
    ],
)
def test_the_line(counts: dict[Status, int], flags: dict[str, bool], words: str) -> None:
    assert line(counts, **flags) == words


async def looked(ear: Ear) -> list[list[str]]:
    """What a look makes it say."""
    ear.listen()
    before = len(ear.heard)
    await trio.sleep(LOOK_SECONDS)
    await trio.testing.wait_all_tasks_blocked()
    return ear.listen()[before:]


async def test_what_has_changed_is_told_and_nothing_twice(autojump_clock: MockClock) -> None:
    sessions = FakeSessions({Status.IDLE: 1})
    with listening() as ear:
        async with running(Standing(Manager(ear.address), sessions, grace=20).run):
            await trio.testing.wait_all_tasks_blocked()
            assert ear.listen() == [["STATUS=1 session, 0 at work"]]
            assert await looked(ear) == []
            sessions.numbers[Status.ACTIVE] = 1
            assert await looked(ear) == [["STATUS=2 sessions, 1 at work"]]
            sessions.under_way = True
            assert await looked(ear) == [["STATUS=2 sessions, 1 at work, draining: no turns begin"]]


async def test_a_stop_is_given_more_time_for_as_long_as_it_lasts(autojump_clock: MockClock) -> None:
    sessions = FakeSessions({Status.ACTIVE: 1})
    with listening() as ear:
        standing = Standing(Manager(ear.address), sessions, grace=20)
        async with running(standing.run):
            await looked(ear)
            standing.stopping()
            [said] = ear.listen()[-1:]
            assert said == ["STOPPING=1", "STATUS=stopping", "EXTEND_TIMEOUT_USEC=30000000"]
            words = ["STATUS=1 session, 1 at work, stopping: turns in hand are let end"]
            assert await looked(ear) == [["EXTEND_TIMEOUT_USEC=30000000"], words]
            for _ in range(100):
                assert await looked(ear) == [["EXTEND_TIMEOUT_USEC=30000000"]]


async def test_without_a_manager_it_does_not_even_look(autojump_clock: MockClock) -> None:
    async with running(Standing(Manager(), None, grace=20).run):  # type: ignore[arg-type]
        await trio.sleep(100)
