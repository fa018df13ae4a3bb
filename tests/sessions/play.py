"""A generated script played by a cast of agents and a crowd of clients, with all that may befall the daemon meanwhile,
and what must hold at its end."""

from __future__ import annotations

import contextlib
import itertools
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence

import attrs
import trio

from jelmored.actors.running import running
from jelmored.config.settings import FailoverSettings, ResumeInterrupted
from jelmored.domain.commands import CreateSession, ForkSession, ResolveApproval
from jelmored.domain.events import EventType
from jelmored.domain.ids import SessionId
from jelmored.domain.permissions import PermissionMode
from jelmored.domain.prompts import Prompt, WhenUnavailable
from jelmored.domain.sessions import Facts, SessionView, view
from jelmored.domain.status import IN_TURN
from jelmored.errors import Crashed, ErrorKind, JournalError, Refused, Stopped
from jelmored.journal.base import Batch
from jelmored.journal.memory import MemoryJournal
from jelmored.sessions.directory import Directory
from jelmored.sessions.hub import Feed, Frame
from jelmored.sessions.moving.founding import birth, first_facts
from jelmored.supervision.providers import Providers
from jelmored.wire import codec
from jelmored.wire.states import Document
from tests.invariants import check
from tests.watch import Json, Note, Watch

from .cast import Actor, Cast, Company
from .stage import ME, house

PATIENCE = 5000.0  # virtual seconds in which everything that was asked has its answer
HIBERNATE = 300.0  # seconds
NAMES = ("puppet", "second", "third")
FORKS = 2  # in one script, at most


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
        self.watches.setdefault(feed.session_id, Watch(feed.session_id, feed.head or "start"))
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

    def __init__(self, providers: int, max_runs: int, failover: FailoverSettings) -> None:
        self.company = Company(failover.mid_turn)
        self.company.turn_of = lambda session_id: self.directory.get(session_id).turn
        self.casts = [Cast(name, self.company) for name in NAMES[:providers]]
        self.journal = Journal()
        self.sessions: list[SessionId] = []
        self.wishes: dict[str, WhenUnavailable | None] = {}
        """By the words of a prompt: may it wait for a provider?"""
        self.states: dict[SessionId, Document] = {}
        """What a suspended session was given out as, at last."""
        self.directory: Directory
        self._max_runs = max_runs
        self._failover = failover
        self._resume = ResumeInterrupted.PLANNED
        self._audience = Audience()
        self._numbers = itertools.count(1)
        self._keyed: dict[tuple[str, WhenUnavailable | None], str] = {}
        self._providers: Providers
        self._house: trio.Nursery
        self._asking: trio.Nursery
        self._power: trio.CancelScope
        self._stop: trio.Event
        self._down: trio.Event

    @property
    def on_stage(self) -> list[Actor]:
        return self.company.on_stage

    def session(self, which: int) -> SessionId:
        return self.sessions[which % len(self.sessions)]

    def words(self, wish: WhenUnavailable | None, key: str | None) -> str:
        """What nobody has said yet; under one key the same is said again."""
        words = f"words-{next(self._numbers)};"
        if key is not None:
            words = self._keyed.setdefault((key, wish), words)
        self.wishes[words] = wish
        return words

    async def play(self, script: Sequence[Callable[[Play], Awaitable[None]]]) -> None:
        """From the first line to the last; what must hold then, does."""
        policies = list(ResumeInterrupted)
        self._resume = policies[len(script) % len(policies)]
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
            facts = first_facts(CreateSession(cwd="/"), self.casts[0].name, PermissionMode.ASK, ())
            await self.journal.append([birth(facts, None)])
            self.sessions.append(facts.session_id)

    def ask(self, asking: Callable[[], Awaitable[object]]) -> None:
        """Ask beside the script; there must be an answer, whichever."""
        self._asking.start_soon(self._ask, asking)

    async def _ask(self, asking: Callable[[], Awaitable[object]]) -> None:
        with trio.move_on_after(PATIENCE) as patience:
            with contextlib.suppress(Refused, JournalError, Crashed, Stopped):
                await asking()
        self.company.expect(not patience.cancelled_caught, "who asked has no answer")

    async def fork(self, command: ForkSession) -> None:
        """A session more, whose agents know what was said in the other one."""
        directory, given = self.directory, tuple(self.company.given[command.session_id])
        forked = (await directory.fork(command, ME)).session_id
        entries = (await self.journal.read(forked, limit=5000, max_bytes=2**30)).entries
        events = [json.loads(entry.body) for entry in entries]
        begun = {e["metadata"].get("promptId") for e in events if e["eventType"] == "turn_started"}
        told = {e["content"] for e in events if e["eventType"] == "user" and e["metadata"]["promptId"] in begun}
        self.company.given[forked] = [words for words in given if words in told]
        self.sessions.append(forked)

    # The daemon

    async def _live(self, *, task_status: trio.TaskStatus[None]) -> None:
        self._stop, self._down = trio.Event(), trio.Event()
        async with trio.open_nursery() as self._asking:
            with trio.CancelScope() as self._power:
                async with house(
                    self.journal,
                    self.casts[0],
                    self._audience,
                    max_runs=self._max_runs,
                    hibernate_after=HIBERNATE,
                    others=self.casts[1:],
                    failover=self._failover,
                    resume=self._resume,
                    meet=self._meet,
                ) as self.directory:
                    task_status.started()
                    await self._stop.wait()
            if not self.journal.power:
                self._asking.cancel_scope.cancel()
        self._down.set()

    def _meet(self, providers: Providers) -> None:
        self._providers = providers

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
        """All is well again, and every agent brings to an end what it has in hand: nothing waits for ever."""
        self.journal.failures, self.company.online = 0, True
        for cast in self.casts:
            cast.starts = "at once"
            await self._providers.check(cast.name)  # a person has logged in, and says so
        for _ in range(100):
            for actor in self.on_stage:
                await actor.wind_down()
            for asked in self.directory.approvals():
                if asked.tool_name == "failover":  # we ask it ourselves, no agent withdraws it
                    await self.directory.resolve(ResolveApproval(approval_id=asked.approval_id, cancelled=True), ME)
            await trio.sleep(100)
            if self.directory.awake == 0:
                return
        told = [(seen.status, seen.queued_prompts, seen.attached) for seen in self._views()]
        self.company.expect(False, f"nothing settles: {told}")

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
        assert not self.company.faults, self.company.faults
        unknown = self.company.unknown
        for seen, queue in known:
            watch = self._audience.watches[seen.session_id]
            check(watch)
            entries = (await self.journal.read(seen.session_id, limit=5000, max_bytes=2**30)).entries
            events = [json.loads(entry.body) for entry in entries]
            assert events[len(events) - len(watch.events) :] == watch.events
            _agree(seen, events)
            asked = {event["content"] for event in events if event["eventType"] == "user"}
            assert not [told for which, words, told in unknown if which == seen.session_id and words in asked]
            _no_prompt_is_lost(watch, queue, self.wishes)


