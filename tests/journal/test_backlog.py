from __future__ import annotations

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from jelmored.domain.ids import PromptId
from jelmored.errors import ErrorKind, JournalError
from jelmored.journal.backlog import Backlog, Write, weight
from jelmored.journal.base import Attachment, Batch, Entry, StoredPrompt
from tests.journal.contract import ONE

FULL = JournalError(ErrorKind.JOURNAL_FULL, "full")


async def _enter(backlog: Backlog, size: int, order: list[Write]) -> Write:
    await backlog.wait_room(size)
    write = Write((), size, since=trio.current_time())
    backlog.add(write)
    order.append(write)
    return write


async def test_lets_in_so_many_and_then_one_for_one() -> None:
    backlog, order = Backlog(max_writes=3), list[Write]()
    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(_enter, backlog, 1, order)
        await wait_all_tasks_blocked()
        assert len(order) == 3
        backlog.settle(order[:1])
        await wait_all_tasks_blocked()
        assert len(order) == 4
        backlog.settle(order[1:4])
    assert len(order) == 5


async def test_lets_in_so_many_bytes() -> None:
    backlog, order = Backlog(max_bytes=100), list[Write]()
    async with trio.open_nursery() as nursery:
        for size in (60, 40, 1):
            await wait_all_tasks_blocked()
            nursery.start_soon(_enter, backlog, size, order)
        await wait_all_tasks_blocked()
        assert [write.size for write in order] == [60, 40]
        backlog.settle(order[1:])
    assert [write.size for write in order] == [60, 40, 1]


async def test_what_is_larger_than_all_room_goes_alone_and_in_its_turn() -> None:
    backlog, order = Backlog(max_bytes=100), list[Write]()
    async with trio.open_nursery() as nursery:
        for size in (10, 500, 10):
            nursery.start_soon(_enter, backlog, size, order)
            await wait_all_tasks_blocked()
        assert [write.size for write in order] == [10]
        backlog.settle(order)
        await wait_all_tasks_blocked()
        assert [write.size for write in order] == [10, 500]
        backlog.settle(order[1:])
    assert [write.size for write in order] == [10, 500, 10]


async def test_who_gives_up_leaves_the_turn_to_the_next() -> None:
    backlog, order = Backlog(max_writes=1), list[Write]()
    await _enter(backlog, 1, order)
    async with trio.open_nursery() as nursery:
        with trio.move_on_after(0.01):
            nursery.start_soon(_enter, backlog, 7, order)
            await _enter(backlog, 1, order)
        await wait_all_tasks_blocked()
        backlog.settle(order)
    assert [write.size for write in order] == [1, 7]


async def test_the_oldest_is_the_one_that_waits_longest(autojump_clock: trio.testing.MockClock) -> None:
    backlog, order = Backlog(), list[Write]()
    assert backlog.oldest() is None
    first = await _enter(backlog, 1, order)
    await trio.sleep(1)
    await _enter(backlog, 1, order)
    assert backlog.oldest() == first.since
    backlog.settle([first])
    assert backlog.oldest() == first.since + 1


async def test_a_failure_reaches_all_that_wait_each_in_its_own_exception() -> None:
    backlog, order = Backlog(), list[Write]()
    for _ in range(3):
        await _enter(backlog, 1, order)
    backlog.fail(FULL)
    assert all(write.done.is_set() for write in order)
    assert len({id(write.error) for write in order} | {id(FULL)}) == 4
    assert backlog.oldest() is None


async def test_the_first_failure_of_a_write_counts_and_it_settles_once() -> None:
    backlog, order = Backlog(max_bytes=10), list[Write]()
    write = await _enter(backlog, 10, order)
    write.fail(FULL)
    backlog.fail(JournalError(ErrorKind.JOURNAL_FAILED, "stopped"))
    backlog.settle([write])
    assert write.error is not None
    assert write.error.kind is ErrorKind.JOURNAL_FULL
    await _enter(backlog, 10, order)
    with pytest.raises(trio.TooSlowError), trio.fail_after(0.01):
        await _enter(backlog, 1, order)


def test_the_weight_of_a_batch_is_that_of_its_bytes() -> None:
    batch = Batch(
        session_id=ONE,
        events=(Entry(1, "user", b"x" * 1000),),
        facts=b"x" * 2000,
        queue=(StoredPrompt(PromptId("prm_a"), b"x" * 4000),),
        open_items=b"x" * 8000,
        attachments=(Attachment("a", b"x" * 16000),),
    )
    assert 31_000 <= weight(batch) <= 31_200
