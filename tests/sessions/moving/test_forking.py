"""What a fork has of its source, what it leaves behind, and what its agent begins with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
import orjson
import pytest
import trio

from jelmored.domain.commands import CreateSession, FindSessions, ForkSession, MoveSession, ResolveApproval
from jelmored.domain.events import Change, Draft, EventType, Said, System, ToolResult, ToolUse
from jelmored.domain.ids import ItemId, ProviderName, SessionId, ToolUseId
from jelmored.domain.permissions import PermissionMode, ToolKind
from jelmored.domain.prompts import ImageBlock
from jelmored.domain.sessions import Facts, NativeOrigin, NativeSession, SessionView
from jelmored.domain.usage import Usage
from jelmored.errors import ErrorKind, JournalError, Refused, SessionError
from jelmored.journal.base import Batch
from jelmored.journal.memory import MemoryJournal
from jelmored.providers.base import Asked, RunFacts
from jelmored.sessions.moving.forking import PAGE_EVENTS
from jelmored.testing.puppet import PuppetProvider, PuppetSession
from jelmored.wire import codec
from tests.invariants import check
from tests.sessions.stage import ME, PUPPET, Stage, stage
from tests.sessions.test_session import bash
from tests.watch import Note, Watch

Clock = trio.testing.MockClock


def said(native_id: str | None, *, kind: EventType = EventType.ASSISTANT, parent: str | None = None) -> Draft:
    tool = ToolUseId(parent) if parent else None
    item = Said(item_id=ItemId(f"item-{native_id}"), native_id=native_id, parent_tool_use_id=tool)
    return Draft(kind, f"text of {native_id}", item)


def used(native_id: str, parent: str | None = None) -> Draft:
    tool = ToolUse(
        tool_use_id=ToolUseId(f"tool-{native_id}"),
        name="Bash",
        kind=ToolKind.EXECUTE,
        input={},
        parent_tool_use_id=ToolUseId(parent) if parent else None,
        native_id=native_id,
    )
    return Draft(EventType.TOOL_USE, "touch x", tool)


def cleared(old: str, new: str) -> Draft:
    return Draft(EventType.SYSTEM, "cleared", System(subtype="cleared", data={"from": old, "to": new}))


async def fork(s: Stage, source: SessionId, at_seq: int | None = None, **more: Any) -> SessionView:
    return await s.directory.fork(ForkSession(session_id=source, at_seq=at_seq, **more), ME)


async def facts_of(s: Stage, session_id: SessionId) -> Facts:
    stored = await s.journal.session(session_id)
    assert stored is not None
    return codec.decode(stored.facts, Facts)


async def origin(s: Stage, source: SessionId, at_seq: int | None = None) -> tuple[str, str | None] | None:
    """What the agent of a fork begins with: the native session, and its message."""
    made = (await facts_of(s, (await fork(s, source, at_seq)).session_id)).native.get(PUPPET)
    if made is None:
        return None
    assert (made.native_id, made.used) == ("", False)
    assert made.origin is not None
    return made.origin.native_id, made.origin.at


async def log_of(s: Stage, session_id: SessionId) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    more = True
    while more:
        page = await s.journal.read(session_id, after=len(events))
        events += [orjson.loads(entry.body) for entry in page.entries]
        more = page.has_more
    return events


async def turn(s: Stage, run: PuppetSession, *drafts: Draft) -> None:
    """What an agent says to the prompt that it was given."""
    before = s.watcher.types.count("turn_ended")
    await run.heard()
    await run.tell(*drafts)
    await run.finish()
    await s.watcher.wait_for("turn_ended", before + 1)
    await trio.testing.wait_all_tasks_blocked()


async def _rich(s: Stage) -> SessionId:
    """A session in which all has happened, and in whose third turn an agent waits, and two prompts behind it."""
    session_id = await s.create("one", title="t", name="n", directories=("/tmp",), system_prompt="be brief", pin=True)
    run = await s.provider.opened()
    await turn(s, run, said("m1"), used("u1"), Draft(EventType.DIRECTORY_CHANGE, "", Change(from_="/", to="/tmp")))
    await s.prompt(session_id, "two")
    await run.heard()
    await run.tell(used("u2"), Asked(bash(request="r1")), Asked(bash("rm y", request="r2")))
    await s.watcher.wait_for("approval_requested", 2)
    await s.prompt(session_id, "waits, and is dropped")
    for approval in s.directory.approvals():
        await s.directory.resolve(ResolveApproval(approval_id=approval.approval_id, option_id="allow"), ME)
    (waits,) = s.directory.queue(session_id)
    await s.directory.unqueue(session_id, waits.prompt_id, ME)
    await run.finish()
    await s.prompt(session_id, "three")
    await run.heard()
    await run.tell(said("m3"), used("u3"), Asked(bash(request="r3")))
    await s.watcher.wait_for("approval_requested", 3)
    await s.prompt(session_id, "waits")
    await s.prompt(session_id, "waits too")
    await trio.testing.wait_all_tasks_blocked()
    return session_id


async def test_a_fork_at_any_event_is_a_sound_log_of_its_own(autojump_clock: Clock) -> None:
    async with stage() as s:
        source = await _rich(s)
        whole = await log_of(s, source)
        answered = {
            one["metadata"]["approvalId"]: one["seq"] for one in whole if one["eventType"] == "approval_resolved"
        }
        for at_seq in range(1, len(whole) + 1):
            made = await fork(s, source, at_seq)
            events = await log_of(s, made.session_id)
            copied = [
                one
                for one in whole[:at_seq]
                if one["eventType"] != "approval_requested"
                or answered.get(one["metadata"]["approvalId"], at_seq + 1) <= at_seq
            ]
            assert [_anonymous(one) for one in events[: len(copied)]] == [_anonymous(one) for one in copied]
            assert b"".join(orjson.dumps(one) for one in events[:-1]).count(source.encode()) == 0
            assert events[-1]["metadata"] == {"subtype": "forked", "sessionId": source, "atSeq": at_seq}
            assert (made.seq, made.status, made.queued_prompts, made.pending_approvals) == (len(events), "idle", 0, 0)
            started = [one["turn"] for one in events if one["eventType"] == "turn_started"]
            assert made.turn == (started[-1] if started else 0)
            _check(made.session_id, events)


def _anonymous(event: dict[str, Any]) -> dict[str, Any]:
    """Without what a copy has of its own."""
    metadata = {name: value for name, value in event["metadata"].items() if name != "sessionId"}
    return {**event, "sessionId": "", "seq": 0, "metadata": metadata}


def _check(session_id: str, events: list[dict[str, Any]]) -> None:
    watch = Watch(session_id, "start")
    for event in events:
        watch.add(Note("session/event", event, "", 0))
    watch.add(Note("session/caughtUp", {"head": len(events), "openItems": [], "approvals": []}, "", 0))
    check(watch)


async def test_what_a_fork_has_of_its_source(autojump_clock: Clock) -> None:
    async with stage(mode=PermissionMode.ALLOW_READS) as s:
        source = await _rich(s)
        old = await facts_of(s, source)
        made = await facts_of(s, (await fork(s, source)).session_id)
        for same in ("title", "provider", "pin", "cwd", "directories", "system_prompt", "mcp_servers", "limits"):
            assert getattr(made, same) == getattr(old, same), same
        assert (made.directory, made.permission_mode, made.model) == ("/tmp", old.permission_mode, old.model)
        assert (made.name, made.usage, made.rules, made.approvals, made.open_turn) == (None, Usage(), (), (), None)
        assert made.log_id != old.log_id
        assert made.warnings == ({"kind": "directory-shared", "sessions": [source]},)
        early = await facts_of(s, (await fork(s, source, 1)).session_id)
        assert early.directory == old.cwd, "the agent had gone nowhere yet"


async def test_what_is_asked_for_wins(autojump_clock: Clock) -> None:
    async with stage() as s:
        source = await _rich(s)
        made = await fork(s, source, title="T", name="N", model="m", permission_mode=PermissionMode.PLAN)
        assert (made.title, made.name, made.model, made.permission_mode) == ("T", "N", "m", PermissionMode.PLAN)
        assert s.directory.get(source).name == "n"


@pytest.mark.parametrize(
    ("asked", "kind", "field"),
    [
        ({"at_seq": 0}, ErrorKind.INVALID_PARAMS, "atSeq"),
        ({"at_seq": -1}, ErrorKind.INVALID_PARAMS, "atSeq"),
        ({"at_seq": 1000}, ErrorKind.INVALID_PARAMS, "atSeq"),
        ({"name": "n"}, ErrorKind.INVALID_PARAMS, "name"),
        ({"session_id": SessionId("ses_nobody")}, ErrorKind.NOT_FOUND, "sessionId"),
    ],
)
async def test_what_can_not_be_forked(
    autojump_clock: Clock, asked: dict[str, Any], kind: ErrorKind, field: str
) -> None:
    async with stage() as s:
        source = await _rich(s)
        with pytest.raises(Refused) as no:
            await s.directory.fork(ForkSession(**{"session_id": source, **asked}), ME)
        assert (no.value.kind, no.value.field) == (kind, field)
        assert len(await s.journal.sessions()) == 1


async def test_an_empty_and_a_closed_session_can_be_forked(autojump_clock: Clock) -> None:
    async with stage() as s:
        source = await s.create()
        assert [one["metadata"] for one in await log_of(s, (await fork(s, source)).session_id)] == [
            {"subtype": "forked", "sessionId": source, "atSeq": 0}
        ]
        assert await origin(s, source) is None
        await s.directory.close(source, ME)
        made = await fork(s, source)
        changes = [one["content"] for one in await log_of(s, made.session_id) if one["eventType"] == "status_change"]
        assert changes == ["idle → terminated", "terminated → idle"]
        await s.prompt(made.session_id, "go on")
        await (await s.provider.opened()).heard()


# What its agent begins with


async def test_an_agent_begins_behind_what_it_will_find(autojump_clock: Clock) -> None:
    async with stage() as s:
        source = await s.create("one")
        run = await s.provider.opened()
        await turn(s, run, said("t1", kind=EventType.THINKING), said("m1"), said("sub", parent="u1"), said(None))
        await s.prompt(source, "two")
        done = ToolResult(tool_use_id=ToolUseId("tool-u2"), is_error=False, native_id="r2")
        await turn(s, run, used("u2"), used("subtool", parent="u2"), Draft(EventType.TOOL_RESULT, "", done))
        events = await log_of(s, source)
        seqs = {one["metadata"]["nativeId"]: one["seq"] for one in events if "nativeId" in one["metadata"]}
        assert await origin(s, source) == ("native-1", "r2")
        for last in ("m1", "sub", "u2", "subtool"):
            assert await origin(s, source, seqs[last]) == ("native-1", "m1")
        assert await origin(s, source, seqs["t1"]) is None


async def test_an_agent_begins_in_the_session_that_was_its_sources_then(autojump_clock: Clock) -> None:
    async with stage() as s:
        source = await s.create("one")
        run = await s.provider.opened()
        await turn(s, run, said("m1"))
        for number, message in ((2, "m2"), (3, "m3")):
            await s.prompt(source, "/clear")
            new = f"native-{number}"
            await turn(s, run, cleared(f"native-{number - 1}", new))
            await run.tell(RunFacts(native_id=new))
            await s.prompt(source, "go on")
            await turn(s, run, said(message))
        events = await log_of(s, source)
        clears = [one["seq"] for one in events if one["metadata"].get("subtype") == "cleared"]
        assert await origin(s, source) == ("native-3", "m3")
        assert await origin(s, source, clears[1] - 1) == ("native-2", "m2")
        assert await origin(s, source, clears[0] - 1) == ("native-1", "m1")
        for clear in clears:
            assert await origin(s, source, clear) is None, "it remembers nothing then"


async def test_an_agent_that_lost_its_memory_has_none_to_begin_with(autojump_clock: Clock) -> None:
    async with stage() as s:
        source = await s.create("one")
        run = await s.provider.opened()
        await turn(s, run, said("m1"))
        lost = Draft(EventType.SYSTEM, "lost", System(subtype="native_lost"))
        await s.prompt(source, "two")
        await turn(s, run, lost)
        assert await origin(s, source) is None
        before = next(one["seq"] for one in await log_of(s, source) if one["metadata"].get("subtype") == "native_lost")
        assert await origin(s, source, before - 1) is None


async def test_a_fork_takes_its_origin_up_until_it_is_used(autojump_clock: Clock) -> None:
    async with stage() as s:
        source = await s.create("one")
        await turn(s, await s.provider.opened(), said("m1"))
        made = (await fork(s, source)).session_id
        s.provider.facts = SessionError(ErrorKind.AUTH_REQUIRED, "not logged in")
        await s.prompt(made, "two")
        assert (await s.provider.opened()).config.origin == NativeOrigin(native_id="native-1", at="m1")
        await s.watcher.wait_status("failed")
        s.provider.facts = RunFacts(native_id="native-9", used=False)
        await s.prompt(made, "three")
        run = await s.provider.opened()
        assert (run.config.native_id, run.config.origin) == (None, NativeOrigin(native_id="native-1", at="m1"))
        assert await origin(s, made) == ("native-1", "m1"), "a fork of a fork that has not spoken"
        await run.tell(RunFacts(used=True))
        await turn(s, run, said("m2"))
        assert (await facts_of(s, made)).native == {PUPPET: NativeSession(native_id="native-9", used=True)}
        assert await origin(s, made) == ("native-9", "m2")


async def test_an_agent_that_can_not_be_forked_is_told_what_was_said(
    autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with stage() as s:
        source = await s.create("the secret is plum")
        run = await s.provider.opened()
        await run.heard()
        await run.finish()
        await s.watcher.wait_for("turn_ended")
        capabilities = attrs.evolve(s.provider.capabilities, fork=False)
        monkeypatch.setattr(type(s.provider), "capabilities", capabilities)
        copy = await fork(s, source)
        await s.prompt(copy.session_id, "well?")
        other = await s.provider.opened()
        assert other.config.native_id is None
        assert "USER: the secret is plum" in (await other.heard()).text


async def test_a_fork_may_go_on_elsewhere(autojump_clock: Clock) -> None:
    there = PuppetProvider("there")
    async with stage(others=(there,)) as s:
        source = await s.create("the secret is plum")
        run = await s.provider.opened()
        await run.heard()
        await run.finish()
        await s.watcher.wait_for("turn_ended")
        copy = await fork(s, source, provider=ProviderName("there"))
        assert copy.provider == "there"
        await s.prompt(copy.session_id, "well?")
        assert "USER: the secret is plum" in (await (await there.opened()).heard()).text


async def test_of_what_was_said_elsewhere_a_forks_agent_is_told(autojump_clock: Clock) -> None:
    """The session has moved since: its agent of now was not there at that point of the log."""
    there = PuppetProvider("there")
    async with stage(others=(there,)) as s:
        source = await s.create("the secret is plum")
        run = await s.provider.opened()
        await run.heard()
        await run.finish()
        await s.watcher.wait_for("turn_ended")
        at_seq = s.directory.get(source).seq
        await s.directory.move(MoveSession(session_id=source, provider=ProviderName("there")), ME)
        copy = await fork(s, source, at_seq)
        await s.prompt(copy.session_id, "well?")
        other = await there.opened()
        assert other.config.origin is None
        assert "USER: the secret is plum" in (await other.heard()).text


# Attachments, pages, ends


async def test_an_image_is_there_as_long_as_one_of_them_is(autojump_clock: Clock) -> None:
    async with stage() as s:
        source = (
            await s.directory.create(
                CreateSession(cwd="/", prompt=(ImageBlock(mime_type="image/png", data="aGk="),)), ME
            )
        ).session_id
        await turn(s, await s.provider.opened(), said("m1"))
        sha256 = (await log_of(s, source))[0]["metadata"]["blocks"][0]["sha256"]
        made = (await fork(s, source)).session_id
        for last in (source, made):
            assert await s.journal.attachment(sha256) == b"hi"
            await s.directory.close(last, ME)
            await s.directory.delete(last, ME)
        assert await s.journal.attachment(sha256) is None


class Paged(MemoryJournal):
    """Does something between two pages of a copy."""

    def __init__(self) -> None:
        super().__init__()
        self.pages = 0
        self.between: Any = None
        self.cut_at: int | None = None

    async def append(self, batches: Sequence[Batch]) -> None:
        if any(batch.events and batch.facts is None for batch in batches):
            self.pages += 1
            assert all(len(batch.events) <= PAGE_EVENTS for batch in batches)
            if self.between is not None:
                await self.between()
            if self.cut_at == self.pages:
                raise JournalError(ErrorKind.JOURNAL_FULL, "no space left")
        await super().append(batches)


async def _long(s: Stage) -> tuple[SessionId, PuppetSession]:
    source = await s.create("one")
    run = await s.provider.opened()
    await run.heard()
    for number in range(PAGE_EVENTS * 3):
        await run.tell(said(f"m{number}"))
    await trio.testing.wait_all_tasks_blocked()
    return source, run


async def test_a_source_that_goes_on_is_copied_up_to_the_event(autojump_clock: Clock) -> None:
    journal = Paged()
    async with stage(journal=journal) as s:
        source, run = await _long(s)
        head = s.directory.get(source).seq

        async def say_more() -> None:
            await run.tell(said(f"more-{journal.pages}"))

        journal.between = say_more
        made = await fork(s, source)
        events = await log_of(s, made.session_id)
        assert journal.pages > 3
        assert [one["content"] for one in events[:head]] == [one["content"] for one in (await log_of(s, source))[:head]]
        assert events[-1]["metadata"]["atSeq"] == head
        assert await origin(s, made.session_id) == ("native-1", f"m{PAGE_EVENTS * 3 - 1}")


async def test_a_source_that_is_deleted_meanwhile_is_copied_first(autojump_clock: Clock) -> None:
    journal = Paged()
    async with stage(journal=journal) as s, trio.open_nursery() as nursery:
        source, _ = await _long(s)
        await s.directory.close(source, ME)
        head = s.directory.get(source).seq

        async def delete() -> None:
            journal.between = None
            nursery.start_soon(s.directory.delete, source, ME)
            await trio.testing.wait_all_tasks_blocked()

        journal.between = delete
        made = await fork(s, source)
        assert len(await log_of(s, made.session_id)) > head
        await trio.testing.wait_all_tasks_blocked()
        assert await s.journal.session(source) is None


async def _left(s: Stage, known: set[SessionId]) -> list[SessionId]:
    """Sessions that have events and are none."""
    assert {one.session_id for one in await s.journal.sessions()} == known
    assert isinstance(s.journal, Paged)
    return [session_id for session_id in s.journal._logs if session_id not in known]


async def test_a_fork_that_is_cut_leaves_no_session_and_the_next_one_clears_up(autojump_clock: Clock) -> None:
    journal = Paged()
    async with stage(journal=journal) as s:
        source, _ = await _long(s)
        journal.pages, journal.cut_at = 0, 3
        with pytest.raises(JournalError):
            await fork(s, source)
        assert len(await _left(s, {source})) == 1
        journal.cut_at = None
        made = (await fork(s, source)).session_id
        assert await _left(s, {source, made}) == []


@pytest.mark.parametrize("page", [1, 3])
async def test_after_a_restart_nothing_is_left_of_a_fork_that_was_cut(autojump_clock: Clock, page: int) -> None:
    journal = Paged()
    with trio.CancelScope() as daemon:
        async with stage(journal=journal) as s:
            source, _ = await _long(s)

            async def cut() -> None:
                if journal.pages == page:
                    daemon.cancel()

            journal.pages, journal.between = 0, cut
            await fork(s, source)
    journal.between = None
    async with stage(journal=journal) as s:
        assert [one.session_id for one in s.directory.find(FindSessions())[0]] == [source]
        assert await _left(s, {source}) == []


async def test_a_name_that_is_taken_while_the_log_is_copied_is_not_given_twice(autojump_clock: Clock) -> None:
    journal = Paged()
    async with stage(journal=journal) as s:
        source, _ = await _long(s)

        async def take() -> None:
            journal.between = None
            await s.create(name="n")

        journal.between = take
        with pytest.raises(Refused) as no:
            await fork(s, source, name="n")
        assert no.value.field == "name"
        assert (await fork(s, source, name="m")).name == "m"


async def test_who_watches_all_sessions_is_told_of_a_fork(autojump_clock: Clock) -> None:
    async with stage() as s:
        source = await _rich(s)
        assert (await fork(s, source)).subscribers == 1
