"""A session that went to another daemon comes back: its log goes on as one, and nothing else may take its place."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import attrs
import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from jelmored.domain.commands import ConfigureSession, MoveSession, ResolveApproval, ResumeSession, SendPrompt
from jelmored.domain.events import TurnReason
from jelmored.domain.failures import Failure
from jelmored.domain.ids import LogId, ProviderName, SessionId
from jelmored.domain.sessions import LINEAGE, LogPoint
from jelmored.domain.status import Status
from jelmored.errors import ErrorKind, JournalError, Refused
from jelmored.journal.memory import MemoryJournal
from jelmored.providers.base import Asked, RunFacts, SessionConfig, TurnBegan
from jelmored.testing.puppet import PuppetProvider, PuppetSession
from jelmored.wire.states import Document, digest, document_of, state_in
from tests.sessions.moving.test_forking import facts_of
from tests.sessions.moving.test_importing import carry, give, history, refusal, restore, take
from tests.sessions.moving.test_suspension import answer, suspend
from tests.sessions.stage import ME, Stage, stage
from tests.sessions.test_session import bash

Clock = trio.testing.MockClock


class Minding(PuppetProvider):
    """Its agents keep what they hear, each under an id of its own, as real ones do."""

    minted = itertools.count(1)

    def __init__(self, name: str = "puppet") -> None:
        super().__init__(name)
        self.latest: PuppetSession | None = None
        self.native_id = ""
        """Of that run."""

    def open(self, config: SessionConfig) -> PuppetSession:
        native_id = self.native_id = config.native_id or f"native-{next(self.minted)}"
        self.facts = RunFacts(native_id=native_id, used=True, model="puppet-1")
        self.latest = super().open(config)
        return self.latest

    @property
    def written(self) -> str:
        """What its last agent has kept."""
        return self.records.get(self.native_id, b"").decode()

    def keep(self, text: str) -> None:
        self.records[self.native_id] = f"{self.written}{text}\n".encode()


def minding(s: Stage) -> Minding:
    assert isinstance(s.provider, Minding)
    return s.provider


async def turn(s: Stage, session_id: SessionId, text: str) -> str:
    """One more turn, by an agent that keeps what it hears; what it was told."""
    await s.prompt(session_id, text)
    told = await answer(s, await current(s), text)
    minding(s).keep(text)
    return told


async def current(s: Stage) -> PuppetSession:
    """The run that works for the prompt that was said last."""
    await trio.testing.wait_all_tasks_blocked()
    run = minding(s).latest
    assert run is not None
    assert run.in_turn
    return run


@asynccontextmanager
async def pair(**more: Any) -> AsyncIterator[tuple[Stage, Stage]]:
    """Two daemons with nothing in common. `more`: of the second one."""
    async with stage(provider=Minding()) as first, stage(provider=Minding(), **more) as second:
        yield first, second


async def begun(s: Stage, text: str = "the parrot is Coco") -> SessionId:
    """A session with one turn."""
    session_id = await s.create(name="job", title="The job")
    await turn(s, session_id, text)
    return session_id


async def import_refused(s: Stage, document: Document) -> Refused:
    before = await s.journal.sessions()
    with pytest.raises(Refused) as no:
        await give(s, state=document)
    assert await s.journal.sessions() == before
    return no.value


def seqs(events: list[dict[str, Any]]) -> list[int]:
    return [event["seq"] for event in events]


@pytest.fixture
def both() -> Any:
    """Two daemons, and a session that the second one has taken up by its state, and gone on with."""

    @asynccontextmanager
    async def opened(**more: Any) -> AsyncIterator[tuple[Stage, Stage, SessionId]]:
        async with pair(**more) as (here, there):
            session_id = await begun(here)
            await restore(there, await suspend(here, session_id))
            await turn(there, session_id, "the cat is Tom")
            await suspend(there, session_id)
            yield here, there, session_id

    return opened


# It comes back


async def test_its_log_here_goes_on_with_all_that_happened_there(both: Any, autojump_clock: Clock) -> None:
    async with both() as (here, there, session_id):
        before, was = await history(here, session_id), here.directory.get(session_id)
        state = state_in(await there.directory.export(session_id))
        heard = len(here.watcher.events)
        view = await carry(there, here, session_id)
        events = await history(here, session_id)
        assert seqs(events) == list(range(1, view.seq + 1))
        assert events[: was.seq] == before
        assert events[was.seq : state.facts.seq] == await history(there, session_id)
        assert [event["metadata"].get("subtype") for event in events[state.facts.seq :]] == ["restored", None]
        assert events[-1]["content"] == "suspended → idle"
        assert here.watcher.events[heard:] == events[was.seq :]  # each once, in order
        assert (view.log_id, view.turn, view.status) == (was.log_id, 2, Status.IDLE)
        assert (view.usage, view.name) == (state.facts.usage, "job")
        facts = await facts_of(here, session_id)
        assert facts.lineage == (LogPoint(was.log_id, was.seq), state.facts.point)
        assert facts.begins_after == 0


async def test_its_agent_remembers_what_was_said_in_both(both: Any, autojump_clock: Clock) -> None:
    async with both() as (here, there, session_id):
        await carry(there, here, session_id)
        assert minding(here).written == "the parrot is Coco\nthe cat is Tom\n"
        assert await turn(here, session_id, "what do you know?") == "what do you know?"


async def test_without_its_record_its_agent_is_told_everything_once(both: Any, autojump_clock: Clock) -> None:
    async with both() as (here, there, session_id):
        there.provider.carries = False
        await carry(there, here, session_id)
        told = await turn(here, session_id, "what do you know?")
        assert told.count("USER: the parrot is Coco") == told.count("USER: the cat is Tom") == 1
        assert told.index("the parrot is Coco") < told.index("the cat is Tom")
        assert told.count("You take over") == 1


async def test_it_goes_on_here_and_over_a_restart(both: Any, autojump_clock: Clock) -> None:
    async with both() as (here, there, session_id):
        view = await carry(there, here, session_id)
        receipt = await here.prompt(session_id, "three")
        assert (receipt.turn, receipt.seq) == (3, view.seq + 1)
        await answer(here, await current(here), "three")
        seen = await history(here, session_id)
    async with stage(journal=here.journal) as again:
        assert await history(again, session_id) == seen
        assert again.directory.get(session_id).log_id == view.log_id


async def test_to_and_fro_both_logs_go_on(both: Any, autojump_clock: Clock) -> None:
    async with both() as (here, there, session_id):
        logs = {s: s.directory.get(session_id).log_id for s in (here, there)}
        begins = (await facts_of(there, session_id)).begins_after
        await carry(there, here, session_id)
        for number, (source, target) in enumerate([(here, there), (there, here)] * (LINEAGE // 2 + 1)):
            await turn(source, session_id, f"number {number}")
            await suspend(source, session_id)
            await carry(source, target, session_id, limit=2)
            assert target.directory.get(session_id).log_id == logs[target]
        whole, part = await history(here, session_id), await history(there, session_id)
        assert seqs(whole) == list(range(1, len(whole) + 1))
        assert part == whole[begins : begins + len(part)]
        assert await turn(here, session_id, "what do you know?") == "what do you know?"
        assert minding(here).written.count("number") == LINEAGE + 2
        assert len((await facts_of(here, session_id)).lineage) == LINEAGE


async def test_by_way_of_a_third_one(both: Any, autojump_clock: Clock) -> None:
    async with both() as (here, there, session_id), stage(provider=Minding()) as third:
        await carry(there, third, session_id)
        await turn(third, session_id, "the dog is Rex")
        await suspend(third, session_id)
        view = await carry(third, here, session_id)
        events = await history(here, session_id)
        assert seqs(events) == list(range(1, view.seq + 1))
        assert minding(here).written.endswith("Tom\nthe dog is Rex\n")


async def test_with_what_was_changed_there(both: Any, autojump_clock: Clock) -> None:
    other = PuppetProvider("other")
    async with both(others=[other]) as (here, there, session_id):
        await there.directory.resume(ResumeSession(session_id=session_id), ME)
        await there.directory.configure(ConfigureSession(session_id=session_id, name="renamed", title="Other"), ME)
        await there.prompt(session_id, "work")
        run = await current(there)
        await run.heard()
        await run.tell(Asked(bash()))
        asked = await there.watcher.wait_for("approval_requested")
        allow = ResolveApproval(approval_id=asked["metadata"]["approvalId"], option_id="allow-always")
        await there.directory.resolve(allow, ME)
        await run.heard_answer()
        await run.finish()
        await there.watcher.wait_for("turn_ended", 2)
        await trio.testing.wait_all_tasks_blocked()
        await there.directory.move(MoveSession(session_id=session_id, provider=ProviderName("other")), ME)
        await there.prompt(session_id, "there")
        await answer(there, await other.opened(), "there")
        was = state_in(await suspend(there, session_id)).facts
        view = await carry(there, here, session_id)
        facts = await facts_of(here, session_id)
        assert (view.name, view.title, view.turn) == ("renamed", "Other", 4)
        assert (facts.rules, facts.usage) == (was.rules, was.usage)
        assert facts.rules
        assert view.provider == "puppet"  # the other one is not here, and the log says so
        (told,) = [e for e in await history(here, session_id) if e["metadata"].get("fromProvider")]
        assert told["metadata"]["fromProvider"] == "other"
        assert "the parrot is Coco" in await turn(here, session_id, "what do you know?")


async def test_it_has_its_name_again_that_was_taken_there(autojump_clock: Clock) -> None:
    async with pair() as (here, there):
        session_id = await begun(here, "one")
        await there.create(name="job")
        assert (await restore(there, await suspend(here, session_id))).name is None
        assert (await carry(there, here, session_id)).name == "job"
        assert "formerName" not in (await history(here, session_id))[-1]["metadata"]


async def test_what_waited_here_waits_no_more_if_it_was_said_there(autojump_clock: Clock) -> None:
    async with pair() as (here, there):
        session_id = await here.create("fails")
        run = await current(here)
        await run.heard()
        await here.directory.prompt(SendPrompt(session_id=session_id, prompt="waits"), ME)
        await run.finish(TurnReason.FAILED, Failure(kind=ErrorKind.AUTH_REQUIRED, message="not logged in"))
        await here.watcher.wait_for("turn_ended")
        await restore(there, await suspend(here, session_id))
        await there.prompt(session_id, "and this")
        run = await current(there)
        await answer(there, run, "waits")
        assert await answer(there, run, "and this") == "and this"
        assert len(here.directory.queue(session_id)) == 1
        await suspend(there, session_id)
        await carry(there, here, session_id)
        assert here.directory.queue(session_id) == ()
    async with stage(journal=here.journal) as again:
        assert again.directory.queue(session_id) == ()


async def test_one_that_was_not_suspended_and_has_its_agent_still(autojump_clock: Clock) -> None:
    async with pair() as (here, there):
        session_id = await begun(here, "one")
        run = minding(here).latest
        await carry(here, there, session_id)
        await turn(there, session_id, "two")
        assert run is not None
        assert (run.alive, run.closed) == (True, False)
        view = await carry(there, here, session_id)
        assert not run.alive  # it does not know what was said there
        assert not view.attached
        assert await turn(here, session_id, "three") == "three"
        assert minding(here).written == "one\ntwo\nthree\n"  # its next agent does: the record has come too


async def test_one_that_was_closed_here(autojump_clock: Clock) -> None:
    async with pair() as (here, there):
        session_id = await begun(here, "one")
        await here.directory.close(session_id, ME)
        await carry(here, there, session_id)
        await turn(there, session_id, "two")
        view = await carry(there, here, session_id)
        assert (view.status, view.turn) == (Status.IDLE, 2)


async def test_a_turn_that_ran_there_is_closed_as_cut(both: Any, autojump_clock: Clock) -> None:
    async with both() as (here, there, session_id):
        await there.directory.resume(ResumeSession(session_id=session_id), ME)
        await there.prompt(session_id, "work")
        run = await current(there)
        await run.heard()
        await run.tell(Asked(bash()))
        await there.watcher.wait_for("approval_requested")
        view = await carry(there, here, session_id)
        assert (view.status, view.turn, view.pending_approvals) == (Status.IDLE, 3, 0)
        ended = await here.watcher.wait_for("turn_ended", 3)
        assert (ended["metadata"]["reason"], ended["metadata"]["cause"]) == ("interrupted", "daemon_restart")
        assert seqs(here.watcher.events) == list(range(1, here.directory.get(session_id).seq + 1))


# What is refused, and changes nothing


async def test_its_state_alone_and_the_way_is_named(both: Any, autojump_clock: Clock) -> None:
    async with both() as (here, there, session_id):
        document = await suspend(there, session_id)
        no = await refusal(here, document)
        assert (no.kind, no.field) == (ErrorKind.STATE_INVALID, "state.facts.seq")
        assert f"to event {document['facts']['seq']} is not in a state" in no.message
        assert "jelmore import FILE" in (no.remedy or "")
        assert minding(here).written == "the parrot is Coco\n"


async def test_what_has_gone_on_here_too(both: Any, autojump_clock: Clock) -> None:
    async with both() as (here, there, session_id):
        left = here.directory.get(session_id).seq
        await turn(here, session_id, "here too")
        document = await suspend(there, session_id)
        for no in (await refusal(here, document), await import_refused(here, document)):
            assert (no.kind, no.field) == (ErrorKind.STATE_INVALID, "state.facts.seq")
            assert f"left at event {left}; since then it has gone on here to event" in no.message
            assert "jelmore resume" in (no.remedy or "")
        events = await history(here, session_id)
        assert seqs(events) == list(range(1, here.directory.get(session_id).seq + 1))


async def test_what_goes_on_here_while_its_pages_come(both: Any, autojump_clock: Clock) -> None:
    async with both() as (here, there, session_id):
        told = await give(here, state=await there.directory.export(session_id))
        await give(here, session_id=session_id, events=await take(there, session_id, after=told.next - 1))
        await turn(here, session_id, "here too")
        seen = await history(here, session_id)
        for _ in range(2):
            with pytest.raises(Refused, match="has gone on here") as no:
                await give(here, session_id=session_id, last=True)
            assert no.value.kind is ErrorKind.STATE_INVALID
        assert await history(here, session_id) == seen
        assert minding(here).written == "the parrot is Coco\nhere too\n"


async def test_what_came_back_already(both: Any, autojump_clock: Clock) -> None:
    async with both() as (here, there, session_id):
        document = await suspend(there, session_id)
        await carry(there, here, session_id)
        for no in (await refusal(here, document), await import_refused(here, document)):
            assert f"came from there at event {document['facts']['seq']}" in no.message


async def test_a_turn_that_runs_here(autojump_clock: Clock) -> None:
    async with pair() as (here, there):
        session_id = await here.create("work")
        run = await current(here)
        await run.heard()
        await trio.testing.wait_all_tasks_blocked()
        await carry(here, there, session_id)
        no = await import_refused(here, await there.directory.export(session_id))
        assert "a turn runs here" in no.message
        assert run.alive


async def test_what_was_between_and_is_in_no_log(both: Any, autojump_clock: Clock) -> None:
    async with both() as (here, there, session_id), stage(provider=Minding()) as third:
        await restore(third, await suspend(there, session_id))
        no = await import_refused(here, await third.directory.export(session_id))
        assert (no.kind, no.field) == (ErrorKind.STATE_INVALID, "state.facts.beginsAfter")
        assert "what is between is in neither" in no.message


async def test_a_state_of_an_older_version_has_no_lineage(both: Any, autojump_clock: Clock) -> None:
    async with both() as (here, there, session_id), stage(provider=Minding()) as third:
        document = dict(await suspend(there, session_id))
        document["facts"] = {name: value for name, value in document["facts"].items() if name != "lineage"}
        del document["digest"]
        old = {**document, "digest": digest(document)}
        no = await refusal(here, old)
        assert "another log here" in no.message
        assert (await restore(third, old)).turn == 2


async def test_a_lineage_that_can_not_be_is_no_state(both: Any, autojump_clock: Clock) -> None:
    async with both() as (here, there, session_id):
        state = state_in(await suspend(there, session_id))
        ahead = attrs.evolve(state.facts, lineage=(LogPoint(LogId("log_x"), state.facts.seq + 1),))
        no = await refusal(here, document_of(attrs.evolve(state, facts=ahead)))
        assert no.field == "state.facts.lineage"


# Pages that break off


async def test_pages_that_break_off_leave_it_as_it_was(both: Any, autojump_clock: Clock) -> None:
    async with both() as (here, there, session_id):
        before, was = await here.journal.sessions(), await history(here, session_id)
        told = await give(here, state=await there.directory.export(session_id))
        assert told.next == len(was) + 1
        await give(here, session_id=session_id, events=await take(there, session_id, after=len(was), limit=2))
        with pytest.raises(Refused, match="not whole"):
            await give(here, session_id=session_id, last=True)
        assert (await here.journal.sessions(), await history(here, session_id)) == (before, was)
        assert minding(here).written == "the parrot is Coco\n"
    async with stage(journal=here.journal, provider=Minding()) as again:
        assert await history(again, session_id) == was
        await turn(again, session_id, "it goes on here")
        assert seqs(await history(again, session_id))[: len(was) + 1] == list(range(1, len(was) + 2))


async def test_a_cut_import_is_begun_anew_and_leaves_nothing(both: Any, autojump_clock: Clock) -> None:
    async with both() as (here, there, session_id):
        at = here.directory.get(session_id).seq
        for _ in range(3):
            await give(here, state=await there.directory.export(session_id))
            await give(here, session_id=session_id, events=await take(there, session_id, after=at, limit=2))
        assert isinstance(here.journal, MemoryJournal)
        kept = here.journal._logs
        assert len(kept) == 2
        await carry(there, here, session_id)
        assert list(kept) == [session_id]


class Moody(MemoryJournal):
    """Refuses, or has written and does not say so."""

    mood = "well"

    async def append(self, batches: Any) -> None:
        if self.mood == "full" and any(batch.takes_over for batch in batches):
            raise JournalError(ErrorKind.JOURNAL_FULL, "no room")
        await super().append(batches)
        if self.mood == "lost" and any(batch.takes_over for batch in batches):
            raise JournalError(ErrorKind.JOURNAL_FAILED, "no word of it")


@pytest.mark.parametrize("mood", ["full", "lost"])
async def test_a_disk_that_fails_leaves_no_half_of_it(mood: str, autojump_clock: Clock) -> None:
    journal = Moody()
    async with stage(journal=journal, provider=Minding()) as here, stage(provider=Minding()) as there:
        session_id = await begun(here, "one")
        await restore(there, await suspend(here, session_id))
        await turn(there, session_id, "two")
        was = await history(here, session_id)
        journal.mood = mood
        with pytest.raises(JournalError):
            await carry(there, here, session_id)
        journal.mood = "well"
        await trio.testing.wait_all_tasks_blocked()
        if mood == "full":
            assert await history(here, session_id) == was
            await give(here, session_id=session_id, last=True)
        view = here.directory.get(session_id)
        assert view.turn == 2
        assert seqs(here.watcher.events) == list(range(1, view.seq + 1))
        await turn(here, session_id, "three")
        assert seqs(await history(here, session_id)) == list(range(1, here.directory.get(session_id).seq + 1))


async def test_meanwhile_nobody_else_has_it(both: Any, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[ErrorKind] = []

    async with both() as (here, there, session_id):

        async def unpack(self: PuppetProvider, config: Any, record: bytes) -> bool:
            for ask in (here.prompt(session_id, "now"), give(here, session_id=session_id, last=True)):
                with pytest.raises(Refused) as no:
                    await ask
                asked.append(no.value.kind)
            here.directory.get(session_id)
            return False

        monkeypatch.setattr(PuppetProvider, "unpack", unpack)
        await carry(there, here, session_id)
        assert asked == [ErrorKind.BUSY, ErrorKind.BUSY]
        assert (await here.prompt(session_id, "now")).turn == 3


async def test_an_agent_that_begins_by_itself_just_then(autojump_clock: Clock) -> None:
    async with pair() as (here, there):
        session_id = await begun(here, "one")
        run = minding(here).latest
        assert run is not None
        await carry(here, there, session_id)
        await turn(there, session_id, "two")
        run.clings = True
        async with trio.open_nursery() as nursery:

            async def comes_back() -> None:
                with pytest.raises(Refused, match="has gone on here"):
                    await carry(there, here, session_id)

            nursery.start_soon(comes_back)
            await trio.testing.wait_all_tasks_blocked()
            assert run.closed
            await run.tell(TurnBegan())
        assert here.directory.get(session_id).turn == 2


# Whatever happens


@attrs.define
class _Model:
    """What must be true of the session, wherever it is."""

    log: dict[int, dict[str, Any]] = attrs.field(factory=dict)
    prompts: list[str] = attrs.field(factory=list)
    name: str | None = "job"
    known_at: set[int] = attrs.field(factory=lambda: {0})


async def _moves(steps: list[tuple[str, int]]) -> None:
    async with pair() as daemons:
        model, at = _Model(), 0
        session_id = await daemons[0].create(name="job")
        for number, (step, size) in enumerate(steps):
            s, other = daemons[at], daemons[1 - at]
            match step:
                case "turns":
                    for one in range(size):
                        model.prompts.append(f"prompt {number}.{one}")
                        told = await turn(s, session_id, model.prompts[-1])
                        heard = minding(s).written.splitlines()
                        assert all((said in heard) + told.count(f"USER: {said}\n") == 1 for said in model.prompts)
                case "rename":
                    model.name = f"name {number}"
                    await s.directory.resume(ResumeSession(session_id=session_id), ME)
                    await s.directory.configure(ConfigureSession(session_id=session_id, name=model.name), ME)
                case "rest":
                    await trio.sleep(100 * size)
                case "go" | "go with its state":
                    state = await suspend(s, session_id)
                    await _check(s, session_id, model)
                    known = 1 - at in model.known_at
                    if step == "go":
                        await carry(s, other, session_id, limit=size)
                    elif known:
                        await refusal(other, state)
                        continue
                    else:
                        await restore(other, state)
                    at, model.known_at = 1 - at, {0, 1}
            await _check(daemons[at], session_id, model)


async def _check(s: Stage, session_id: SessionId, model: _Model) -> None:
    events, view, facts = await history(s, session_id), s.directory.get(session_id), await facts_of(s, session_id)
    assert seqs(events) == list(range(facts.begins_after + 1, view.seq + 1))
    assert all(model.log.setdefault(event["seq"], event) == event for event in events)
    assert list(model.log) == list(range(1, view.seq + 1))
    assert (view.turn, view.name) == (len(model.prompts), model.name)
    assert view.usage.input_tokens == 10 * len(model.prompts)
    assert [e["content"] for e in model.log.values() if e["eventType"] == "user"] == model.prompts
    seen = seqs(s.watcher.events)
    assert seen == list(range(view.seq - len(seen) + 1, view.seq + 1))
    assert len(facts.lineage) <= LINEAGE


steps = st.tuples(st.sampled_from(["turns", "rename", "rest", "go", "go", "go with its state"]), st.integers(1, 3))


@settings(max_examples=40, deadline=None)
@given(st.lists(steps, max_size=14))
def test_to_and_fro_it_is_one_session(moves: list[tuple[str, int]]) -> None:
    trio.run(_moves, moves, clock=trio.testing.MockClock(autojump_threshold=0))
