"""The same request twice is one request: for clients that don't know whether the first arrived."""

from __future__ import annotations

import pytest

from tests.client_raw import RpcError
from tests.invariants import check

from .script import Script, says, when
from .stage import alive, open_place, open_stage

pytestmark = pytest.mark.real


def _script() -> Script:
    return Script(when("", says("Done.")))


async def test_a_prompt_is_admitted_once() -> None:
    async with open_stage(_script()) as stage:
        session = await stage.session()
        first = await stage.prompt(session, "hello", requestKey="k1")
        again = await stage.prompt(session, "hello", requestKey="k1")
        assert again == first
        await session.turn_over(1)
        assert await stage.prompt(session, "hello", requestKey="k1") == first
        with pytest.raises(RpcError) as reused:
            await stage.prompt(session, "something else", requestKey="k1")
        assert (reused.value.code, reused.value.kind) == (1003, "key-reused")
        assert len(session.of_turn(1, "user")) == 1
        assert len(stage.model.calls) == 1
        check(session)


async def test_a_session_is_made_once() -> None:
    async with open_stage(_script()) as stage:
        params = {"cwd": str(stage.place.work), "requestKey": "k1"}
        first = await stage.client.request("session/create", **params)
        again = await stage.client.request("session/create", **params)
        assert again["sessionId"] == first["sessionId"]
        assert len((await stage.client.request("session/list"))["sessions"]) == 1
        with pytest.raises(RpcError) as reused:
            await stage.client.request("session/create", **params, title="another")
        assert reused.value.kind == "key-reused"


async def test_a_key_outlives_the_daemon() -> None:
    async with open_place(_script()) as (place, model):
        async with alive(place, model) as stage:
            session = await stage.session()
            first = await stage.prompt(session, "hello", requestKey="k1")
            await session.turn_over(1)
            await stage.daemon.kill()
        async with alive(place, model) as stage:
            assert await stage.prompt(session, "hello", requestKey="k1") == first
            assert len(model.calls) == 1
