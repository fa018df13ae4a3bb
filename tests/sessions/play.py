"""A generated script played by a cast of agents and a crowd of clients, with all that may befall the daemon meanwhile,
and what must hold at its end."""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence

import attrs
import trio

from jelmored.actors.running import running
from jelmored.domain.commands import CreateSession
from jelmored.domain.events import EventType
from jelmored.domain.ids import SessionId
from jelmored.domain.permissions import PermissionMode
from jelmored.domain.prompts import Prompt
from jelmored.domain.sessions import Facts, SessionView, view
from jelmored.domain.status import IN_TURN
from jelmored.errors import Crashed, ErrorKind, JournalError, Refused, Stopped
from jelmored.journal.base import Batch
from jelmored.journal.memory import MemoryJournal
from jelmored.sessions.directory import Directory
from jelmored.sessions.founding import birth, first_facts
from jelmored.sessions.hub import Feed, Frame
from jelmored.wire import codec
from tests.invariants import check
from tests.watch import Note, Watch

from .cast import Cast
from .stage import house

PATIENCE = 5000.0  # virtual seconds in which everything that was asked has its answer
HIBERNATE = 300.0  # seconds


class Journal(MemoryJournal):
    """One that can fail for a while and lose its power."""

    power = True
    failures = 0

    async def append(self, batches: Sequence[Batch]) -> None:
        await trio.sleep(0.002)  # as a disk
        if not self.power:
            await trio.sleep_forever()
        if self.failures:
            self.failures -= 1
            raise JournalError(ErrorKind.JOURNAL_FULL, "no space left")
        await super().append(batches)


class Audience:
    """A client that is there all the time, over all lives of the daemon."""

    def __init__(self) -> None:
        self.watches: dict[SessionId, Watch] = {}

    def opened(self, feed: Feed) -> None:
        """As a subscription from the first event begins, or is taken up again."""
        feed.subscribers.add(self)
        self.watches.setdefault(feed.session_id, Watch(feed.session_id, "start"))
        approvals = [codec.to_json(approval) for approval in feed.approvals.values()]
        self._note(feed, "session/caughtUp", {"head": feed.head, "openItems": [], "approvals": approvals})

    def push(self, feed: Feed, frames: Sequence[Frame]) -> None:
        for frame in frames:
            message = json.loads(frame.payload)
            self._note(feed, message["method"], message["params"])

    def notify(self, payload: bytes) -> None:
        pass

    def closed(self, feed: Feed, payload: bytes) -> None:
        pass

    def _note(self, feed: Feed, method: str, params: dict[str, object]) -> None:
        self.watches[feed.session_id].add(Note(method, params, "", 0))


