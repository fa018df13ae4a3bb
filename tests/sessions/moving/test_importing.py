"""A session goes on in another daemon: what comes with it, what its agent knows, and what is refused whole."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import attrs
import orjson
import pytest
import trio

from jelmored.domain.commands import ForkSession, MoveSession, ResumeSession, SendPrompt
from jelmored.domain.events import Draft, EventType, Said, ToolResult, ToolUse, TurnReason
from jelmored.domain.failures import Failure
from jelmored.domain.ids import ConnectionId, ItemId, PromptId, ProviderName, SessionId, ToolUseId
from jelmored.domain.permissions import ToolKind
from jelmored.domain.prompts import Author, ImageBlock
from jelmored.domain.sessions import Facts, SessionView
from jelmored.domain.state import AgentRecord
from jelmored.domain.status import Status
from jelmored.errors import ErrorKind, JournalError, Refused, SessionError
from jelmored.journal.base import Batch
from jelmored.journal.memory import MemoryJournal
from jelmored.providers.base import Asked, RunFacts, SessionConfig
from jelmored.testing.puppet import PuppetProvider
from jelmored.wire import codec
from jelmored.wire.messages import ImportProgress, ImportSession
from jelmored.wire.states import Document, compressed, document_of, state_in
from tests.sessions.moving.test_forking import facts_of
from tests.sessions.moving.test_suspension import answer, suspend, talk
from tests.sessions.stage import ME, PUPPET, Stage, stage
from tests.sessions.test_session import bash
from tests.watch import Json

Clock = trio.testing.MockClock
MEMORY = b"what its agent keeps"


@asynccontextmanager
async def two(
    *, here: PuppetProvider | None = None, there: PuppetProvider | None = None, **more: Any
) -> AsyncIterator[tuple[Stage, Stage]]:
    """Two daemons with nothing in common. `more`: of the second one."""
    async with stage(provider=here) as first, stage(provider=there, **more) as second:
        second.provider.facts = RunFacts(native_id="native-there", used=True, model="puppet-1")
        yield first, second


async def restore(s: Stage, document: Document, **more: Any) -> SessionView:
    return await s.directory.resume(ResumeSession(state=document, **more), ME)


async def refusal(s: Stage, document: Document, **more: Any) -> Refused:
    """Why it can't be taken up; nothing has changed."""
    before = await s.journal.sessions()
    with pytest.raises(Refused) as no:
        await restore(s, document, **more)
    assert await s.journal.sessions() == before
    return no.value


def sealed(document: Document, **changes: Any) -> Document:
    """The same state with other facts."""
    state = state_in(document)
    return document_of(attrs.evolve(state, facts=attrs.evolve(state.facts, **changes)))


async def history(s: Stage, session_id: SessionId) -> list[dict[str, Any]]:
    page = await s.directory.history(session_id)
    return [orjson.loads(entry.body) for entry in page.entries]


# With its state alone


async def test_it_goes_on_with_the_next_number_and_all_that_is_known(autojump_clock: Clock) -> None:
    async with two() as (here, there):
        session_id, _ = await talk(here, "one", "two")
        document = await suspend(here, session_id)
        was = here.directory.get(session_id)
        now = await restore(there, document)
        assert (now.session_id, now.status, now.turn, now.usage) == (session_id, Status.IDLE, 2, was.usage)
        assert (now.name, now.title, now.created_at) == (was.name, was.title, was.created_at)
        assert now.log_id != was.log_id
        events = await history(there, session_id)
        assert [event["seq"] for event in events] == [was.seq + 1, was.seq + 2]
        assert events[0]["metadata"]["subtype"] == "restored"
        assert (events[0]["metadata"]["atSeq"], events[0]["metadata"]["memory"]) == (was.seq, "handoff")
        assert events[1]["content"] == "suspended → idle"
        assert (await facts_of(there, session_id)).begins_after == was.seq
        receipt = await there.prompt(session_id, "three")
        assert (receipt.turn, receipt.seq) == (3, was.seq + 3)


