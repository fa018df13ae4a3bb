"""New sessions at once: one name, one requestKey, one directory. What a session begins with: test_founding.py."""

from __future__ import annotations

import pytest
import trio

from jelmored.domain.commands import CreateSession, ForkSession
from jelmored.domain.ids import SessionId
from jelmored.domain.requirements import Requirements
from jelmored.errors import ErrorKind, Refused

from .stage import ME, Stage, stage


async def made(s: Stage, results: list[SessionId | ErrorKind], **more: object) -> None:
    try:
        results.append((await s.directory.create(CreateSession(cwd="/", **more), ME)).session_id)  # type: ignore[arg-type]
    except Refused as no:
        results.append(no.kind)


async def test_of_two_that_want_a_name_at_once_one_gets_it(autojump_clock: trio.testing.MockClock) -> None:
    async with stage() as s:
        results: list[SessionId | ErrorKind] = []
        async with trio.open_nursery() as nursery:
            for _ in range(2):
                nursery.start_soon(lambda: made(s, results, name="n"))
        assert results.count(ErrorKind.INVALID_PARAMS) == 1
        assert len(s.directory.counts()) == 1


async def test_a_request_key_makes_one_session_however_often_it_comes(autojump_clock: trio.testing.MockClock) -> None:
    async with stage() as s:
        results: list[SessionId | ErrorKind] = []
        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(lambda: made(s, results, request_key="k"))
        assert len(set(results)) == 1


async def test_a_fork_minds_names_too(autojump_clock: trio.testing.MockClock) -> None:
    async with stage() as s:
        session_id = await s.create(name="n")
        with pytest.raises(Refused) as refused:
            await s.directory.fork(ForkSession(session_id=session_id, name="n"), ME)
        assert (refused.value.kind, refused.value.field) == (ErrorKind.INVALID_PARAMS, "name")
        forked = await s.directory.fork(ForkSession(session_id=session_id, name="m"), ME)
        assert forked.name == "m"


async def test_a_name_is_free_again_when_its_session_is_closed(autojump_clock: trio.testing.MockClock) -> None:
    async with stage() as s:
        await s.directory.close(await s.create(name="n"), ME)
        assert (await s.directory.create(CreateSession(cwd="/", name="n"), ME)).name == "n"


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "a\x1b[2J", "ses_abc", "apr_abc"])
async def test_what_would_stand_for_something_else_is_no_name(
    autojump_clock: trio.testing.MockClock, name: str
) -> None:
    async with stage() as s:
        results: list[SessionId | ErrorKind] = []
        await made(s, results, name=name)
        assert results == [ErrorKind.INVALID_PARAMS]


async def test_whoever_begins_it_fits_what_is_required(autojump_clock: trio.testing.MockClock) -> None:
    async with stage() as s:
        session = await s.directory.create(CreateSession(cwd="/", requirements=Requirements(min_context=1)), ME)
        assert session.provider == "puppet"
        with pytest.raises(Refused, match="can't do singing") as refused:
            await s.directory.create(CreateSession(cwd="/", requirements=Requirements(capabilities=("singing",))), ME)
        assert refused.value.kind is ErrorKind.NO_PROVIDER


async def test_a_model_that_nobody_lists_stands_as_it_is(autojump_clock: trio.testing.MockClock) -> None:
    async with stage() as s:
        session = await s.directory.create(CreateSession(cwd="/", model="unheard-of"), ME)
        assert session.provider == "puppet"
