"""A session is suspended: when it may be, what is left of its run, what its state says, and how it goes on here."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
import trio

from jelmored.domain.commands import ConfigureSession, Interrupt, MoveSession, ResumeSession, SendPrompt
from jelmored.domain.events import Draft, EventType, Said, TurnReason
from jelmored.domain.failures import Failure
from jelmored.domain.ids import ItemId, SessionId
from jelmored.domain.permissions import PermissionMode
from jelmored.domain.prompts import ImageBlock
from jelmored.domain.sessions import Limits
from jelmored.domain.state import SessionState
from jelmored.domain.status import Status
from jelmored.errors import ErrorKind, Refused, SessionError
from jelmored.providers.base import Asked, SessionConfig, TurnBegan
from jelmored.sessions.moving import suspension
from jelmored.testing.puppet import PuppetProvider, PuppetSession
from jelmored.wire.states import Document, decompressed, state_in
from tests.sessions.stage import ME, PUPPET, Stage, stage
from tests.sessions.test_session import bash

Clock = trio.testing.MockClock


async def suspend(s: Stage, session_id: SessionId) -> Document:
    return await s.directory.suspend(session_id, ME)


async def resume(s: Stage, session_id: SessionId, **more: Any) -> Any:
    return await s.directory.resume(ResumeSession(session_id=session_id, **more), ME)


async def talk(s: Stage, *prompts: str) -> tuple[SessionId, PuppetSession]:
    """A session that is idle after these turns."""
    session_id = await s.create(prompts[0], name="job", title="The job")
    run = await s.provider.opened()
    await answer(s, run, prompts[0])
    for prompt in prompts[1:]:
        await s.prompt(session_id, prompt)
        await answer(s, run, prompt)
    return session_id, run


async def answer(s: Stage, run: PuppetSession, prompt: str) -> str:
    """What the agent was told; it says something and its turn is over."""
    before = s.watcher.types.count("turn_ended")
    told = await run.heard()
    await run.say(f"done: {prompt}", item=f"item-{before}")
    await run.finish()
    await s.watcher.wait_for("turn_ended", before + 1)
    await trio.testing.wait_all_tasks_blocked()
    return told.text


def changes(s: Stage) -> list[str]:
    return [event["content"] for event in s.watcher.events if event["eventType"] == "status_change"]


async def test_an_idle_session_is_suspended_with_nothing_of_its_run_left(autojump_clock: Clock) -> None:
    async with stage() as s:
        session_id, run = await talk(s, "one", "two")
        state = state_in(await suspend(s, session_id))
        assert run.closed
        assert not run.alive
        view = s.directory.get(session_id)
        assert (view.status, view.attached, view.turn) == (Status.SUSPENDED, False, 2)
        assert changes(s)[-1] == "idle → suspended"
        assert (state.facts.status, state.facts.seq, state.facts.turn) == (Status.SUSPENDED, view.seq, 2)
        assert state.facts.usage == view.usage
        assert (state.facts.name, state.facts.title) == ("job", "The job")


async def test_the_state_is_the_same_each_time(autojump_clock: Clock) -> None:
    async with stage() as s:
        s.provider.records["native-1"] = b"all that was said" * 1000
        session_id, _ = await talk(s, "one")
        first = await suspend(s, session_id)
        assert await suspend(s, session_id) == first
        await trio.sleep(100)  # its task has gone to rest
        assert s.directory.awake == 0
        assert await suspend(s, session_id) == first
        assert await s.directory.export(session_id) == first
        assert changes(s).count("idle → suspended") == 1


async def test_two_who_suspend_at_once_get_the_same(autojump_clock: Clock) -> None:
    async with stage() as s:
        session_id, _ = await talk(s, "one")
        states: list[Document] = []

        async def ask() -> None:
            states.append(await suspend(s, session_id))

        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(ask)
        assert states[0] == states[1] == states[2]


async def test_the_agents_own_record_is_in_it_and_what_was_said(autojump_clock: Clock) -> None:
    async with stage() as s:
        s.provider.records["native-1"] = b"its memory"
        session_id, _ = await talk(s, "the parrot is Coco")
        state = state_in(await suspend(s, session_id))
        assert state.record is not None
        assert (state.record.provider, state.record.type) == (PUPPET, "puppet")
        assert decompressed(state.record.data) == b"its memory"
        assert state.handoff == "USER: the parrot is Coco\n\nASSISTANT: done: the parrot is Coco"


@pytest.mark.parametrize("why", ["none", "not carried", "unreadable", "endless", "too large"])
async def test_without_the_record_what_was_said_stands_in(
    why: str, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def falls(self: PuppetProvider, config: SessionConfig) -> bytes | None:
        raise SessionError(ErrorKind.STATE_INVALID, "can't be read")

    async def hangs(self: PuppetProvider, config: SessionConfig) -> bytes | None:
        await trio.sleep(10_000)
        return b"too late"

    async with stage() as s:
        s.provider.carries = why != "not carried"
        if why != "none":
            s.provider.records["native-1"] = bytes(range(256))
        if why in ("unreadable", "endless"):
            monkeypatch.setattr(PuppetProvider, "pack", falls if why == "unreadable" else hangs)
        if why == "too large":
            monkeypatch.setattr("jelmored.wire.states.MAX_RECORD", 100)
        session_id, _ = await talk(s, "one")
        state = state_in(await suspend(s, session_id))
        assert state.record is None
        assert state.handoff is not None


async def test_a_session_in_which_nothing_was_said(autojump_clock: Clock) -> None:
    async with stage() as s:
        session_id = await s.create()
        state = state_in(await suspend(s, session_id))
        assert (state.facts.seq, state.handoff, state.record) == (1, None, None)
        await s.prompt(session_id, "hello")
        assert (await (await s.provider.opened()).heard()).text == "hello"


async def test_in_a_turn_it_is_refused_with_what_to_do(autojump_clock: Clock) -> None:
    async with stage() as s:
        session_id = await s.create("work")
        run = await s.provider.opened()
        await run.heard()
        for _ in range(2):
            with pytest.raises(Refused) as no:
                await suspend(s, session_id)
            assert (no.value.kind, f"jelmore interrupt {session_id}" in (no.value.remedy or "")) == (
                ErrorKind.BUSY,
                True,
            )
            await run.tell(Asked(bash()))  # and while a person is waited for
            await trio.testing.wait_all_tasks_blocked()
        await s.directory.interrupt(Interrupt(session_id=session_id), ME)
        await s.watcher.wait_for("turn_ended")
        assert state_in(await suspend(s, session_id)).facts.status is Status.SUSPENDED


async def test_a_closed_one_has_no_run_to_suspend(autojump_clock: Clock) -> None:
    async with stage() as s:
        session_id = await s.create()
        await s.directory.close(session_id, ME)
        with pytest.raises(Refused, match="closed") as no:
            await suspend(s, session_id)
        assert no.value.kind is ErrorKind.WRONG_STATUS
        assert state_in(await s.directory.export(session_id)).facts.status is Status.TERMINATED


async def test_one_that_has_failed_can_be_suspended(autojump_clock: Clock) -> None:
    async with stage() as s:
        s.provider.facts = SessionError(ErrorKind.AUTH_REQUIRED, "not logged in")
        session_id = await s.create("work")
        await s.watcher.wait_status("failed")
        await suspend(s, session_id)
        assert changes(s)[-1] == "failed → suspended"
        assert (await resume(s, session_id)).status is Status.IDLE


async def test_a_turn_that_the_agent_begins_meanwhile_ends_first(autojump_clock: Clock) -> None:
    async with stage() as s:
        session_id, run = await talk(s, "one")
        run.clings = True
        async with trio.open_nursery() as nursery:
            nursery.start_soon(suspend, s, session_id)
            await trio.testing.wait_all_tasks_blocked()
            await run.tell(TurnBegan())
            await s.watcher.wait_for("turn_started", 2)
            run.leave()
        ended = await s.watcher.wait_for("turn_ended", 2)
        assert ended["metadata"]["reason"] == TurnReason.INTERRUPTED
        assert changes(s)[-2:] == ["active → idle", "idle → suspended"]
        assert run.interrupts == 1


async def test_while_it_is_being_suspended_nothing_is_begun(autojump_clock: Clock) -> None:
    async with stage() as s:
        session_id, run = await talk(s, "one")
        run.clings = True
        async with trio.open_nursery() as nursery:
            nursery.start_soon(suspend, s, session_id)
            await trio.testing.wait_all_tasks_blocked()
            for asking in (
                lambda: s.prompt(session_id, "two"),
                lambda: resume(s, session_id),
                lambda: s.directory.configure(ConfigureSession(session_id=session_id, title="x"), ME),
            ):
                with pytest.raises(Refused, match="try again") as no:
                    await asking()
                assert no.value.kind is ErrorKind.BUSY
            run.leave()
        await s.prompt(session_id, "two")
        assert (await (await s.provider.opened()).heard()).text == "two"


async def test_closed_while_it_is_being_suspended_it_is_both(autojump_clock: Clock) -> None:
    async with stage() as s:
        session_id, run = await talk(s, "one")
        run.clings = True
        async with trio.open_nursery() as nursery:
            nursery.start_soon(suspend, s, session_id)
            await trio.testing.wait_all_tasks_blocked()
            nursery.start_soon(s.directory.close, session_id, ME)
            await trio.testing.wait_all_tasks_blocked()
            run.leave()
        assert changes(s)[-2:] == ["idle → suspended", "suspended → terminated"]


# Going on, here


async def test_a_prompt_resumes_it_then_starts(autojump_clock: Clock) -> None:
    async with stage() as s:
        session_id, _ = await talk(s, "one")
        await suspend(s, session_id)
        receipt = await s.prompt(session_id, "two")
        assert (receipt.disposition, receipt.turn) == ("started", 2)
        run = await s.provider.opened()
        assert run.config.native_id == "native-1"
        assert await answer(s, run, "two") == "two"  # it remembers, and is told nothing
        assert changes(s)[-4:] == ["suspended → idle", "idle → initializing", "initializing → active", "active → idle"]


async def test_resumed_it_gets_an_agent_with_the_next_prompt(autojump_clock: Clock) -> None:
    async with stage() as s:
        session_id, _ = await talk(s, "one")
        before = s.directory.get(session_id)
        await suspend(s, session_id)
        view = await resume(s, session_id)
        assert (view.status, view.attached, view.seq) == (Status.IDLE, False, before.seq + 2)
        assert attrs.evolve(view, seq=before.seq, last_activity=before.last_activity, attached=True) == before
        head = view.seq
        assert (await resume(s, session_id)).seq == head  # again: nothing
        await s.prompt(session_id, "two")
        await answer(s, await s.provider.opened(), "two")


async def test_what_is_resumed_while_it_works_is_left_alone(autojump_clock: Clock) -> None:
    async with stage() as s:
        session_id = await s.create("work")
        run = await s.provider.opened()
        await run.heard()
        assert (await resume(s, session_id)).status is Status.ACTIVE
        assert run.interrupts == 0


async def test_a_closed_session_is_opened_again_without_a_name_that_another_one_has(autojump_clock: Clock) -> None:
    async with stage() as s:
        session_id, _ = await talk(s, "one")
        await s.directory.close(session_id, ME)
        assert (await resume(s, session_id)).name == "job"
        await s.prompt(session_id, "two")
        await answer(s, await s.provider.opened(), "two")
        await s.directory.close(session_id, ME)
        with pytest.raises(Refused, match="closed") as no:
            await s.prompt(session_id, "three")
        assert f"jelmore resume {session_id}" in (no.value.remedy or "")
        await s.create(name="job")
        view = await resume(s, session_id)
        assert (view.status, view.name, view.title) == (Status.IDLE, None, "The job")


async def test_a_state_resumes_it_as_long_as_nothing_has_happened_since(autojump_clock: Clock) -> None:
    async with stage() as s:
        session_id, _ = await talk(s, "one")
        document = await suspend(s, session_id)
        view = await s.directory.resume(ResumeSession(state=document), ME)
        assert (view.session_id, view.status) == (session_id, Status.IDLE)
        before = s.directory.get(session_id)
        with pytest.raises(Refused, match=f"gone on to event {before.seq}") as no:
            await s.directory.resume(ResumeSession(state=document), ME)
        assert (no.value.kind, no.value.field) == (ErrorKind.STATE_INVALID, "state.facts.seq")
        assert f"jelmore resume {session_id}" in (no.value.remedy or "")
        assert s.directory.get(session_id) == before


async def test_it_is_suspended_also_after_a_restart(autojump_clock: Clock) -> None:
    async with stage() as s:
        session_id, _ = await talk(s, "one")
        document = await suspend(s, session_id)
    async with stage(journal=s.journal, provider=PuppetProvider()) as again:
        assert again.directory.get(session_id).status is Status.SUSPENDED
        assert await suspend(again, session_id) == document
        assert (await again.directory.resume(ResumeSession(state=document), ME)).status is Status.IDLE


async def test_it_goes_on_elsewhere_if_that_is_asked_for(autojump_clock: Clock) -> None:
    other = PuppetProvider("other")
    async with stage(others=[other]) as s:
        session_id, _ = await talk(s, "the parrot is Coco")
        await suspend(s, session_id)
        with pytest.raises(Refused) as no:
            await resume(s, session_id, provider="nobody")
        assert no.value.kind is ErrorKind.NO_PROVIDER
        assert s.directory.get(session_id).status is Status.SUSPENDED
        view = await resume(s, session_id, provider="other")
        assert (view.status, view.provider) == (Status.IDLE, "other")
        await s.prompt(session_id, "go on")
        assert "the parrot is Coco" in (await (await other.opened()).heard()).text


async def test_a_suspended_session_is_not_moved(autojump_clock: Clock) -> None:
    async with stage(others=[PuppetProvider("other")]) as s:
        session_id, _ = await talk(s, "one")
        await suspend(s, session_id)
        with pytest.raises(Refused, match="resume it first") as no:
            await s.directory.move(MoveSession(session_id=session_id), ME)
        assert no.value.kind is ErrorKind.WRONG_STATUS


# What waits


async def test_prompts_that_wait_stay_and_travel(autojump_clock: Clock) -> None:
    async with stage() as s:
        session_id = await s.create("fails")
        run = await s.provider.opened()
        await run.heard()
        await s.prompt(session_id, "waits")
        await s.prompt(session_id, "waits too")
        logged_out = Failure(kind=ErrorKind.AUTH_REQUIRED, message="not logged in")
        await run.finish(TurnReason.FAILED, logged_out)
        await s.watcher.wait_for("turn_ended")
        waiting = s.directory.queue(session_id)
        assert [prompt.text for prompt in waiting] == ["waits", "waits too"]
        state = state_in(await suspend(s, session_id))
        assert state.queue == waiting == s.directory.queue(session_id)
        await trio.sleep(1000)
        assert s.directory.get(session_id).status is Status.SUSPENDED
        await s.directory.configure(ConfigureSession(session_id=session_id, limits=Limits(max_turns=9)), ME)
        assert s.directory.queue(session_id) == waiting  # that has begun nothing
        assert (await s.prompt(session_id, "now")).disposition == "queued"
        assert (await (await s.provider.opened()).heard()).text == "waits"


@pytest.mark.usefixtures("without_threads")
async def test_a_prompt_that_is_too_large_for_the_state_is_named(
    autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(suspension, "MAX_QUEUE", 2000)
    async with stage() as s:
        session_id = await s.create("works")
        run = await s.provider.opened()
        await run.heard()
        picture = ImageBlock(mime_type="image/png", data="aGkA" * 600)
        await s.directory.prompt(SendPrompt(session_id=session_id, prompt=(picture,)), ME)
        await s.prompt(session_id, "small")
        state = state_in(await s.directory.export(session_id))
        large, small = s.directory.queue(session_id)
        assert (state.queue, state.left_out) == ((small,), (large.prompt_id,))


# Exports


async def test_an_export_changes_nothing(autojump_clock: Clock) -> None:
    async with stage() as s:
        s.provider.records["native-1"] = b"its memory"
        session_id, run = await talk(s, "one")
        before = s.directory.get(session_id)
        state = state_in(await s.directory.export(session_id))
        assert s.directory.get(session_id) == before
        assert (state.facts.status, state.facts.seq) == (Status.IDLE, before.seq)
        assert state.record is not None  # its agent is there, and writes nothing between turns
        assert run.alive


async def test_an_export_in_a_turn_is_of_what_is_durable(autojump_clock: Clock) -> None:
    async with stage() as s:
        session_id = await s.create("work")
        run = await s.provider.opened()
        await run.heard()
        await run.tell(Draft(EventType.ASSISTANT, "half of it", Said(item_id=ItemId("i"))))
        await s.watcher.wait_for("assistant")
        state = state_in(await s.directory.export(session_id))
        assert state.in_turn
        assert state.facts.seq == s.directory.get(session_id).seq == len(s.watcher.events)
        assert "half of it" in (state.handoff or "")


async def test_no_agent_is_started_while_what_it_keeps_is_read(
    autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, read = trio.Event(), trio.Event()

    async def slow(self: PuppetProvider, config: SessionConfig) -> bytes | None:
        reading.set()
        await read.wait()
        return b"its memory"

    monkeypatch.setattr(PuppetProvider, "pack", slow)
    async with stage() as s:
        session_id, _ = await talk(s, "one")
        states: list[SessionState] = []

        async def ask() -> None:
            states.append(state_in(await suspend(s, session_id)))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask)
            await reading.wait()
            await s.prompt(session_id, "two")
            await trio.sleep(20)
            assert s.directory.get(session_id).status is Status.INITIALIZING
            assert not s.directory.get(session_id).attached
            read.set()
            run = await s.provider.opened()
        assert await answer(s, run, "two") == "two"
        assert states[0].facts.status is Status.SUSPENDED  # as it was when it was asked for
        assert states[0].record is not None


async def test_what_is_known_of_it_is_in_its_state(autojump_clock: Clock) -> None:
    async with stage() as s:
        session_id = await s.create("one", permission_mode=PermissionMode.PLAN, system_prompt="be brief", pin=True)
        await answer(s, await s.provider.opened(), "one")
        state = state_in(await suspend(s, session_id))
        stored = await s.journal.session(session_id)
        assert stored is not None
        assert stored.seq == state.facts.seq
        told = state.facts.permission_mode, state.facts.system_prompt, state.facts.pin
        assert told == (PermissionMode.PLAN, "be brief", True)
