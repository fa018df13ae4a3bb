"""A person at the terminal: their keys are read and obeyed, and what they see is drawn, until they leave."""

from __future__ import annotations

import os
import signal
from typing import Protocol

import attrs
import trio

from .acting import Acting
from .client import Client
from .errors import ClientError
from .session import Session
from .terminal.desk import Decide, Do, Remark, Say, ShowAll, Wish
from .terminal.keyboard import Keyboard, Stroke, one_by_one
from .terminal.live import Live
from .terminal.questions import whole

WISHES = 16  # that wait for the daemon; then keys wait
LOOK_SECONDS = 5.0  # between two looks at who else waits


class Watched(Protocol):
    """Whom the person talks to about the watching itself."""

    async def stop(self) -> None:
        """The turn is to end."""

    def leave(self) -> None:
        """Enough is seen; the turn goes on."""

    async def settled(self, decision: Decide) -> None:
        """This approval is decided."""


@attrs.frozen
class Person:
    """Whoever sits there.

    Args:
        acting: carries out what they wish.
        live: what they see, with the desk that they are at.
        keyboard: the descriptor of the terminal whose keys count.
        home: their home directory.
    """

    client: Client
    session: Session
    acting: Acting
    live: Live
    keyboard: int
    home: str

    async def run(self, watched: Watched, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Until cancelled. When it is suspended, the terminal is as it was until it comes back."""
        await self._attend(watched, task_status)
        while True:
            await trio.lowlevel.checkpoint_if_cancelled()
            _suspend()
            await self._attend(watched, trio.TASK_STATUS_IGNORED)

    async def _attend(self, watched: Watched, task_status: trio.TaskStatus[None]) -> None:
        """Until it is suspended."""
        with one_by_one(self.keyboard):
            async with trio.open_nursery() as nursery:
                await nursery.start(self.live.run)
                wishes, wished = trio.open_memory_channel[Wish](WISHES)
                nursery.start_soon(self._obey, wishes, watched)
                nursery.start_soon(self._fulfil, wished, watched)
                nursery.start_soon(self._look)
                await nursery.start(self._hear_signals, nursery.cancel_scope)
                task_status.started()

    def clear(self) -> bool:
        """Throw away what is being typed; False if there is nothing."""
        self.live.changed()
        return self.live.desk.clear()

    async def _obey(self, wishes: trio.MemorySendChannel[Wish], watched: Watched) -> None:
        """What needs the daemon is done in its order beside this: keys are always heard."""
        keyboard, gone = Keyboard(self.keyboard), False
        while not gone:
            for press in await keyboard.presses():
                gone = press.stroke is Stroke.GONE
                wish = self.live.desk.press(press)
                self.live.changed()
                if wish is not None and not self._at_once(wish, watched):
                    await wishes.send(wish)

    def _at_once(self, wish: Wish, watched: Watched) -> bool:
        match wish:
            case Remark(words=words):
                self.live.aside(words)
            case ShowAll(approval=approval):
                self.live.show_all(whole(approval, self.home))
            case Do.LEAVE:
                watched.leave()
            case Do.OPEN:
                self.live.open_tool()
            case Do.HELP:
                self.live.help()
            case Do.REDRAW:
                self.live.redraw()
            case _:
                return False
        return True

    async def _fulfil(self, wished: trio.MemoryReceiveChannel[Wish], watched: Watched) -> None:
        async for wish in wished:
            match wish:
                case Decide():
                    if words := wish.words:
                        self.live.noted(wish.approval, words)
                    await watched.settled(wish)
                case Say():
                    if not await self.acting.say(wish):
                        self.live.desk.refill(wish.text)
                case Do.INTERRUPT:
                    await watched.stop()

    async def _look(self) -> None:
        """Who else waits for an answer."""
        while True:
            try:
                waiting = {approval.session_id for approval in await self.client.approvals()}
                self.live.elsewhere(len(waiting - {self.session.id}))
            except ClientError:
                pass  # the stream tells of a daemon that is gone
            await trio.sleep(LOOK_SECONDS)

    async def _hear_signals(self, scope: trio.CancelScope, *, task_status: trio.TaskStatus[None]) -> None:
        """Another size, and Ctrl-Z."""
        with trio.open_signal_receiver(signal.SIGWINCH, signal.SIGTSTP) as signals:
            task_status.started()
            async for number in signals:
                if number == signal.SIGTSTP:
                    scope.cancel()
                    return
                self.live.resized()


def _suspend() -> None:
    """As the terminal asked for; returns when the shell says `fg`. Without a shell that could, nothing happens."""
    ours = signal.signal(signal.SIGTSTP, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGTSTP)
    signal.signal(signal.SIGTSTP, ours)
