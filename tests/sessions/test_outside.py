"""Sessions whose directory lies where none may work (any more): what was said can be read, and no agent is started."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import trio

from jelmored.domain.commands import (
    AdoptSession,
    CompactSession,
    ConfigureSession,
    CreateSession,
    FindSessions,
    ForkSession,
    MoveSession,
    ResumeSession,
)
from jelmored.domain.ids import SessionId
from jelmored.errors import ErrorKind, Refused
from jelmored.journal.memory import MemoryJournal
from jelmored.providers.base import PastSession
from jelmored.supervision.terms import Terms
from jelmored.testing.puppet import PuppetProvider
from jelmored.wire.messages import ImportSession

from .moving.test_adopting import BEGAN, turn
from .moving.test_importing import refusal, restore, sealed, two
from .moving.test_suspension import answer, suspend, talk
from .stage import ME, PUPPET, Stage, at_once, stage

Clock = trio.testing.MockClock

pytestmark = pytest.mark.usefixtures("without_threads")


@pytest.fixture
def base(tmp_path: Path) -> Path:
    for name in ("in/work", "out/work"):
        (tmp_path / name).mkdir(parents=True)
    return tmp_path


def within(*roots: Path, names: tuple[str, ...] = ()) -> Terms:
    return Terms(roots=tuple(map(str, roots)), names=names, beside=at_once)


async def create(s: Stage, cwd: Path, **more: Any) -> SessionId:
    return (await s.directory.create(CreateSession(cwd=str(cwd), **more), ME)).session_id


async def forbidden(asked: Awaitable[object]) -> Refused:
    with pytest.raises(Refused) as no:
        await asked
    assert no.value.kind is ErrorKind.FORBIDDEN
    assert "sessions.workspace_roots" in (no.value.remedy or "")
    return no.value


async def test_a_new_session_is_made_inside_alone(autojump_clock: Clock, base: Path) -> None:
    async with stage(terms=within(base / "in")) as s:
        no = await forbidden(create(s, base / "out/work"))
        assert (no.field, str(base / "out/work") in no.message) == ("cwd", True)
        no = await forbidden(create(s, base / "in/work", directories=(str(base / "in"), str(base / "out"))))
        assert no.field == "directories[1]"
        (base / "in/link").symlink_to(base / "out")
        await forbidden(create(s, base / "in/link/work"))
        session_id = await create(s, base / "in/work", directories=(str(base / "in"),))
        assert s.directory.find(FindSessions())[0] == (s.directory.get(session_id),)


BEGINS: dict[str, Callable[[Stage, SessionId], Awaitable[object]]] = {
    "prompt": lambda s, one: s.prompt(one, "more"),
    "compact": lambda s, one: s.directory.compact(CompactSession(session_id=one), ME),
    "resume": lambda s, one: s.directory.resume(ResumeSession(session_id=one), ME),
    "fork": lambda s, one: s.directory.fork(ForkSession(session_id=one), ME),
    "move": lambda s, one: s.directory.move(MoveSession(session_id=one), ME),
}


@pytest.mark.parametrize("what", BEGINS)
async def test_where_the_configuration_has_narrowed_nothing_begins(
    autojump_clock: Clock, base: Path, what: str
) -> None:
    terms = within()
    async with stage(terms=terms) as s:
        session_id = await create(s, base / "out/work", prompt="one")
        await answer(s, await s.provider.opened(), "one")
        terms.heed(within(base / "in"))
        no = await forbidden(BEGINS[what](s, session_id))
        assert no.field == "sessionId"
        assert len(s.directory.find(FindSessions())[0]) == 1
        if what != "move":  # there is no other provider
            terms.heed(within(base))
            await BEGINS[what](s, session_id)


async def test_it_can_be_read_exported_changed_and_closed_all_the_same(autojump_clock: Clock, base: Path) -> None:
    terms = within()
    async with stage(terms=terms) as s:
        session_id = await create(s, base / "out/work", prompt="one")
        await answer(s, await s.provider.opened(), "one")
        terms.heed(within(base / "in"))
        assert s.directory.get(session_id).cwd == str(base / "out/work")
        assert (await s.directory.history(session_id)).entries
        assert (await s.directory.export(session_id))["facts"]["cwd"] == str(base / "out/work")
        await s.directory.configure(ConfigureSession(session_id=session_id, title="left"), ME)
        await suspend(s, session_id)
        await s.directory.close(session_id, ME)


async def test_what_waits_is_not_given_to_an_agent_that_is_still_there(autojump_clock: Clock, base: Path) -> None:
    terms = within()
    async with stage(terms=terms) as s:
        session_id = await create(s, base / "out/work", prompt="one")
        run = await s.provider.opened()
        await run.heard()
        await s.prompt(session_id, "two")
        terms.heed(within(base / "in"))
        await run.finish()
        ended = await s.watcher.wait_for("turn_ended", 2)
        assert ended["metadata"]["error"]["kind"] == "forbidden"
        assert [prompt.text for prompt in run.prompts] == ["one"]
        await s.watcher.wait_for("error")
        assert not run.alive


async def test_a_directory_that_was_swapped_for_a_link_is_noticed_when_it_is_asked_for(
    autojump_clock: Clock, base: Path
) -> None:
    async with stage(terms=within(base / "in")) as s:
        session_id = await create(s, base / "in/work")
        swap(base)
        assert (await forbidden(s.prompt(session_id, "go"))).field == "sessionId"


async def test_and_when_its_agent_gets_the_prompt(autojump_clock: Clock, base: Path) -> None:
    terms = within()
    async with stage(terms=terms) as s:
        session_id = await create(s, base / "in/work")
        swap(base)
        await s.prompt(session_id, "go")
        terms.heed(within(base / "in"))
        failed = await s.watcher.wait_for("error")
        assert (failed["metadata"]["kind"], failed["metadata"]["retryable"]) == ("forbidden", False)
        assert "sessions.workspace_roots" in failed["metadata"]["remedy"]
        assert (await s.watcher.wait_for("turn_ended"))["metadata"]["reason"] == "failed"
        run = await s.provider.opened()
        assert (run.prompts, run.alive) == ([], False)


def swap(base: Path) -> None:
    (base / "in/work").rename(base / "in/moved")
    (base / "in/work").symlink_to(base / "out/work")


async def test_a_state_from_elsewhere(autojump_clock: Clock, base: Path) -> None:
    async with two(terms=within(base / "in")) as (here, there):
        session_id, _ = await talk(here, "one")
        document = await suspend(here, session_id)
        for changes, field in (
            ({"cwd": str(base / "out")}, "cwd"),
            ({"cwd": str(base / "in"), "directories": (str(base / "out"),)}, "directories[0]"),
        ):
            state = sealed(document, **changes)
            no = await refusal(there, state)
            assert (no.kind, no.field) == (ErrorKind.FORBIDDEN, f"state.facts.{field}")
            with pytest.raises(Refused) as refused:
                await there.directory.import_(ImportSession(state=state), ME)
            assert refused.value.kind is ErrorKind.FORBIDDEN
        assert (await restore(there, sealed(document, cwd=str(base / "in")))).cwd == str(base / "in")


async def test_a_conversation_of_an_agents_own(autojump_clock: Clock, base: Path) -> None:
    provider = PuppetProvider()
    (base / "in/link").symlink_to(base / "in/work")
    provider.past = {
        PastSession(native_id=name, cwd=str(base / cwd), title=name, updated_at=BEGAN): [turn(1)]
        for name, cwd in (("inside", "in/link"), ("outside", "out/work"), ("gone", "in/gone"))
    }
    async with stage(provider=provider, terms=within(base / "in")) as s:

        async def adopt(native_id: str) -> Any:
            return await s.directory.adopt(AdoptSession(provider=PUPPET, native_id=native_id), ME)

        assert (await forbidden(adopt("outside"))).field == "nativeId"
        with pytest.raises(Refused) as no:
            await adopt("gone")
        assert (no.value.kind, no.value.field) == (ErrorKind.INVALID_REQUEST, "nativeId")
        assert (await adopt("inside")).cwd == str(base / "in/work")


# What its client sent along

BROUGHT = {"EDITOR": "vi", "LANG": "de"}


async def test_what_a_client_sends_along_reaches_each_agent_of_the_session(autojump_clock: Clock) -> None:
    journal, terms = MemoryJournal(), within(names=("EDITOR", "LANG"))
    async with stage(journal=journal, terms=terms) as s:
        session_id = await create(s, Path("/"), environment=BROUGHT, prompt="one")
        run = await s.provider.opened()
        assert run.config.environment == BROUGHT
        await answer(s, run, "one")
        fork = await s.directory.fork(ForkSession(session_id=session_id), ME)
        await s.prompt(fork.session_id, "two")
        assert (await s.provider.opened()).config.environment == BROUGHT
    async with stage(journal=journal, terms=within(names=("LANG",))) as s:
        await s.prompt(session_id, "three")
        assert (await s.provider.opened()).config.environment == {"LANG": "de"}, "as the configuration is now"


async def test_elsewhere_the_configuration_there_decides(autojump_clock: Clock) -> None:
    async with stage(terms=within(names=("EDITOR", "LANG"))) as here, stage(terms=within(names=("LANG",))) as there:
        session_id = await create(here, Path("/"), environment=BROUGHT, prompt="one")
        await answer(here, await here.provider.opened(), "one")
        document = await suspend(here, session_id)
        await restore(there, document)
        await there.prompt(session_id, "two")
        assert (await there.provider.opened()).config.environment == {"LANG": "de"}


async def test_it_goes_along_to_another_provider(autojump_clock: Clock) -> None:
    other = PuppetProvider("other")
    async with stage(others=[other], terms=within(names=("LANG",))) as s:
        session_id = await create(s, Path("/"), environment={"LANG": "de"}, prompt="one")
        await answer(s, await s.provider.opened(), "one")
        await s.directory.move(MoveSession(session_id=session_id, provider=other.name), ME)
        await s.prompt(session_id, "two")
        assert (await other.opened()).config.environment == {"LANG": "de"}


async def test_another_environment_under_the_same_key_is_another_request(autojump_clock: Clock) -> None:
    async with stage(terms=within(names=("LANG",))) as s:
        await create(s, Path("/"), environment={"LANG": "de"}, request_key="k")
        with pytest.raises(Refused) as no:
            await create(s, Path("/"), environment={"LANG": "C"}, request_key="k")
        assert no.value.kind is ErrorKind.KEY_REUSED


def test_values_are_shown_nowhere() -> None:
    command = CreateSession(cwd="/", environment={"LANG": "a-value"})
    assert "a-value" not in repr(command)