class Play:
    """One script's world: what outlives the daemon, and the daemon that lives now."""

    def __init__(self, max_runs: int) -> None:
        self.cast = Cast()
        self.journal = Journal()
        self.sessions: list[SessionId] = []
        self.directory: Directory
        self._max_runs = max_runs
        self._audience = Audience()
        self._house: trio.Nursery
        self._asking: trio.Nursery
        self._power: trio.CancelScope
        self._stop: trio.Event
        self._down: trio.Event

    async def play(self, script: Sequence[Callable[[Play], Awaitable[None]]]) -> None:
        """From the first line to the last; what must hold then, does."""
        async with running(self.journal.run):
            await self._found()
        async with trio.open_nursery() as self._house:
            await self._house.start(self._live)
            for line in script:
                await line(self)
            await self._wind_down()
            before = await self._known()
            await self.restart()
            assert await self._known() == before
            await self._check(before)
            await self._leave()

    async def _found(self) -> None:
        """Two sessions, as if made before; to make them takes a thread, and no clock jumps by itself beside one."""
        for _ in range(2):
            facts = first_facts(CreateSession(cwd="/"), self.cast.name, PermissionMode.ASK, ())
            await self.journal.append([birth(facts, None)])
            self.sessions.append(facts.session_id)

    def ask(self, asking: Callable[[], Awaitable[object]]) -> None:
        """Ask beside the script; there must be an answer, whichever."""
        self._asking.start_soon(self._ask, asking)

    async def _ask(self, asking: Callable[[], Awaitable[object]]) -> None:
        with trio.move_on_after(PATIENCE) as patience:
            with contextlib.suppress(Refused, JournalError, Crashed, Stopped):
                await asking()
        self.cast.expect(not patience.cancelled_caught, "who asked has no answer")

    # The daemon

    async def _live(self, *, task_status: trio.TaskStatus[None]) -> None:
        self._stop, self._down = trio.Event(), trio.Event()
        async with trio.open_nursery() as self._asking:
            with trio.CancelScope() as self._power:
                async with house(
                    self.journal, self.cast, self._audience, max_runs=self._max_runs, hibernate_after=HIBERNATE
                ) as self.directory:
                    task_status.started()
                    await self._stop.wait()
            if not self.journal.power:
                self._asking.cancel_scope.cancel()
        self._down.set()

    async def _leave(self) -> None:
        self._stop.set()
        await self._down.wait()

    async def restart(self) -> None:
        """An orderly stop, and a start."""
        await self._leave()
        await self._house.start(self._live)

    async def power_cut(self) -> None:
        """Nothing becomes durable from this moment on, and nobody gets an answer; then a start."""
        self.journal.power = False
        self._power.cancel()
        await self._down.wait()
        self.journal.power, self.journal.failures = True, 0
        await self._house.start(self._live)

    # The end

    async def _wind_down(self) -> None:
        """All is well again, and every agent brings to an end what it has in hand."""
        self.journal.failures, self.cast.starts = 0, "at once"
        for _ in range(100):
            for actor in self.cast.on_stage:
                await actor.wind_down()
            await trio.sleep(100)
            if all(seen.status not in IN_TURN for seen in self._views()):
                return
        self.cast.expect(False, "a turn does not end")

    def _views(self) -> list[SessionView]:
        return [self.directory.get(session_id) for session_id in self.sessions]

    async def _known(self) -> list[tuple[SessionView, tuple[Prompt, ...]]]:
        """What is known of each session; in memory and in the journal it is the same."""
        known = []
        for seen in self._views():
            stored = await self.journal.session(seen.session_id)
            assert stored is not None
            facts = codec.decode(stored.facts, Facts)
            kept = view(facts, attached=False, subscribers=1, queued=len(stored.queue), background_tasks=0)
            assert attrs.evolve(seen, attached=False, background_tasks=0) == kept
            assert seen.pending_approvals == 0 or seen.attached
            known.append((kept, self.directory.queue(seen.session_id)))
        return known

    async def _check(self, known: list[tuple[SessionView, tuple[Prompt, ...]]]) -> None:
        assert not self.cast.faults, self.cast.faults
        for seen, queue in known:
            watch = self._audience.watches[seen.session_id]
            check(watch)
            entries = (await self.journal.read(seen.session_id, limit=5000, max_bytes=2**30)).entries
            assert [json.loads(entry.body) for entry in entries] == watch.events
            _no_prompt_is_lost(watch, queue)


def _no_prompt_is_lost(watch: Watch, queue: tuple[Prompt, ...]) -> None:
    """Each one has had its turn, went into another one, waits, or was dropped. What a turn read that is then done over
    may have another fate too."""
    of = {kind: [e["metadata"] for e in watch.events if e["eventType"] == kind] for kind in EventType}
    admitted = [note["promptId"] for note in of[EventType.USER]]
    started = [note["promptId"] for note in of[EventType.TURN_STARTED] if note["origin"] == "prompt"]
    dropped = [note["promptId"] for note in of[EventType.SYSTEM] if note["subtype"] == "prompt_dropped"]
    steered = [note["promptId"] for note in of[EventType.SYSTEM] if note["subtype"] == "steered"]
    waiting = [prompt.prompt_id for prompt in queue]
    fates = Counter(started + dropped + waiting)
    assert set(admitted) == {*fates, *steered}
    assert max(fates.values(), default=1) == 1
    assert len(admitted) == len(set(admitted))
