"""How a task is asked: messages through a bounded queue, and one answer to each that wants one.

The queue belongs to the object, not to the task that serves it: an actor that crashes is served again by its next
incarnation. Nobody who asks is left hanging: the answer is a value, a refusal, `Crashed` or `Stopped`.
"""

from __future__ import annotations

import weakref
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Generic, TypeVar, cast

import attrs
import structlog
import trio

from jelmored.errors import Crashed, JournalError, ProviderError, Refused, Stopped

T = TypeVar("T")
M = TypeVar("M", bound="Tell")

log = structlog.get_logger(__name__)


@attrs.define(eq=False)
class Reply(Generic[T]):
    """A one-shot answer. Settling it never blocks, and the first one counts: an asker that left costs nothing."""

    _settled: trio.Event = attrs.field(factory=trio.Event, init=False)
    _value: T | None = attrs.field(default=None, init=False)
    _error: Exception | None = attrs.field(default=None, init=False)

    def set(self, value: T) -> None:
        """This is the answer."""
        if not self._settled.is_set():
            self._value = value
            self._settled.set()

    def fail(self, error: Exception) -> None:
        """There will be no answer; `wait` raises this error."""
        if not self._settled.is_set():
            self._error = error
            self._settled.set()

    async def wait(self) -> T:
        """The answer, once there is one. Raises what `fail` was given."""
        await self._settled.wait()
        if self._error is not None:
            raise self._error
        return cast("T", self._value)


@attrs.frozen(eq=False)
class Tell:
    """A message that wants no answer. Subclass it, frozen, with the fields it needs."""


@attrs.frozen(eq=False)
class Ask(Tell, Generic[T]):
    """A message that wants one `T` back: `class Prompt(Ask[TurnId])`. Its handler settles `reply`, at once or later."""

    reply: Reply[T] = attrs.field(factory=lambda: Reply(), kw_only=True, repr=False)


class Mailbox(Generic[M]):
    """A bounded queue of messages that outlives the task that serves it. Whoever owns it closes it at its end.

    Args:
        room: messages that may wait; who sends more waits for room.
    """

    def __init__(self, room: int) -> None:
        self._send, self._receive = trio.open_memory_channel[M](room)
        self._taken: weakref.WeakSet[Reply[Any]] = weakref.WeakSet()  # weak: settled, or awaited by nobody, is gone

    async def ask(self, message: Ask[T]) -> T:
        """Send a message and wait for its answer. Cancelled, it may be taken all the same, and whole.

        Raises:
            Refused, JournalError, ProviderError: what the handler answered.
            Crashed: the actor fell, or stopped, before it had answered; whether the message took effect is not known.
            Stopped: the mailbox is closed and the message was not looked at.
        """
        await self.tell(cast("M", message))  # no type says "an M that is an Ask[T]"; the handler's match has them all
        return await message.reply.wait()

    async def tell(self, message: M) -> None:
        """Send a message; waits while there is no room, so never call it from the handler of the same mailbox.

        Raises:
            Stopped: the mailbox is closed.
        """
        try:
            await self._send.send(message)
        except trio.ClosedResourceError:
            raise _stopped() from None

    def tell_nowait(self, message: M) -> bool:
        """Send a message if there is room; False if not. Raises `Stopped` once the mailbox is closed."""
        try:
            self._send.send_nowait(message)
        except trio.WouldBlock:
            return False
        except trio.ClosedResourceError:
            raise _stopped() from None
        return True

    @contextmanager
    def answering(self) -> Iterator[None]:
        """For as long as what is taken may be answered: an actor's whole run. At its end, however that comes, all that
        was taken and not answered gets `Crashed`."""
        try:
            yield
        finally:
            for reply in tuple(self._taken):
                reply.fail(Crashed("the actor ended before it had answered; it may have done what was asked, or not"))

    async def serve(self, handle: Callable[[M], Awaitable[None]]) -> None:
        """Hand over one message after the other until the mailbox is closed. One task at a time may do this.

        The handler settles an `Ask` by its `reply`; it may keep that and let another task answer, while `answering`.
        When the handler raises an error that is the asker's (`Refused`, `JournalError`, `ProviderError`), that is the
        answer. A `Tell` that is refused is logged and dropped. Anything else ends the serving.
        """
        async for message in self._receive:
            await self._attend(message, handle)

    async def serve_rest(self, handle: Callable[[M], Awaitable[None]]) -> None:
        """Hand over what waits already, and wait for nothing: the last of whoever serves. As `serve`, else."""
        with suppress(trio.WouldBlock, trio.EndOfChannel):
            while True:
                await self._attend(self._receive.receive_nowait(), handle)

    async def _attend(self, message: M, handle: Callable[[M], Awaitable[None]]) -> None:
        if not isinstance(message, Ask):
            return await self._attend_tell(message, handle)
        self._taken.add(message.reply)
        try:
            await handle(message)
        except (Refused, JournalError, ProviderError) as error:
            message.reply.fail(error)

    async def _attend_tell(self, message: M, handle: Callable[[M], Awaitable[None]]) -> None:
        """Nobody hears of a failure here: what is more than a refusal is the actor's own."""
        try:
            await handle(message)
        except Refused as no:
            log.warning("message refused", message=type(message).__name__, kind=no.kind, reason=no.message)

    def close(self) -> None:
        """Take nothing more and answer `Stopped` to all that waits; `serve` returns after the message in hand."""
        self._send.close()  # first, so that draining lets none of the waiting senders in
        while True:
            try:
                message = self._receive.receive_nowait()
            except trio.EndOfChannel:
                return
            if isinstance(message, Ask):
                message.reply.fail(_stopped())


def _stopped() -> Stopped:
    return Stopped("the actor is gone and did not look at the message")
