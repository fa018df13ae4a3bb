from __future__ import annotations

import contextlib
import enum
from typing import assert_never

import attrs
import pytest
import structlog
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from jelmored.actors.children import Child, Restart
from jelmored.actors.mailbox import Ask, Mailbox, Reply, Tell
from jelmored.actors.restarts import Backoff, Limit, Policy
from jelmored.actors.running import running
from jelmored.actors.supervisor import Supervisor
from jelmored.errors import Crashed, ErrorKind, JelmoreError, JournalError, ProviderError, Refused, Stopped

from .virtual import run

PATIENT = Policy(
    limit=Limit(restarts=1000, period=1), unstable=1000, stable_after=60, backoff=Backoff(limit=2, jitter=0)
)


class How(enum.Enum):
    """What becomes of a message."""

    WELL = enum.auto()
    LATER = enum.auto()
    NEVER = enum.auto()
    HANG = enum.auto()
    REFUSED = enum.auto()
    CRASH = enum.auto()


@attrs.frozen(eq=False)
class Double(Ask[int]):
    number: int
    how: How = How.WELL


@attrs.frozen(eq=False)
class Note(Tell):
    number: int
    how: How = How.WELL


Message = Double | Note


class Fell(Exception):
    """What the actor crashes with."""


class Actor:
    """Doubles numbers. Its address is the mailbox; `run` is one incarnation."""

    def __init__(self, room: int = 2) -> None:
        self.mailbox = Mailbox[Message](room)
        self.taken: list[int] = []

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        with self.mailbox.answering():
            async with trio.open_nursery() as self._nursery:
                task_status.started()
                await self.mailbox.serve(self._handle)

    async def _handle(self, message: Message) -> None:
        self.taken.append(message.number)
        await self._suffer(message.how)
        match message:
            case Double(number=number, how=How.WELL, reply=reply):
                reply.set(number * 2)
            case Double(number=number, how=How.LATER, reply=reply):
                self._nursery.start_soon(self._answer_later, reply, number * 2)
            case Double() | Note():
                pass
            case _:
                assert_never(message)

    async def _suffer(self, how: How) -> None:
        await trio.sleep(1)
        match how:
            case How.REFUSED:
                raise Refused(ErrorKind.BUSY, "not now")
            case How.CRASH:
                raise Fell
            case How.HANG:
                await trio.sleep_forever()
            case _:
                pass

    async def _answer_later(self, reply: Reply[int], answer: int) -> None:
        await trio.sleep(5)
        reply.set(answer)


class Askers:
    """Ask in tasks of their own, and remember by its number what each one got: the answer, or the type of the error."""

    def __init__(self, mailbox: Mailbox[Message]) -> None:
        self._mailbox = mailbox
        self.got: dict[int, int | type[JelmoreError]] = {}

    async def ask(self, message: Double) -> None:
        try:
            answer = await self._mailbox.ask(message)
            self.got[message.number] = answer
        except JelmoreError as error:
            self.got[message.number] = type(error)

    async def all(self, nursery: trio.Nursery, *how: How) -> None:
        """Let them ask in this order, numbered from 0."""
        for number, each in enumerate(how):
            nursery.start_soon(self.ask, Double(number, each))
            await trio.testing.wait_all_tasks_blocked()


async def serve_until_it_falls(actor: Actor) -> None:
    with contextlib.suppress(ExceptionGroup):
        await actor.run()


async def test_an_ask_is_answered(autojump_clock: trio.testing.MockClock) -> None:
    actor = Actor()
    async with running(actor.run):
        answer: int = await actor.mailbox.ask(Double(21))
    assert answer == 42


