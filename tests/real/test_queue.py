"""Prompts that come while a turn runs."""

from __future__ import annotations

import pytest

from tests.client_raw import RpcError
from tests.invariants import check

from .script import Script, says, when
from .scripts import LONG
from .stage import open_stage

pytestmark = pytest.mark.real


def _script() -> Script:
    return Script(when("talk", says(LONG, pieces=200, pace=0.01)), when("", says("Done.")))


async def test_they_wait_in_order_and_one_is_taken_back() -> None:
    async with open_stage(_script()) as stage:
        session = await stage.session(prompt="talk")
        await session.delta(turn=1)
        one, two, three = [await stage.prompt(session, word) for word in ("one", "two", "three")]
        assert {receipt["disposition"] for receipt in (one, two, three)} == {"queued"}
        waiting = await stage.client.request("session/queue", sessionId=session.session_id)
        assert [prompt["promptId"] for prompt in waiting["prompts"]] == [r["promptId"] for r in (one, two, three)]
        assert (await stage.get(session))["queuedPrompts"] == 3
        left = await stage.client.request("session/unqueue", sessionId=session.session_id, promptId=two["promptId"])
        assert [prompt["promptId"] for prompt in left["prompts"]] == [r["promptId"] for r in (one, three)]
        await session.turn_over(3)
        begun = [e["metadata"]["promptId"] for e in session.events if e["eventType"] == "turn_started"]
        assert begun[1:] == [one["promptId"], three["promptId"]]
        assert stage.model.calls[-1].conversation.human == ("talk", "one", "three")
        users = {event["metadata"]["promptId"]: event for event in session.events if event["eventType"] == "user"}
        for receipt in (one, two, three):
            assert users[receipt["promptId"]]["turn"] is None
            assert users[receipt["promptId"]]["seq"] == receipt["seq"]
        check(session)


async def test_a_prompt_that_does_not_wait_is_not_there() -> None:
    async with open_stage(_script()) as stage:
        session = await stage.session()
        with pytest.raises(RpcError) as unknown:
            await stage.client.request("session/unqueue", sessionId=session.session_id, promptId="prm_nobody")
        assert unknown.value.kind == "not-found"


async def test_refuse() -> None:
    async with open_stage(_script()) as stage:
        session = await stage.session(prompt="talk")
        await session.delta(turn=1)
        with pytest.raises(RpcError) as busy:
            await stage.prompt(session, "now or never", whenBusy="refuse")
        assert (busy.value.code, busy.value.kind) == (1100, "busy")
        await session.turn_over(1)
        receipt = await stage.prompt(session, "now", whenBusy="refuse")
        assert receipt["disposition"] == "started"
        await session.turn_over(2)
        assert [e["content"] for e in session.events if e["eventType"] == "user"] == ["talk", "now"]
        check(session)


async def test_interrupt() -> None:
    async with open_stage(_script()) as stage:
        session = await stage.session(prompt="talk")
        await session.delta(turn=1)
        await stage.prompt(session, "something else", whenBusy="interrupt")
        ended = await session.turn_over(1)
        assert ended["metadata"]["reason"] == "interrupted"
        await session.turn_over(2)
        assert session.said(2) == "Done."
        assert stage.model.calls[-1].conversation.last.endswith("something else")
        check(session)


async def test_more_than_the_queue_holds() -> None:
    async with open_stage(_script()) as stage:
        session = await stage.session(prompt="talk")
        await session.delta(turn=1)
        for number in range(32):
            await stage.prompt(session, f"prompt {number}")
        with pytest.raises(RpcError) as full:
            await stage.prompt(session, "one too many")
        assert full.value.kind == "queue-full"
        await stage.client.request("session/interrupt", sessionId=session.session_id)
        await session.turn_over(1)
        check(session)