async def test_an_agent_whose_record_has_come_is_told_nothing(autojump_clock: Clock) -> None:
    async with two() as (here, there):
        here.provider.records["native-1"] = MEMORY
        session_id, _ = await talk(here, "the parrot is Coco")
        await restore(there, await suspend(here, session_id))
        assert there.provider.records == {"native-1": MEMORY}
        assert (await history(there, session_id))[0]["metadata"]["memory"] == "record"
        await there.prompt(session_id, "two")
        run = await there.provider.opened()
        assert run.config.native_id == "native-1"
        assert await answer(there, run, "two") == "two"


@pytest.mark.parametrize("why", ["none came", "another is there", "it falls", "it hangs", "another kind"])
async def test_without_its_record_it_is_told_what_was_said(
    why: str, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def falls(self: PuppetProvider, config: SessionConfig, record: bytes) -> bool:
        raise SessionError(ErrorKind.STATE_INVALID, "no room")

    async def hangs(self: PuppetProvider, config: SessionConfig, record: bytes) -> bool:
        await trio.sleep(10_000)
        return True

    async with two() as (here, there):
        if why != "none came":
            here.provider.records["native-1"] = MEMORY
        if why == "another is there":
            there.provider.records["native-1"] = b"of somebody else"
        session_id, _ = await talk(here, "the parrot is Coco")
        document = await suspend(here, session_id)
        if why == "another kind":
            state = state_in(document)
            record = AgentRecord(provider=PUPPET, type="claude", data=compressed(MEMORY) or "")
            document = document_of(attrs.evolve(state, record=record))
        if why in ("it falls", "it hangs"):
            monkeypatch.setattr(PuppetProvider, "unpack", falls if why == "it falls" else hangs)
        await restore(there, document)
        assert there.provider.records.get("native-1") != MEMORY
        await there.prompt(session_id, "two")
        run = await there.provider.opened()
        assert run.config.native_id is None
        told = await answer(there, run, "two")
        assert told.startswith("You take over a conversation")
        assert "USER: the parrot is Coco\n\nASSISTANT: done: the parrot is Coco" in told
        assert told.endswith("two")
        await there.prompt(session_id, "three")
        assert await answer(there, run, "three") == "three"  # once


async def test_what_was_said_is_kept_until_it_is_told_also_over_a_restart(autojump_clock: Clock) -> None:
    async with two() as (here, there):
        session_id, _ = await talk(here, "the parrot is Coco")
        await restore(there, await suspend(here, session_id))
    async with stage(journal=there.journal) as again:
        await again.prompt(session_id, "two")
        assert "the parrot is Coco" in await answer(again, await again.provider.opened(), "two")


async def test_what_was_said_goes_on_to_a_third_daemon_and_to_a_third_provider(autojump_clock: Clock) -> None:
    other = PuppetProvider("other")
    async with two(others=[other]) as (here, there), stage() as third:
        session_id, _ = await talk(here, "the parrot is Coco")
        await restore(there, await suspend(here, session_id))
        await there.prompt(session_id, "the cat is Tom")
        await answer(there, await there.provider.opened(), "the cat is Tom")
        await restore(third, await suspend(there, session_id))
        await there.directory.resume(ResumeSession(session_id=session_id), ME)
        await there.directory.move(MoveSession(session_id=session_id, provider=ProviderName("other")), ME)
        await there.prompt(session_id, "what do you know?")
        await third.prompt(session_id, "what do you know?")
        for run in (await other.opened(), await third.provider.opened()):
            told = (await run.heard()).text
            assert told.index("the parrot is Coco") < told.index("the cat is Tom")
            assert told.count("the parrot is Coco") == 2  # the prompt and its answer
            assert told.count("You take over") == 1


async def test_a_long_conversation_leaves_room_for_what_came_after_it(autojump_clock: Clock) -> None:
    async with two() as (here, there):
        session_id, run = await talk(here, "the parrot is Coco")
        for number in range(20):
            await here.prompt(session_id, f"long {number}: " + "x" * 10_000)
            await answer(here, run, f"long {number}")
        document = await suspend(here, session_id)
        assert 100_000 < len(state_in(document).handoff or "") < 130_000
        await restore(there, document)
        await there.prompt(session_id, "new 0")
        run = await there.provider.opened()
        await answer(there, run, "new 0")
        for number in (1, 2):
            await there.prompt(session_id, f"new {number}: " + "y" * 10_000)
            await answer(there, run, f"new {number}")
        before = await suspend(there, session_id)
        assert "new 2" in (state_in(before).handoff or "")
        assert "the parrot is Coco" in (state_in(before).handoff or "")


@pytest.mark.usefixtures("without_threads")
async def test_what_waits_comes_with_it(autojump_clock: Clock) -> None:
    async with two() as (here, there):
        session_id = await here.create("fails")
        run = await here.provider.opened()
        await run.heard()
        picture = ImageBlock(mime_type="image/png", data="aGk=")
        await here.directory.prompt(SendPrompt(session_id=session_id, prompt=(picture,)), ME)
        await here.prompt(session_id, "waits too")
        await run.finish(TurnReason.FAILED, Failure(kind=ErrorKind.AUTH_REQUIRED, message="not logged in"))
        await here.watcher.wait_for("turn_ended")
        waiting = here.directory.queue(session_id)
        document = await suspend(here, session_id)
        await restore(there, document)
        assert there.directory.queue(session_id) == waiting
    async with stage(journal=there.journal) as again:
        assert again.directory.queue(session_id) == waiting  # the picture too
        await again.prompt(session_id, "now")
        assert (await (await again.provider.opened()).heard()).blocks[-1] == picture


async def test_what_was_left_out_is_told(autojump_clock: Clock) -> None:
    async with two() as (here, there):
        session_id, _ = await talk(here, "one")
        state = state_in(await suspend(here, session_id))
        await restore(there, document_of(attrs.evolve(state, left_out=(PromptId("prm_large"),))))
        events = await history(there, session_id)
        assert [event["metadata"].get("subtype") for event in events] == ["restored", "prompt_dropped", None]
        assert events[1]["metadata"]["promptId"] == "prm_large"


async def test_a_turn_that_ran_at_the_export_is_closed_as_cut(autojump_clock: Clock) -> None:
    async with two() as (here, there):
        session_id = await here.create("work")
        run = await here.provider.opened()
        await run.heard()
        await run.tell(Draft(EventType.ASSISTANT, "half of it", Said(item_id=ItemId("i"))), Asked(bash()))
        await here.watcher.wait_for("approval_requested")
        await trio.testing.wait_all_tasks_blocked()
        view = await restore(there, await here.directory.export(session_id))
        assert (view.status, view.turn, view.pending_approvals) == (Status.IDLE, 1, 0)
        kinds = [event["eventType"] for event in await history(there, session_id)]
        assert kinds == ["system", "approval_resolved", "status_change", "turn_ended", "status_change"]
        ended = await there.watcher.wait_for("turn_ended")
        assert (ended["turn"], ended["metadata"]["reason"]) == (1, "interrupted")
        await there.prompt(session_id, "go on")
        assert "half of it" in (await (await there.provider.opened()).heard()).text
        assert here.directory.get(session_id).status is Status.WAITING_INPUT  # nothing has changed here


async def test_a_name_that_another_session_has_is_left_behind(autojump_clock: Clock) -> None:
    async with two() as (here, there):
        session_id, _ = await talk(here, "one")
        await there.create(name="job")
        assert (await restore(there, await suspend(here, session_id))).name is None
        (event, _) = await history(there, session_id)
        assert event["metadata"]["formerName"] == "job"
        assert "'job'" in event["content"]


async def test_where_its_provider_is_not_it_goes_on_at_another_and_says_so(autojump_clock: Clock) -> None:
    async with two(here=PuppetProvider("mine"), there=PuppetProvider("yours")) as (here, there):
        session_id = await here.create("the parrot is Coco", provider=ProviderName("mine"), model="puppet-1")
        await answer(here, await here.provider.opened(), "the parrot is Coco")
        document = await suspend(here, session_id)
        view = await restore(there, document)
        assert view.provider == "yours"
        (event, _) = await history(there, session_id)
        assert event["metadata"]["fromProvider"] == "mine"
        assert "goes on at yours" in event["content"]
        await there.prompt(session_id, "two")
        assert "the parrot is Coco" in await answer(there, await there.provider.opened(), "two")


async def test_it_goes_on_where_the_client_wants_it(autojump_clock: Clock) -> None:
    async with two(others=[PuppetProvider("other")]) as (here, there):
        session_id, _ = await talk(here, "one")
        document = await suspend(here, session_id)
        no = await refusal(there, document, provider=ProviderName("nobody"))
        assert (no.kind, no.field) == (ErrorKind.NO_PROVIDER, "provider")
        assert (await restore(there, document, provider=ProviderName("other"))).provider == "other"


async def test_a_fork_of_one_that_came_knows_what_was_said_before(autojump_clock: Clock) -> None:
    async with two() as (here, there):
        session_id, _ = await talk(here, "the parrot is Coco")
        await restore(there, await suspend(here, session_id))
        await there.prompt(session_id, "the cat is Tom")
        await answer(there, await there.provider.opened(), "the cat is Tom")
        source = await facts_of(there, session_id)
        with pytest.raises(Refused, match=f"begins at {source.begins_after + 1}") as no:
            await there.directory.fork(ForkSession(session_id=session_id, at_seq=source.begins_after), ME)
        assert no.value.field == "atSeq"
        for at_seq in (source.begins_after + 1, None):
            fork = await there.directory.fork(ForkSession(session_id=session_id, at_seq=at_seq), ME)
            events = await history(there, fork.session_id)
            assert [event["seq"] for event in events] == list(range(1, fork.seq + 1))
            assert (await facts_of(there, fork.session_id)).begins_after == 0
        await there.prompt(fork.session_id, "what do you know?")
        run = await there.provider.opened()
        assert "the parrot is Coco" in (await run.heard()).text


async def test_a_disk_that_refuses_leaves_no_half_a_session(autojump_clock: Clock) -> None:
    class Full(MemoryJournal):
        full = False

        async def append(self, batches: Any) -> None:
            if self.full:
                raise JournalError(ErrorKind.JOURNAL_FULL, "no room")
            await super().append(batches)

    journal = Full()
    async with stage() as here, stage(journal=journal) as there:
        session_id, _ = await talk(here, "one")
        document = await suspend(here, session_id)
        journal.full = True
        with pytest.raises(JournalError):
            await restore(there, document)
        journal.full = False
        with pytest.raises(Refused):
            there.directory.get(session_id)
        assert (await restore(there, document)).session_id == session_id


# With its whole log


async def take(s: Stage, session_id: SessionId, *, after: int = 0, limit: int = 500) -> tuple[Json, ...]:
    page = await s.directory.history(session_id, after=after, limit=limit)
    return tuple(orjson.loads(entry.body) for entry in page.entries)


async def give(s: Stage, by: Author = ME, **params: Any) -> Any:
    return await s.directory.import_(ImportSession(**params), by)


async def carry(here: Stage, there: Stage, session_id: SessionId, limit: int = 3, by: Author = ME) -> SessionView:
    """The whole session, in pages of so many events."""
    document = await here.directory.export(session_id)
    told = await give(there, by, state=document)
    while told.next <= told.head:
        room = min(limit, told.head - told.next + 1)
        told = await give(
            there, by, session_id=session_id, events=await take(here, session_id, after=told.next - 1, limit=room)
        )
    view = await give(there, by, session_id=session_id, last=True)
    assert isinstance(view, SessionView)
    return view


async def _rich(s: Stage) -> SessionId:
    session_id, run = await talk(s, "one")
    await s.prompt(session_id, "two")
    await run.heard()
    use = ToolUse(tool_use_id=ToolUseId("t1"), name="Bash", kind=ToolKind.EXECUTE, input={"command": "make"})
    result = ToolResult(tool_use_id=ToolUseId("t1"), is_error=False)
    await run.tell(Draft(EventType.TOOL_USE, "make", use), Draft(EventType.TOOL_RESULT, "made", result))
    await run.finish()
    await s.watcher.wait_for("turn_ended", 2)
    return session_id


@pytest.mark.parametrize("limit", [1, 3, 500])
async def test_a_session_comes_with_all_that_has_happened(limit: int, autojump_clock: Clock) -> None:
    async with two() as (here, there):
        session_id = await _rich(here)
        was = here.directory.get(session_id)
        view = await carry(here, there, session_id, limit)
        events = await history(there, session_id)
        assert events[: was.seq] == await history(here, session_id)
        assert [event["seq"] for event in events] == list(range(1, view.seq + 1))
        told = events[was.seq]["metadata"]
        assert (told["subtype"], "handoff" in told) == ("restored", False)  # it is in the log
        assert (view.status, view.turn, view.usage) == (Status.IDLE, 2, was.usage)
        assert view.log_id != was.log_id
        assert (await facts_of(there, session_id)).begins_after == 0
        await there.prompt(session_id, "three")
        heard = await answer(there, await there.provider.opened(), "three")
        assert "USER: one" in heard
        assert "TOOL make\n[done] made" in heard


async def test_the_log_of_one_that_came_before_begins_where_it_began(autojump_clock: Clock) -> None:
    async with two() as (here, there), stage() as third:
        session_id, _ = await talk(here, "the parrot is Coco")
        await restore(there, await suspend(here, session_id))
        await there.prompt(session_id, "two")
        await answer(there, await there.provider.opened(), "two")
        await carry(there, third, session_id)
        begins = (await facts_of(there, session_id)).begins_after
        assert (await facts_of(third, session_id)).begins_after == begins > 0
        kept, seen = await history(there, session_id), await history(third, session_id)
        assert seen[: len(kept)] == kept
        await third.prompt(session_id, "three")
        assert "the parrot is Coco" in await answer(third, await third.provider.opened(), "three")


async def test_an_empty_log(autojump_clock: Clock) -> None:
    async with two() as (here, there):
        session_id = await here.create()
        view = await carry(here, there, session_id)
        assert [event["metadata"]["subtype"] for event in await history(there, session_id)] == ["restored"]
        assert view.seq == 1


async def test_before_the_last_page_it_is_nobodys(autojump_clock: Clock) -> None:
    journal = MemoryJournal()
    async with stage() as here:
        session_id = await _rich(here)
        await _half(here, journal, session_id)
        async with stage(journal=journal) as again:  # half of it is gone, and may be begun anew
            with pytest.raises(Refused, match="under way") as no:
                await give(again, session_id=session_id, events=())
            assert no.value.kind is ErrorKind.NOT_FOUND
            await carry(here, again, session_id)


async def _half(here: Stage, journal: MemoryJournal, session_id: SessionId) -> None:
    """A daemon that ends in an import."""
    async with stage(journal=journal) as there:
        document = await here.directory.export(session_id)
        told = await give(there, state=document)
        assert told == ImportProgress(session_id=session_id, next=1, head=here.directory.get(session_id).seq)
        assert (await give(there, session_id=session_id, events=await take(here, session_id, limit=4))).next == 5
        assert list(await there.journal.sessions()) == []
        with pytest.raises(Refused):
            there.directory.get(session_id)
        with pytest.raises(Refused, match="ends at 4") as no:
            await give(there, session_id=session_id, last=True)
        assert (no.value.kind, no.value.field) == (ErrorKind.STATE_INVALID, "events")


async def test_an_import_that_is_begun_again_begins_anew(autojump_clock: Clock) -> None:
    async with two() as (here, there):
        session_id = await _rich(here)
        document = await here.directory.export(session_id)
        for _ in range(2):
            assert (await give(there, state=document)).next == 1
            await give(there, session_id=session_id, events=await take(here, session_id, limit=4))
        await carry(here, there, session_id)
        with pytest.raises(Refused, match="here already") as no:
            await give(there, state=document)
        assert (no.value.kind, no.value.field) == (ErrorKind.STATE_INVALID, "state.facts.seq")


async def test_its_state_alone_comes_before_an_import_that_was_left(autojump_clock: Clock) -> None:
    async with two() as (here, there):
        session_id = await _rich(here)
        document = await here.directory.export(session_id)
        await give(there, state=document)
        await give(there, session_id=session_id, events=await take(here, session_id, limit=4))
        view = await restore(there, document)
        assert (await facts_of(there, session_id)).begins_after == view.seq - 1


async def test_of_many_that_were_left_the_oldest_are_given_up(autojump_clock: Clock) -> None:
    async with two() as (here, there):
        sessions = [await here.create() for _ in range(6)]
        for session_id in sessions:
            await give(there, state=await here.directory.export(session_id))
        for session_id in sessions[:2]:
            with pytest.raises(Refused, match="under way"):
                await give(there, session_id=session_id, last=True)
        for session_id in sessions[2:]:
            await give(there, session_id=session_id, last=True)


# Several clients at once

YOU = Author(connection_id=ConnectionId("con_other"), client="test")


class Slow(MemoryJournal):
    """It takes a second to keep anything."""

    async def append(self, batches: Any) -> None:
        await trio.sleep(1)
        await super().append(batches)

    @property
    def ids(self) -> list[SessionId]:
        return list(self._logs)


@asynccontextmanager
async def racing(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Stage, Stage, Slow, SessionId]]:
    """To the second daemon come the sessions of the first, whose records take ten seconds there."""

    async def unpack(self: PuppetProvider, config: SessionConfig, record: bytes) -> bool:
        await trio.sleep(10)
        return True

    monkeypatch.setattr(PuppetProvider, "unpack", unpack)
    journal = Slow()
    async with stage() as here, stage(journal=journal) as there:
        here.provider.records["native-1"] = MEMORY
        session_id = await _rich(here)
        yield here, there, journal, session_id