async def test_an_answer_may_come_later_and_others_are_served_meanwhile(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    actor = Actor()
    askers = Askers(actor.mailbox)
    async with running(actor.run):
        await askers.all(nursery, How.LATER, How.WELL)
        await trio.sleep(3)
        assert askers.got == {1: 2}
        await trio.sleep(5)
        assert askers.got == {1: 2, 0: 0}


ASKERS_OWN = [
    Refused(ErrorKind.BUSY, "not now"),
    JournalError(ErrorKind.JOURNAL_FULL, "no room"),
    ProviderError(ErrorKind.UNAVAILABLE, "gone"),
]


@pytest.mark.parametrize("error", ASKERS_OWN, ids=lambda error: type(error).__name__)
async def test_an_error_that_is_the_askers_is_the_answer_and_the_actor_goes_on(
    error: JelmoreError, nursery: trio.Nursery
) -> None:
    async def handle(message: Double) -> None:
        if message.number == 0:
            raise error
        message.reply.set(message.number)

    mailbox = Mailbox[Double](1)
    nursery.start_soon(mailbox.serve, handle)
    with pytest.raises(type(error)) as caught:
        await mailbox.ask(Double(0))
    assert caught.value is error
    assert await mailbox.ask(Double(7)) == 7
    mailbox.close()


async def test_whoever_is_stopped_may_still_answer_what_it_has_taken(nursery: trio.Nursery) -> None:
    taken: list[Double] = []

    async def handle(message: Message) -> None:
        assert isinstance(message, Double)
        taken.append(message)

    async def actor() -> None:
        with mailbox.answering():
            with trio.CancelScope() as stopping:
                nursery.start_soon(stop_when_taken, stopping)
                await mailbox.serve(handle)
            await mailbox.serve_rest(handle)
            taken[0].reply.set(14)

    async def stop_when_taken(stopping: trio.CancelScope) -> None:
        await trio.testing.wait_all_tasks_blocked()
        stopping.cancel()

    mailbox = Mailbox[Message](2)
    askers = Askers(mailbox)
    await askers.all(nursery, How.WELL, How.WELL)
    await actor()
    await trio.testing.wait_all_tasks_blocked()
    assert askers.got == {0: 14, 1: Crashed}


async def test_a_tell_that_is_refused_is_logged_and_dropped(autojump_clock: trio.testing.MockClock) -> None:
    actor = Actor()
    with structlog.testing.capture_logs() as logs:
        async with running(actor.run):
            await actor.mailbox.tell(Note(1, How.REFUSED))
            assert await actor.mailbox.ask(Double(2)) == 4
    assert [(line["event"], line["message"], line["kind"]) for line in logs] == [("message refused", "Note", "busy")]


async def test_what_the_journal_says_to_a_tell_ends_the_serving_for_nobody_else_would_hear_it() -> None:
    async def handle(message: Note) -> None:
        raise JournalError(ErrorKind.JOURNAL_FULL, "no room")

    mailbox = Mailbox[Note](1)
    await mailbox.tell(Note(1))
    with pytest.raises(JournalError):
        await mailbox.serve(handle)


async def test_after_a_crash_the_next_incarnation_serves_what_was_queued(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    actor = Actor()
    askers = Askers(actor.mailbox)
    await askers.all(nursery, How.LATER, How.CRASH, How.WELL)
    await serve_until_it_falls(actor)
    await trio.testing.wait_all_tasks_blocked()
    assert askers.got == {0: Crashed, 1: Crashed}
    async with running(actor.run):
        await trio.sleep(2)
    assert askers.got[2] == 4


async def test_an_actor_that_is_cancelled_answers_crashed(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    actor = Actor()
    askers = Askers(actor.mailbox)
    async with running(actor.run):
        await askers.all(nursery, How.NEVER, How.HANG)
        await trio.sleep(10)
        assert askers.got == {}
    await trio.testing.wait_all_tasks_blocked()
    assert askers.got == {0: Crashed, 1: Crashed}


async def test_close_answers_what_waits_and_lets_the_message_in_hand_end(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    actor = Actor(room=1)
    askers = Askers(actor.mailbox)
    nursery.start_soon(actor.run)
    await askers.all(nursery, How.WELL, How.WELL, How.WELL)
    actor.mailbox.close()
    await trio.testing.wait_all_tasks_blocked()
    assert askers.got == {1: Stopped, 2: Stopped}
    await trio.sleep(2)
    assert askers.got[0] == 0


async def test_a_closed_mailbox_takes_nothing() -> None:
    actor = Actor()
    actor.mailbox.close()
    actor.mailbox.close()
    with pytest.raises(Stopped):
        await actor.mailbox.ask(Double(1))
    with pytest.raises(Stopped):
        await actor.mailbox.tell(Note(1))
    with pytest.raises(Stopped):
        actor.mailbox.tell_nowait(Note(1))
    await actor.run()
    assert actor.taken == []


async def test_tell_nowait_says_when_there_is_no_room() -> None:
    mailbox = Actor(room=2).mailbox
    assert [mailbox.tell_nowait(Note(number)) for number in range(3)] == [True, True, False]


async def test_an_asker_that_leaves_takes_nothing_away(autojump_clock: trio.testing.MockClock) -> None:
    actor = Actor()
    with trio.move_on_after(1):
        await actor.mailbox.ask(Double(1))
    async with running(actor.run):
        assert await actor.mailbox.ask(Double(2)) == 4
    assert actor.taken == [1, 2]


async def test_the_first_answer_counts() -> None:
    reply = Reply[int]()
    reply.set(1)
    reply.set(2)
    reply.fail(Fell())
    assert await reply.wait() == 1


@attrs.frozen
class Request:
    """Somebody asks at a time, and may lose patience."""

    at: float
    how: How
    patience: float


requests = st.lists(
    st.builds(
        Request,
        at=st.floats(min_value=0, max_value=20),
        how=st.sampled_from(How),
        patience=st.one_of(st.floats(min_value=0, max_value=10), st.just(1000.0)),
    ),
    max_size=12,
)

ALLOWED: dict[How, set[type[JelmoreError] | None]] = {
    How.WELL: {None, Crashed, Stopped},
    How.LATER: {None, Crashed, Stopped},
    How.NEVER: {Crashed, Stopped},
    How.HANG: {Crashed, Stopped},
    How.REFUSED: {Refused, Crashed, Stopped},
    How.CRASH: {Crashed, Stopped},
}
"""What an asker may get, an answer (None) or an error; `Crashed` can also be the matter of another's message."""


@settings(max_examples=500)
@given(
    requests,
    st.integers(0, 3),
    st.floats(min_value=0, max_value=40),
    st.floats(min_value=0, max_value=10),
)
def test_nobody_who_asks_is_left_hanging(
    script: list[Request], room: int, close_at: float, then_cancel_after: float
) -> None:
    actor = Actor(room)
    askers = Askers(actor.mailbox)

    async def ask(request: Request, number: int) -> None:
        await trio.sleep(request.at)
        with trio.move_on_after(request.patience):
            await askers.ask(Double(number, request.how))

    async def play() -> None:
        async with trio.open_nursery() as nursery:
            for number, request in enumerate(script):
                nursery.start_soon(ask, request, number)
            async with running(Supervisor("test", [Child("actor", actor.run, Restart.TRANSIENT)], PATIENT).run):
                await trio.sleep(close_at)
                actor.mailbox.close()
                await trio.sleep(then_cancel_after)

    async def main() -> None:
        with trio.fail_after(200):  # those with patience 1000 have all been answered
            await play()

    run(main)
    assert len(set(actor.taken)) == len(actor.taken), "a message was handled twice"
    for number, request in enumerate(script):
        if request.patience == 1000:
            assert number in askers.got
        got = askers.got.get(number, Crashed)
        if isinstance(got, int):
            assert got == number * 2
        assert (None if isinstance(got, int) else got) in ALLOWED[request.how]
