"""The end of a session's run, with nothing of it left, and the state from which the session goes on here or elsewhere.

The session's task decides and takes the snapshot; the state is made of it beside that task: the log is read for the
handoff, and the provider gives out what its agent keeps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import attrs

from jelmored.actors.beside import computed
from jelmored.domain.handoff import Scene
from jelmored.domain.ids import PromptId
from jelmored.domain.prompts import DocumentBlock, ImageBlock, Prompt
from jelmored.domain.sessions import Facts
from jelmored.domain.state import AgentRecord, SessionState
from jelmored.domain.status import Status, Step
from jelmored.errors import ErrorKind, Refused
from jelmored.journal.base import Journal
from jelmored.sessions.agent.briefing import handover_of
from jelmored.sessions.agent.handover import Handover, read_handoff
from jelmored.sessions.agent.hold import RunHold, config_of
from jelmored.sessions.agent.reminding import read_reminder
from jelmored.sessions.messages import Export, StandAside, Suspend
from jelmored.sessions.record.chronicle import Chronicle
from jelmored.sessions.turn.queue import PromptQueue
from jelmored.sessions.work import Work
from jelmored.supervision.providers import Providers
from jelmored.wire import codec
from jelmored.wire.states import Document, compressed, document_of

from .returning import check_at, gone_on

MAX_QUEUE = 3 * 1024 * 1024  # bytes of all prompts in a state, as JSON
RESUMABLE = frozenset({Status.SUSPENDED, Status.FAILED, Status.TERMINATED})
"""From there a session is opened again."""


@attrs.frozen(kw_only=True)
class Snapshot:
    """A session at one moment.

    Args:
        queue: all that waits, whole.
        still: its agent has no turn, and gets none before the state is made: what that keeps can be read.
    """

    facts: Facts
    queue: tuple[Prompt, ...]
    still: bool


Make = Callable[[Suspend | Export, Snapshot], None]


class Suspension:
    """Of one session. Only its task touches this.

    Args:
        make: begins to make the state and answers with it; for a snapshot that is still the session hears `StateMade`.
    """

    def __init__(self, chronicle: Chronicle, queue: PromptQueue, work: Work, hold: RunHold, make: Make) -> None:
        self._chronicle = chronicle
        self._queue = queue
        self._work = work
        self._hold = hold
        self._make = make
        self._asked: list[Suspend] = []
        self._aside: StandAside | None = None
        self._left = False

    @property
    def under_way(self) -> bool:
        """The run is being ended."""
        return bool(self._asked) or self._aside is not None

    def check_over(self) -> None:
        """Raises `Refused` (`busy`) while it is under way: it takes moments."""
        if self.under_way:
            doing = "suspended" if self._asked else "gone on with from where it was elsewhere"
            raise Refused(ErrorKind.BUSY, f"the session is just being {doing}; try again in a moment")

    def begin(self, ask: Suspend) -> None:
        """No turn begins any more.

        Raises:
            Refused: `wrong-status`, `busy`.
        """
        status = self._chronicle.facts.status
        if status is Status.TERMINATED:
            told = "the session is closed: there is no run to suspend"
            raise Refused(ErrorKind.WRONG_STATUS, told, remedy="`jelmore export` gives its state")
        if not (self.under_way or self._work.free or status is Status.SUSPENDED):
            remedy = f"jelmore interrupt {self._chronicle.facts.session_id}, or wait for its end; then again"
            raise Refused(ErrorKind.BUSY, "a turn runs: its work would be cut", remedy=remedy)
        self._asked.append(ask)
        self._work.ending = True
        self._work.parking.leave()

    def stand_aside(self, ask: StandAside) -> None:
        """The session's task ends: see `stands_aside`. No turn begins any more.

        Raises:
            Refused: `state-invalid`: it is not where it has to be; `busy`.
        """
        self.check_over()
        check_at(self._chronicle.facts, ask.at)
        if self._queue.given:
            raise Refused(ErrorKind.BUSY, "the agent is just about to begin a turn; try again in a moment")
        self._aside = ask
        self._work.ending = True

    def stands_aside(self) -> StandAside | None:
        """Whom to answer, once, when nothing of the run is left: then the task may end. None: not yet, or nobody
        asked."""
        if self._aside is None or self._left:
            return None
        if self._chronicle.facts.point != self._aside.at:  # its agent has begun something by itself
            aside, self._aside = self._aside, None
            self._work.ending = False
            aside.reply.fail(gone_on(self._chronicle.facts, aside.at))
            return None
        self._work.wind_up()
        self._left = self._work.over and not self._hold.readers
        return self._aside if self._left else None

    def wind_up(self) -> None:
        """Once nothing of the run is left, the session is suspended. A turn that an agent has begun by itself meanwhile
        ends first."""
        if not self._asked:
            return
        if self._work.turn is not None:
            self._work.interrupt()
        self._work.wind_up()
        if not self._work.over:
            return
        if self._chronicle.facts.status is not Status.SUSPENDED:
            self._chronicle.step(Step.SUSPENDED)
        asked, self._asked = self._asked, []
        self._work.ending = False
        for ask in asked:
            self.give_out(ask)

    def give_out(self, ask: Suspend | Export) -> None:
        """Have the state made, as the session is now, once that is durable."""
        still = self._work.turn is None and not (self._queue.given or self._hold.background_tasks)
        if still:
            self._hold.readers += 1
        prompts = tuple(queued.prompt for queued in self._queue.whole)
        snapshot = Snapshot(facts=self._chronicle.facts, queue=prompts, still=still)
        self._chronicle.log.then(lambda: self._make(ask, snapshot), ask.reply.fail)

    def made(self) -> None:
        """A state is made: a turn that has begun meanwhile gets its agent."""
        self._hold.readers = max(self._hold.readers - 1, 0)
        self._work.pursue()

    def resume(self) -> None:
        """The session is open again; the next prompt gets an agent. Where it is open, nothing."""
        if self._chronicle.facts.status in RESUMABLE:
            self._work.ending = False
            self._chronicle.step(Step.RESUMED)


async def make_state(snapshot: Snapshot, journal: Journal, providers: Providers) -> Document:
    """The state of a session that is in the journal as the snapshot says.

    Raises:
        JournalError: the log can't be read.
    """
    facts = attrs.evolve(snapshot.facts, waiting_until=None, warnings=())
    scene = Scene(directory=facts.directory, portable=True)
    told = Handover(session_id=facts.session_id, after=0, until=facts.seq, window=None, scene=scene)
    handoff = await read_handoff(journal, told)
    whole = snapshot.still and await _is_whole(facts, journal, providers)
    record = await _record(facts, providers) if whole else None

    def sealed() -> Document:
        queue, left_out = _fitting(snapshot.queue)
        told = handoff.text if handoff else None
        state = SessionState(facts=facts, queue=queue, left_out=left_out, handoff=told, record=record)
        return document_of(journal.veil.value(state))

    sizes = (len(handoff.text) if handoff else 0, len(record.data) if record else 0, *map(_size, snapshot.queue))
    return await computed(sum(sizes), sealed)


async def _is_whole(facts: Facts, journal: Journal, providers: Providers) -> bool:
    """Does the agent's own record have all that was said? It may be a moment behind, and a killed agent's lacks some:
    then the handoff is better."""
    handover = handover_of(facts, None, None)
    knows = handover.doubt is None or not providers.knows(handover.doubt.provider)
    return knows or await read_reminder(journal, providers, handover) is None


async def _record(facts: Facts, providers: Providers) -> AgentRecord | None:
    """What the agent keeps itself, where it can be carried."""
    config = config_of(facts)
    if config.native_id is None or not providers.knows(facts.provider):
        return None
    supervisor = providers[facts.provider]
    record = await supervisor.records.pack(config)
    if record is None:
        return None
    data = await computed(len(record), lambda: compressed(record))
    return AgentRecord(provider=facts.provider, type=supervisor.type, data=data) if data is not None else None


def _size(prompt: Prompt) -> int:
    """About, in bytes."""
    long = (block.data if isinstance(block, ImageBlock | DocumentBlock) else block.text for block in prompt.blocks)
    return sum(len(text or "") for text in long)


def _fitting(queue: Sequence[Prompt]) -> tuple[tuple[Prompt, ...], tuple[PromptId, ...]]:
    """Those that a state has room for, and which it has not."""
    kept: list[Prompt] = []
    left_out: list[PromptId] = []
    room = MAX_QUEUE
    for prompt in queue:
        size = len(codec.encode(prompt))
        if size > room:
            left_out.append(prompt.prompt_id)
        else:
            room -= size
            kept.append(prompt)
    return tuple(kept), tuple(left_out)