async def pages(here: Stage, there: Stage, session_id: SessionId, by: Author = ME) -> None:
    """All but the last step of an import."""
    await give(there, by, state=await here.directory.export(session_id))
    await give(there, by, session_id=session_id, events=await take(here, session_id))


async def denied(what: Awaitable[Any], kind: ErrorKind, words: str) -> None:
    with pytest.raises(Refused, match=words) as no:
        await what
    assert no.value.kind is kind


async def test_who_leaves_while_it_becomes_a_session_is_in_nobodys_way(
    autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with racing(monkeypatch) as (here, there, journal, session_id):
        document = await here.directory.export(session_id)
        await pages(here, there, session_id)
        with trio.move_on_after(5) as leaves:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(partial(give, there, session_id=session_id, last=True))
                await trio.sleep(2)
                await denied(give(there, YOU, state=document), ErrorKind.BUSY, "just being taken up")
                await denied(restore(there, document), ErrorKind.BUSY, "just being taken up")
        assert leaves.cancelled_caught
        await carry(here, there, session_id, by=YOU)
        assert journal.ids == [session_id]


async def test_whoever_begins_an_import_anew_has_it_and_the_other_one_is_told(
    autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with racing(monkeypatch) as (here, there, journal, session_id):
        await pages(here, there, session_id)
        document = await here.directory.export(session_id)
        assert (await give(there, YOU, state=document)).next == 1
        for late in ({"events": await take(here, session_id)}, {"last": True}):
            words = "over another connection"
            await denied(give(there, session_id=session_id, **late), ErrorKind.STATE_INVALID, words)
        await give(there, YOU, session_id=session_id, events=await take(here, session_id), last=True)
        assert journal.ids == [session_id]
        await denied(give(there, session_id=session_id, last=True), ErrorKind.STATE_INVALID, "is here already")


async def test_its_state_alone_comes_while_it_is_imported(
    autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with racing(monkeypatch) as (here, there, journal, session_id):
        await give(there, YOU, state=await here.directory.export(session_id))
        first = await take(here, session_id, limit=4)
        await give(there, YOU, session_id=session_id, events=first)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(restore, there, await here.directory.export(session_id))
            await trio.sleep(5)
            more = await take(here, session_id, after=4)
            await denied(give(there, YOU, session_id=session_id, events=more), ErrorKind.BUSY, "just being taken up")
        await denied(give(there, YOU, session_id=session_id, events=more), ErrorKind.STATE_INVALID, "is here already")
        assert journal.ids == [session_id]


async def test_of_who_leaves_within_a_page_nothing_stays(
    autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with racing(monkeypatch) as (here, there, journal, session_id):
        events = await take(here, session_id)
        for kept in ((), events[:3]):
            await give(there, state=await here.directory.export(session_id))
            await give(there, session_id=session_id, events=kept)
            with trio.move_on_after(0.5) as leaves:
                await give(there, session_id=session_id, events=events[len(kept) :])
            assert leaves.cancelled_caught
            await denied(give(there, session_id=session_id, last=True), ErrorKind.NOT_FOUND, "under way")
        await give(there, YOU, state=await here.directory.export(session_id))
        assert journal.ids == []
        await give(there, YOU, session_id=session_id, events=events, last=True)
        assert journal.ids == [session_id]


@pytest.mark.parametrize("other", ["import", "state", "leaves"])
@pytest.mark.parametrize("delay", [0, 0.5, 1, 1.5, 2.5, 3.5, 5, 12, 14.5, 15.5, 20])
async def test_of_two_at_any_time_nobody_is_told_that_the_journal_fails(
    other: str, delay: float, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Refused] = []

    async def tries(what: Callable[[], Awaitable[Any]]) -> None:
        try:
            await what()
        except Refused as no:
            told.append(no)

    async with racing(monkeypatch) as (here, there, journal, session_id):
        document = await here.directory.export(session_id)

        async def comes_too() -> None:
            await trio.sleep(delay)
            if other == "state":
                await tries(partial(restore, there, document))
            else:
                await tries(partial(carry, here, there, session_id, by=YOU))

        with trio.move_on_after(delay + 0.7 if other == "leaves" else 1000):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(tries, partial(carry, here, there, session_id))
                nursery.start_soon(comes_too)
        assert {no.kind for no in told} <= {ErrorKind.BUSY, ErrorKind.STATE_INVALID}
        assert not [no for no in told if no.remedy == "export it again"]
        if session_id not in [kept.session_id for kept in await journal.sessions()]:
            await carry(here, there, session_id)
        assert set(journal.ids) <= {session_id} or other == "leaves"
        await give(there, state=await here.directory.export(await here.create()))
        assert journal.ids == [session_id]
        events = await history(there, session_id)
        assert [event["seq"] for event in events] == list(range(events[0]["seq"], events[-1]["seq"] + 1))


Spoil = Callable[[tuple[Json, ...]], tuple[Any, ...]]


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda events: events[1:], "event 2 came, and 1 was to come"),
        (lambda events: (events[0], *events[2:]), "event 3 came, and 2 was to come"),
        (lambda events: (*events, events[-1]), "was to come"),
        (lambda events: ({**events[0], "sessionId": "ses_other"},), "of 'ses_other'"),
        (lambda events: ({**events[0], "seq": "1"},), "'1' came"),
        (lambda events: ({**events[0], "content": 7},), "event 1: content"),
        (lambda events: ({**events[0], "turn": "1"},), "event 1: content"),
        (lambda events: ({**events[0], "metadata": {}},), "event 1 can't be read: required"),
        (lambda events: (events[0], {"seq": 2}), "event 2 can't be read"),
        (lambda events: ("an event",), "event 1 can't be read"),
        (lambda events: ({**events[0], "content": "x" * 2**20},), "are kept"),
        (lambda events: (*events, {**events[-1], "seq": len(events) + 1}), "behind the last one of the state"),
    ],
)
async def test_events_that_do_not_fit_are_not_kept(spoil: Spoil, words: str, autojump_clock: Clock) -> None:
    async with two() as (here, there):
        session_id = await _rich(here)
        await give(there, state=await here.directory.export(session_id))
        with pytest.raises(Refused, match=words) as no:
            await give(there, session_id=session_id, events=spoil(await take(here, session_id)))
        assert (no.value.kind, no.value.field) == (ErrorKind.STATE_INVALID, "events")
        assert (await there.journal.read(session_id)).entries == ()
        await give(there, session_id=session_id, events=await take(here, session_id))  # the right ones still fit
        await give(there, session_id=session_id, last=True)


async def test_facts_of_an_older_journal_begin_at_the_first_event() -> None:
    journal = MemoryJournal()
    async with stage(journal=journal) as s:
        session_id = await s.create()
        stored = await journal.session(session_id)
        assert stored is not None
        old = {name: value for name, value in orjson.loads(stored.facts).items() if name != "beginsAfter"}
        await journal.append([Batch(session_id=session_id, facts=orjson.dumps(old))])
        assert codec.decode(orjson.dumps(old), Facts).begins_after == 0
