"""What the barrier holds: places, deadlines, and that a fault stays where it is."""

from __future__ import annotations

import pytest
import trio
import trio.testing
from structlog.typing import EventDict

from jelmored.control import guards, server
from jelmored.control.connection import Connection
from jelmored.control.stream import CloseCode
from jelmored.process.descent import Origin
from tests.client_raw import connect
from tests.eventually import eventually

from .stage import staged
from .wire import HELLO, Wire, dial, frame, head, request, upgraded


async def test_many_wait_and_the_oldest_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "MAX_WAITING", 3)
    async with staged() as stage, trio.open_nursery() as nursery:
        waiting = [await dial(stage.socket) for _ in range(3)]
        await trio.testing.wait_all_tasks_blocked()
        async with await upgraded(stage.socket):
            assert await waiting[0].stream.receive_some() == b""
            for wire in waiting[1:]:
                await wire.send(head())
                assert (await wire.head())[0] == 101
        for wire in waiting:
            nursery.start_soon(wire.stream.aclose)


async def test_when_all_places_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "MAX_CLIENTS", 2)
    async with staged() as stage, await upgraded(stage.socket):
        async with await upgraded(stage.socket), await dial(stage.socket) as third:
            await third.send(head())
            assert (await third.head())[0] == 503
            assert stage.connections.count == 2
        await eventually(lambda: stage.connections.count == 1, 5)
        async with await upgraded(stage.socket):
            assert stage.connections.count == 2


async def test_an_agent_that_runs_wild_keeps_nobody_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "MAX_CONFINED", 1)
    async with staged() as stage:
        with monkeypatch.context() as agents:
            agents.setattr(guards, "origin_of", lambda _: Origin.AGENT)
            first = await upgraded(stage.socket)
            async with await dial(stage.socket) as second:
                await second.send(head())
                assert (await second.head())[0] == 503
        async with first, await upgraded(stage.socket):
            assert stage.connections.count == 2


@pytest.mark.parametrize("said", [b"", b"G", b"GET /v1 HTTP/1.1\r\nHost: x\r\n"])
async def test_the_whole_upgrade_has_a_deadline(said: bytes, autojump_clock: trio.abc.Clock) -> None:
    async with staged() as stage, await dial(stage.socket) as wire:
        start = trio.current_time()
        await wire.send(said)
        assert await wire.stream.receive_some() == b""
        assert trio.current_time() - start == pytest.approx(server.UPGRADE_SECONDS, abs=0.5)


async def test_drip_by_drip_does_not_help(autojump_clock: trio.abc.Clock) -> None:
    async with staged() as stage, await dial(stage.socket) as wire:
        start = trio.current_time()
        with pytest.raises(trio.BrokenResourceError):
            await _drip(wire)
        assert trio.current_time() - start <= server.UPGRADE_SECONDS + 1


async def _drip(wire: Wire) -> None:
    for _ in range(1000):
        await wire.send(b"x")
        await trio.sleep(0.5)


async def test_who_leaves_before_the_upgrade_holds_no_place() -> None:
    async with staged() as stage:
        for _ in range(20):
            await (await dial(stage.socket)).stream.aclose()
        async with await upgraded(stage.socket):
            await eventually(lambda: len(stage.connections.nursery.child_tasks) == 1, 5)
            assert stage.connections.count == 1


async def test_at_the_stop_everybody_is_told(autojump_clock: trio.abc.Clock) -> None:
    async with trio.open_nursery() as nursery:
        async with staged() as stage:
            polite = await upgraded(stage.socket, hello=True)
            silent = await upgraded(stage.socket)
            waiting = await dial(stage.socket)
            codes: list[int] = []
            nursery.start_soon(_answer_close, polite, codes)
            start = trio.current_time()
        assert trio.current_time() - start <= server.STOP_SECONDS
        async with polite, silent, waiting:
            assert codes == [1001]
            assert await silent.close_code() == 1001
            assert await waiting.stream.receive_some() == b""


async def test_the_stop_that_it_is_part_of_bounds_the_goodbye(autojump_clock: trio.abc.Clock) -> None:
    async with staged(deadline=0.5) as stage:
        silent = await upgraded(stage.socket)
        start = trio.current_time()
    async with silent:
        assert trio.current_time() - start == pytest.approx(0.5, abs=0.01)


async def _answer_close(wire: Wire, codes: list[int]) -> None:
    codes.append(await wire.close_code())
    await wire.send(frame(8, b"\x03\xe9"))


async def test_what_waits_is_said_before_the_goodbye() -> None:
    async with staged() as stage:
        session = stage.directory.open()
        wire = await upgraded(stage.socket, hello=True)
        await wire.send(request("session/subscribe", 1, sessionId=session.id))
        assert [(await wire.message()).get("id") for _ in range(2)] == [1, None]
        await session.say("the last word")
    async with wire:
        assert (await wire.message())["params"]["content"] == "the last word"
        assert await wire.close_code() == 1001


class Leaving:
    """A speaker that ends while its writer is at work."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        task_status.started()

    async def hear(self, frame: str) -> None:
        await trio.sleep_forever()

    async def take(self) -> list[bytes]:
        if self._connection.ended:
            await trio.sleep_forever()
        self._connection.end(CloseCode.BYE, "bye")
        return [b"1"]

    def finish(self) -> list[bytes]:
        return [b"2"]


async def test_what_the_writer_had_in_hand_at_the_end_is_not_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    async with staged() as stage:
        monkeypatch.setattr(stage.connections, "_routes", {"/v1": server.Route("jelmored.v1", Leaving)})
        for _ in range(50):  # who runs first, the end or the write, is chance
            async with await upgraded(stage.socket) as wire:
                assert [await wire.frame() for _ in range(2)] == [(1, b"1"), (1, b"2")]
                assert await wire.close_code() == 1000


class Failing:
    """A speaker with a bug."""

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        task_status.started()
        await trio.sleep_forever()

    async def hear(self, frame: str) -> None:
        raise ZeroDivisionError(frame)

    async def take(self) -> list[bytes]:
        await trio.sleep_forever()

    def finish(self) -> list[bytes]:
        return []


async def test_a_bug_of_ours_ends_one_connection(monkeypatch: pytest.MonkeyPatch, logged: list[EventDict]) -> None:
    async with staged() as stage, connect(stage.socket) as other:
        with monkeypatch.context() as patched:
            routes = {"/v1": server.Route("jelmored.v1", lambda _: Failing())}
            patched.setattr(stage.connections, "_routes", routes)
            async with await upgraded(stage.socket) as wire:
                await wire.send(request("initialize", **HELLO))
                assert await wire.close_code() == 1011
        await eventually(lambda: stage.connections.failures == {"ZeroDivisionError": 1}, 5)
        assert await other.request("ping") == {}
    assert [entry["error"] for entry in logged if entry["log_level"] == "warning"] == ["ZeroDivisionError"]
