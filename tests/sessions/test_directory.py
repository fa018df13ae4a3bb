"""What may be asked of all sessions, or for a new one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import trio

from jelmored.domain.commands import CreateSession, FindSessions, Interrupt, ResolveApproval, SendPrompt
from jelmored.domain.ids import ApprovalId, PromptId, ProviderName, SessionId
from jelmored.domain.permissions import PermissionMode
from jelmored.domain.status import Status
from jelmored.errors import ErrorKind, JournalError, Refused
from jelmored.journal.base import Batch
from jelmored.journal.memory import MemoryJournal

from .stage import ME, Stage, stage

NOBODY = SessionId("ses_nobody")
Clock = trio.testing.MockClock


async def refusal(s: Stage, **create: Any) -> Refused:
    with pytest.raises(Refused) as refused:
        await s.directory.create(CreateSession(**{"cwd": "/", **create}), ME)
    return refused.value


async def test_a_new_session_is_as_it_was_asked_for(autojump_clock: Clock, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    async with stage(mode=PermissionMode.ALLOW_READS) as s:
        one = await s.directory.create(
            CreateSession(cwd=str(tmp_path / "link"), title="t", name="n", model="m", pin=True), ME
        )
        assert (one.cwd, one.directory) == (str(tmp_path), str(tmp_path)), "resolved once"
        assert (one.title, one.name, one.model, one.pin) == ("t", "n", "m", True)
        assert (one.status, one.provider, one.permission_mode) == (Status.IDLE, "puppet", PermissionMode.ALLOW_READS)
        assert (one.seq, one.turn, one.attached) == (0, 0, False)
        other = await s.directory.create(CreateSession(cwd="/", permission_mode=PermissionMode.PLAN), ME)
        assert other.permission_mode is PermissionMode.PLAN
        assert s.directory.counts() == {Status.IDLE: 2}


@pytest.mark.parametrize(
    ("create", "field"),
    [
        ({"cwd": "relative"}, "cwd"),
        ({"cwd": "/no/such/directory"}, "cwd"),
        ({"cwd": "/tmp/\0"}, "cwd"),
        ({"cwd": __file__}, "cwd"),
        ({"directories": ("/", "relative")}, "directories[1]"),
        ({"provider": ProviderName("nobody")}, "provider"),
        ({"prompt": " "}, "prompt"),
    ],
)
async def test_what_can_not_be_is_refused_and_leaves_nothing(
    autojump_clock: Clock, create: dict[str, Any], field: str
) -> None:
    async with stage() as s:
        assert (await refusal(s, **create)).field == field
        assert s.directory.find(FindSessions()) == ((), None)
        assert await s.journal.sessions() == []


async def test_a_name_is_one_sessions_until_that_is_closed(autojump_clock: Clock) -> None:
    async with stage() as s:
        first = await s.create(name="n")
        assert (await refusal(s, name="n")).field == "name"
        await s.directory.close(first, ME)
        await s.create(name="n")


async def test_of_two_that_want_a_name_at_once_one_gets_it(autojump_clock: Clock) -> None:
    refused: list[Refused] = []

    async def try_it() -> None:
        try:
            await s.create(name="n")
        except Refused as no:
            refused.append(no)

    async with stage() as s:
        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(try_it)
        assert len(refused) == 2


async def test_who_works_in_a_directory_is_told_or_keeps_others_out(autojump_clock: Clock) -> None:
    async with stage() as s:
        quiet = await s.create()
        assert s.directory.get(await s.create()).warnings == (), "one that rests disturbs nobody"
        busy = await s.create("go")
        shared = s.directory.get(await s.create())
        assert shared.warnings == ({"kind": "directory-shared", "sessions": [busy]},)
        no = await refusal(s, exclusive=True)
        assert (no.kind, no.data) == (ErrorKind.DIRECTORY_BUSY, {"sessions": [busy]})
        assert quiet not in no.message


async def test_a_request_key_makes_one_session_with_one_prompt(autojump_clock: Clock) -> None:
    journal = MemoryJournal()
    async with stage(journal=journal) as s:
        first = await s.create("go", request_key="k")
        assert await s.create("go", request_key="k") == first
        assert (await refusal(s, prompt="other", request_key="k")).kind is ErrorKind.KEY_REUSED
        await (await s.provider.opened()).heard()
    async with stage(journal=journal) as s:
        assert await s.create("go", request_key="k") == first, "also after a restart"
        assert len(await journal.sessions()) == 1
        bodies = [entry.event_type for entry in (await journal.read(first)).entries]
        assert bodies.count("user") == 1


async def test_a_list_comes_in_pages_the_latest_activity_first(autojump_clock: Clock) -> None:
    async with stage() as s:
        made = [await s.create() for _ in range(7)]
        await s.prompt(made[2], "go")
        seen: list[SessionId] = []
        times: list[datetime] = []
        cursor: str | None = None
        for size in (3, 3, 1):
            page, cursor = s.directory.find(FindSessions(limit=3, cursor=cursor))
            assert len(page) == size
            seen += [one.session_id for one in page]
            times += [one.last_activity for one in page]
        assert cursor is None
        assert sorted(seen) == sorted(made)
        assert times == sorted(times, reverse=True)
        assert s.directory.get(made[2]).last_activity == times[0]  # perhaps not alone in its millisecond
        assert len(s.directory.find(FindSessions(limit=0))[0]) == 1


async def test_a_list_can_be_narrowed(autojump_clock: Clock, tmp_path: Path) -> None:
    async with stage() as s:
        idle, busy, closed = await s.create(), await s.create("go"), await s.create()
        elsewhere = (await s.directory.create(CreateSession(cwd=str(tmp_path)), ME)).session_id
        await s.directory.close(closed, ME)
        await (await s.provider.opened()).heard()

        def found(**query: Any) -> set[SessionId]:
            return {one.session_id for one in s.directory.find(FindSessions(**query))[0]}

        assert found() == {idle, busy, elsewhere}
        assert found(include_terminated=True) == {idle, busy, elsewhere, closed}
        assert found(status=Status.TERMINATED) == {closed}
        assert found(status=Status.ACTIVE) == {busy}
        assert found(cwd=str(tmp_path)) == {elsewhere}
        assert found(provider=ProviderName("other")) == set()


async def test_what_is_not_there_is_told(autojump_clock: Clock) -> None:
    async with stage() as s:
        session_id = await s.create()
        asks = [
            lambda: s.directory.prompt(SendPrompt(session_id=NOBODY, prompt="go"), ME),
            lambda: s.directory.interrupt(Interrupt(session_id=NOBODY), ME),
            lambda: s.directory.close(NOBODY, ME),
            lambda: s.directory.unqueue(NOBODY, PromptId("prm_1"), ME),
            lambda: s.directory.unqueue(session_id, PromptId("prm_1"), ME),
            lambda: s.directory.resolve(ResolveApproval(approval_id=ApprovalId("apr_1"), option_id="allow"), ME),
            lambda: s.directory.history(NOBODY),
        ]
        for ask in asks:
            with pytest.raises(Refused) as refused:
                await ask()  # type: ignore[no-untyped-call]
            assert refused.value.kind is ErrorKind.NOT_FOUND
        for look in (s.directory.get, s.directory.queue, s.directory.approvals):
            with pytest.raises(Refused):
                look(NOBODY)


async def test_while_it_stops_nobody_is_woken() -> None:
    async with stage() as s:
        session_id = await s.create()
    with pytest.raises(Refused, match="stopping"):
        await s.prompt(session_id, "go")


# The end of a session's log


async def closed(s: Stage, **more: Any) -> SessionId:
    session_id = await s.create(**more)
    await s.directory.close(session_id, ME)
    return session_id


async def test_a_closed_session_is_deleted_with_its_log_and_stays_so(autojump_clock: Clock) -> None:
    journal = MemoryJournal()
    async with stage(journal=journal) as s:
        kept, session_id = await s.create(), await closed(s, name="n", request_key="k")
        await s.directory.delete(session_id, ME)
        assert s.watcher.messages[-1] == {
            "jsonrpc": "2.0",
            "method": "session/removed",
            "params": {"sessionId": session_id},
        }
        assert [one.session_id for one in s.directory.find(FindSessions(include_terminated=True))[0]] == [kept]
        for ask in (s.directory.delete, s.directory.close):
            with pytest.raises(Refused) as gone:
                await ask(session_id, ME)
            assert (gone.value.kind, gone.value.field) == (ErrorKind.NOT_FOUND, "sessionId")
        assert (await refusal(s, name="n", request_key="k")).field == "requestKey"
        assert (await journal.read(session_id)).entries == ()
    async with stage(journal=journal) as s:
        assert [one.session_id for one in s.directory.find(FindSessions(include_terminated=True))[0]] == [kept]


async def test_only_a_closed_session_is_deleted(autojump_clock: Clock) -> None:
    async with stage() as s:
        resting, busy = await s.create(), await s.create("go")
        for session_id in (resting, busy):
            with pytest.raises(Refused) as no:
                await s.directory.delete(session_id, ME)
            assert (no.value.kind, no.value.remedy) == (
                ErrorKind.WRONG_STATUS,
                f"close it first: jelmore archive {session_id}",
            )
            assert s.directory.get(session_id).session_id == session_id


@pytest.mark.parametrize("pause", [0, 60])
async def test_a_session_is_deleted_awake_or_at_rest(autojump_clock: Clock, pause: float) -> None:
    async with stage() as s:
        session_id = await s.create("go")
        await (await s.provider.opened()).heard()
        await s.directory.close(session_id, ME)
        await trio.sleep(pause)
        assert s.directory.awake == (pause == 0)
        await s.directory.delete(session_id, ME)
        assert (s.directory.awake, await s.journal.session(session_id)) == (0, None)


async def test_who_asks_a_session_that_is_being_deleted_has_an_answer(autojump_clock: Clock) -> None:
    told: list[ErrorKind] = []

    async def ask(session_id: SessionId) -> None:
        with pytest.raises(Refused) as no:
            await s.prompt(session_id, "late")
        told.append(no.value.kind)

    async with stage() as s, trio.open_nursery() as nursery:
        session_id = await closed(s)
        nursery.start_soon(s.directory.delete, session_id, ME)
        for _ in range(5):
            nursery.start_soon(ask, session_id)
            await trio.lowlevel.checkpoint()
    assert set(told) <= {ErrorKind.WRONG_STATUS, ErrorKind.NOT_FOUND}
    assert len(told) == 5


async def test_a_deletion_goes_on_when_its_client_leaves(autojump_clock: Clock) -> None:
    async with stage() as s:
        session_id = await closed(s)
        with trio.CancelScope() as leaves:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(s.directory.delete, session_id, ME)
                await trio.lowlevel.checkpoint()
                leaves.cancel()
        await trio.testing.wait_all_tasks_blocked()
        assert await s.journal.session(session_id) is None
        assert s.directory.counts() == {}


class Full(MemoryJournal):
    """There is no room for now."""

    full = False

    async def append(self, batches: Sequence[Batch]) -> None:
        if self.full:
            raise JournalError(ErrorKind.JOURNAL_FULL, "no space left")
        await super().append(batches)


async def test_a_session_that_could_not_be_deleted_is_still_there(autojump_clock: Clock) -> None:
    journal = Full()
    async with stage(journal=journal) as s:
        session_id = await closed(s)
        await trio.sleep(60)
        journal.full = True
        with pytest.raises(JournalError):
            await s.directory.delete(session_id, ME)
        assert s.directory.get(session_id).status is Status.TERMINATED
        journal.full = False
        await s.directory.delete(session_id, ME)
        assert await journal.session(session_id) is None
