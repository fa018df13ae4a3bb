"""Agents that do wrong, as real programs through the whole daemon. Each is served as well as can be, or its turn ends
and says why; the daemon's memory is bounded, the neighbours don't notice, and nothing is left running."""

from __future__ import annotations

import os

import pytest
import trio

from tests.invariants import check

from .rogues import Gauge, Pen, open_pen

MEMORY = 64.0  # MiB
MORE = {
    "long_line_that_can_be_read": 128.0,  # two lines of 23 MiB each that follow each other and are read whole
    "flood_of_unknown": 128.0,  # lists on their way to the session are counted, not the events in them
}
"""What takes more, still with a bound."""
LATENCY = 8.0  # s of a neighbour's turn: beside 20,000 events on two busy cores it was 5.6, else below 1
PATIENCE = 90.0

SERVED = [
    "long_line",
    "long_line_that_can_be_read",
    "wide_line",
    "nuls",
    "bad_utf8",
    "much_stderr",
    "flood",
    "flood_of_unknown",
    "deep",
    "numbers",
    "duplicates",
    "answers_to_nobody",
    "leaves_its_question_open",
    "ends_its_turn_twice",
]
"""Correct service: what can't be read is told as such, and the turn ends well."""

EARLY = {"ends_its_turn_twice", "numbers"}
"""The turn is over before the last words."""

RESTARTED = {
    "exits_in_a_line": "claude ended by itself (exit code 3)",
    "leaves_its_stdout_to_another": "claude ended by itself (exit code 0)",
    "closes_its_stdout": "claude ended by itself (signal 15)",
    "never_reads": "claude takes no input",
}
"""A crash, of which the log tells why; the next agent does the turn over."""

LARGE = "x" * 3_000_000  # more than any pipe holds


@pytest.mark.parametrize("name", SERVED)
async def test_what_is_served(name: str) -> None:
    async with open_pen() as pen:
        growth = await _beside_a_neighbour(pen, name)
    assert growth < MORE.get(name, MEMORY)


@pytest.mark.parametrize("name", RESTARTED)
async def test_what_is_started_again(name: str) -> None:
    async with open_pen() as pen:
        growth = await _beside_a_neighbour(pen, name, LARGE if name == "never_reads" else "hello")
    assert growth < MEMORY


async def _beside_a_neighbour(pen: Pen, name: str, prompt: str = "hello") -> float:
    """A turn of a rogue, while a neighbour does turns; MiB that the daemon grew by."""
    neighbour = await pen.session("well", provider="neighbour")
    await neighbour.turn_over(1)
    gauge = Gauge(pen.daemon.process.pid)
    slowest = [0.0]
    async with trio.open_nursery() as nursery:
        await nursery.start(gauge.run)
        nursery.start_soon(_work_beside, pen, neighbour, slowest)
        session = await pen.session(name, prompt=prompt)
        ended = await session.turn_over(1, seconds=PATIENCE)
        nursery.cancel_scope.cancel()
    assert ended["metadata"]["reason"] == "completed", session.summary()
    if name not in EARLY:
        assert session.said(1).endswith(f"heard {len(prompt)}")
    told = " ".join(event["content"] for event in session.of_turn(1, "error", "system"))
    assert RESTARTED.get(name, "") in told
    assert slowest[0] < LATENCY
    if name != "duplicates":  # whose ids are not ours
        check(session)
    check(neighbour)
    return gauge.growth


async def _work_beside(pen: Pen, neighbour: object, slowest: list[float]) -> None:
    while True:
        with trio.CancelScope(shield=True):
            slowest[0] = max(slowest[0], await pen.turn(neighbour, "and you?"))  # type: ignore[arg-type]
        await trio.sleep(0.1)


async def test_a_question_that_is_asked_twice_is_one() -> None:
    async with open_pen() as pen:
        session = await pen.session("asks_the_same_twice")
        asked = await session.event("approval_requested")
        approval = asked["metadata"]["approvalId"]
        await pen.client.request("approval/resolve", approvalId=approval, optionId="allow")
        ended = await session.turn_over(1)
        assert ended["metadata"]["reason"] == "completed"
        assert len(session.of_turn(1, "approval_requested")) == 1
        check(session)


async def test_nobody_is_asked_more_than_can_be_read() -> None:
    async with open_pen() as pen:
        session = await pen.session("asks_very_much")
        await session.turn_over(1, seconds=PATIENCE)
        assert len(session.of_turn(1, "approval_requested")) == 100
        assert (await pen.client.request("approval/list"))["approvals"] == []
        check(session)


async def test_a_question_that_is_never_withdrawn_is_closed_with_the_turn() -> None:
    async with open_pen() as pen:
        session = await pen.session("leaves_its_question_open")
        await session.turn_over(1)
        (resolved,) = session.of_turn(1, "approval_resolved")
        assert resolved["metadata"]["status"] == "cancelled"
        assert (await pen.client.request("approval/list"))["approvals"] == []
        check(session)


async def test_one_that_will_not_stop_is_stopped() -> None:
    async with open_pen() as pen:
        session = await pen.session("is_stubborn")
        await session.event("status_change", to="active")
        here = str(pen.place.work / "is_stubborn")
        agents = {one for one in pen.daemon.family() if _directory(one.pid) == here}
        assert agents
        begun = trio.current_time()
        with trio.fail_after(30):
            await pen.client.request("session/close", sessionId=session.session_id)
        assert trio.current_time() - begun < 21
        assert [one.command for one in agents if one.alive] == []


def _directory(pid: int) -> str:
    try:
        return os.readlink(f"/proc/{pid}/cwd")
    except OSError:
        return ""