def _agree(seen: SessionView, events: Sequence[Json]) -> None:
    """What is known of the session is what its log tells."""
    of = {kind: [event for event in events if event["eventType"] == kind] for kind in EventType}
    assert seen.seq == len(events)
    assert seen.turn == len(of[EventType.TURN_STARTED]) == len(of[EventType.TURN_ENDED])
    assert seen.status not in IN_TURN
    forked = max(
        (event["seq"] for event in of[EventType.SYSTEM] if event["metadata"]["subtype"] == "forked"), default=0
    )
    moves = [event for event in of[EventType.FAILOVER] if event["seq"] > forked]  # a fork may begin anywhere
    for changes, now in ((of[EventType.STATUS_CHANGE], seen.status), (moves, seen.provider)):
        assert not changes or changes[-1]["metadata"]["to"] == now


def _no_prompt_is_lost(watch: Watch, queue: tuple[Prompt, ...], wishes: Mapping[str, WhenUnavailable | None]) -> None:
    """Each one has had its turn, went into another one, waits, or was dropped. What a turn read that is then done over
    may have another fate too; one that may wait for a provider has another turn after one that failed; so has one whose
    turn the end of the daemon has cut."""
    of = {kind: [e["metadata"] for e in watch.events if e["eventType"] == kind] for kind in EventType}
    wish_of = {e["metadata"]["promptId"]: wishes[e["content"]] for e in watch.events if e["eventType"] == "user"}
    started = [note.get("promptId") for note in of[EventType.TURN_STARTED]]
    ended = dict(zip(started, (note["reason"] for note in of[EventType.TURN_ENDED]), strict=True))  # the last of each
    ends = zip(started, of[EventType.TURN_ENDED], strict=True)
    cut = Counter(prompt_id for prompt_id, note in ends if note.get("cause") == "daemon_restart")
    dropped = [note["promptId"] for note in of[EventType.SYSTEM] if note["subtype"] == "prompt_dropped"]
    steered = [note["promptId"] for note in of[EventType.SYSTEM] if note["subtype"] == "steered"]
    waiting = [prompt.prompt_id for prompt in queue]
    assert set(wish_of) == {*started, *dropped, *steered, *waiting} - {None}
    for prompt_id, wish in wish_of.items():
        again = [*dropped, *waiting].count(prompt_id)
        assert again <= 1
        assert started.count(prompt_id) + again <= 1 + cut[prompt_id] or wish is WhenUnavailable.WAIT
        assert not (again and prompt_id in ended) or ended[prompt_id] == "failed" or cut[prompt_id]
    assert len(of[EventType.USER]) == len(wish_of)
