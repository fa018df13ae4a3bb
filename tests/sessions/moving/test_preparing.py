"""What is checked of a session that comes from another daemon before anything of it is made."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest

from jelmored.domain.ids import LogId, ProviderName
from jelmored.domain.prompts import ImageBlock
from jelmored.errors import ErrorKind, Refused
from jelmored.testing.puppet import PuppetProvider
from jelmored.wire.messages import ImportSession
from jelmored.wire.states import document_of, state_in
from tests.sessions.moving.test_importing import MEMORY, Clock, refusal, restore, sealed, two
from tests.sessions.moving.test_suspension import answer, suspend, talk
from tests.sessions.stage import ME


async def test_of_two_accounts_the_other_one_can_read_the_record(autojump_clock: Clock) -> None:
    async with two(there=PuppetProvider("puppet-work")) as (here, there):
        here.provider.records["native-1"] = MEMORY
        session_id, _ = await talk(here, "one")
        await restore(there, await suspend(here, session_id))
        assert there.provider.records == {"native-1": MEMORY}
        await there.prompt(session_id, "two")
        run = await there.provider.opened()
        assert (run.config.native_id, await answer(there, run, "two")) == ("native-1", "two")


async def test_a_directory_that_is_not_here(autojump_clock: Clock, tmp_path: Path) -> None:
    async with two() as (here, there):
        session_id, _ = await talk(here, "one")
        document = await suspend(here, session_id)
        no = await refusal(there, sealed(document, cwd="/not/here"))
        assert (no.kind, no.field) == (ErrorKind.STATE_INVALID, "state.facts.cwd")
        assert "/not/here" in no.message
        no = await refusal(there, sealed(document, directories=("/tmp", "/not/here")))
        assert no.field == "state.facts.directories[1]"
        (tmp_path / "work").mkdir()
        (tmp_path / "link").symlink_to(tmp_path / "work")
        view = await restore(there, sealed(document, cwd=f"{tmp_path}/link", directory=f"{tmp_path}/link"))
        assert view.cwd == view.directory == f"{tmp_path}/work"


async def test_a_provider_that_is_not_here_and_none_that_could_stand_in(autojump_clock: Clock) -> None:
    async with two(here=PuppetProvider("mine"), there=PuppetProvider("yours")) as (here, there):
        session_id = await here.create("one", provider=ProviderName("mine"))
        await answer(here, await here.provider.opened(), "one")
        document = await suspend(here, session_id)
        no = await refusal(there, sealed(document, pin=True))
        assert (no.kind, no.field) == (ErrorKind.STATE_INVALID, "state.facts.provider")
        assert "pinned to mine" in no.message
        there.provider.probed = attrs.evolve(there.provider.probed, models=())
        needs = attrs.evolve(state_in(document).facts.requirements, min_context=10**9)
        no = await refusal(there, sealed(document, requirements=needs))
        assert (no.kind, no.field) == (ErrorKind.STATE_INVALID, "state.facts.provider")


async def test_a_session_that_is_here_and_is_another(autojump_clock: Clock) -> None:
    async with two() as (here, there):
        session_id, _ = await talk(here, "one")
        document = await suspend(here, session_id)
        await restore(there, document)
        no = await refusal(there, document)
        assert (no.kind, no.field) == (ErrorKind.STATE_INVALID, "state.facts.seq")
        seq = state_in(document).facts.seq
        assert f"came from there at event {seq}, and stands at event {seq + 2} here" in no.message
        no = await refusal(there, sealed(document, log_id=LogId("log_other")))
        assert "another log here" in no.message


async def test_a_session_that_was_deleted_here_never_comes_back(autojump_clock: Clock) -> None:
    async with two() as (here, there):
        session_id, _ = await talk(here, "one")
        document = await suspend(here, session_id)
        await here.directory.close(session_id, ME)
        await here.directory.delete(session_id, ME)
        no = await refusal(here, document)
        assert (no.kind, no.field) == (ErrorKind.STATE_INVALID, "state.facts.sessionId")
        assert "deleted" in no.message
        with pytest.raises(Refused, match="deleted"):
            await here.directory.import_(ImportSession(state=document), ME)
        await restore(there, document)


async def test_what_is_no_picture_can_t_wait(autojump_clock: Clock) -> None:
    async with two() as (here, there):
        session_id = await here.create("work")
        await (await here.provider.opened()).heard()
        await here.prompt(session_id, "waits")
        state = state_in(await here.directory.export(session_id))
        (prompt,) = state.queue
        broken = attrs.evolve(prompt, blocks=(ImageBlock(mime_type="image/png", data="?"),))
        no = await refusal(there, document_of(attrs.evolve(state, queue=(broken,))))
        assert (no.kind, no.field) == (ErrorKind.STATE_INVALID, "state.queue[0].prompt[0].data")
