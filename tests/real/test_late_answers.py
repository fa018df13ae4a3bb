"""Approvals with an agent as a real program: who answers late, nobody who answers, and who comes later."""

from __future__ import annotations

import pytest

from tests.client_raw import RpcError, connect
from tests.eventually import eventually
from tests.invariants import check

from . import daemon
from .rogues import alive, open_pen
from .script import Script, says, uses, when
from .stage import alive as alive_stage
from .stage import open_place


async def test_who_attaches_later_is_asked_too_and_the_first_answer_wins() -> None:
    async with open_pen() as pen, connect(pen.place.socket) as other:
        session = await pen.session("asks_once")
        asked = await session.event("approval_requested")
        approval_id = asked["metadata"]["approvalId"]
        later = await other.subscribe(session.session_id)
        caught_up = await later.caught_up()
        assert [one["approvalId"] for one in caught_up["approvals"]] == [approval_id]
        won = await other.request("approval/resolve", approvalId=approval_id, optionId="allow")
        with pytest.raises(RpcError) as late:
            await pen.client.request("approval/resolve", approvalId=approval_id, optionId="reject")
        assert late.value.kind == "already-resolved"
        assert late.value.data["approval"]["resolvedBy"] == won["resolvedBy"]
        told = await session.event("approval_resolved")
        assert told["metadata"]["resolvedBy"] == won["resolvedBy"]
        await session.turn_over(1)
        check(session)


async def test_who_answers_after_a_restart_learns_what_became_of_it() -> None:
    async with daemon.new_place() as place:
        async with alive(place) as pen:
            answered = await pen.session("asks_once")
            first = (await answered.event("approval_requested"))["metadata"]["approvalId"]
            await pen.client.request("approval/resolve", approvalId=first, optionId="reject")
            await answered.turn_over(1)
            left = await pen.session("asks_once")
            second = (await left.event("approval_requested"))["metadata"]["approvalId"]
            await pen.daemon.kill()
        async with alive(place) as pen:
            for approval_id, status, by in ((first, "resolved", "client"), (second, "cancelled", "session")):
                with pytest.raises(RpcError) as late:
                    await pen.client.request("approval/resolve", approvalId=approval_id, optionId="allow")
                assert late.value.kind == "already-resolved"
                winner = late.value.data["approval"]
                assert (winner["status"], winner["resolvedBy"]["kind"]) == (status, by)
            with pytest.raises(RpcError) as unknown:
                await pen.client.request("approval/resolve", approvalId="apr_unknown", optionId="allow")
            assert unknown.value.kind == "not-found"
            again = await pen.client.subscribe(left.session_id)
            assert (await again.caught_up())["approvals"] == []


async def test_what_nobody_answers_in_time_is_denied_and_the_turn_goes_on() -> None:
    async with open_pen(sessions={"approval_timeout_seconds": 0.5}) as pen:
        session = await pen.session("asks_once")
        asked = await session.event("approval_requested")
        assert asked["metadata"]["expiresAt"] > asked["metadata"]["createdAt"]
        expired = await session.event("approval_resolved")
        assert expired["metadata"]["status"] == "expired"
        ended = await session.turn_over(1)
        assert ended["metadata"]["reason"] == "completed"
        assert "denied: Nobody answered within 0.5 s." in session.said(1)
        with pytest.raises(RpcError) as late:
            await pen.client.request("approval/resolve", approvalId=asked["metadata"]["approvalId"], optionId="allow")
        assert (late.value.kind, late.value.data["approval"]["status"]) == ("already-resolved", "expired")
        check(session)


@pytest.mark.real
async def test_always_holds_over_sleep_restart_and_another_provider() -> None:
    """With the real claude: asked once, never again; what is another command is asked."""
    make = uses("Bash", command="touch made", description="Make a file")
    other = uses("Bash", command="touch other", description="Make another")
    script = Script(when("other", other, says("Done.")), when("make", *(4 * (make, says("Done.")))))
    async with open_place(script) as (place, model):
        settings = daemon.configuration(place, model.url, sessions={"hibernate_after": 1})
        claude = settings["providers"]["claude"]
        both = {**settings, "providers": {"claude": claude, "second": {**claude, "type": "claude"}}}
        async with alive_stage(place, model, both) as stage:
            session = await stage.session(prompt="make a file", provider="claude")
            await stage.resolve(session, "allow_always")
            await session.turn_over(1)
            await eventually(lambda: not stage.agents(), 20, stage.agents)  # it sleeps
            await stage.turn(session, "make it again")
            await stage.daemon.kill()
        async with alive_stage(place, model, both) as stage:
            again = await stage.client.subscribe(session.session_id)
            await again.caught_up()
            await stage.turn(again, "make it once more")
            await stage.client.request("session/move", sessionId=session.session_id, provider="second")
            await stage.turn(again, "make it there too")
            assert (await stage.get(again))["provider"] == "second"
            assert [event["turn"] for event in again.events if event["eventType"] == "approval_requested"] == [1]
            results = [event for event in again.events if event["eventType"] == "tool_result"]
            assert [event["metadata"]["isError"] for event in results] == [False] * 4
            await stage.prompt(again, "make an other file")
            await again.event("approval_requested", turn=5)
            await stage.resolve(again, "reject_once")
            await again.turn_over(5)
            check(again)
