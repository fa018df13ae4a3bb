"""One client that takes nothing, among fifty that do: nobody else notices, and it comes back to exactly what it missed.

`pytest -m soak -s tests/faults/test_slow_client.py` compares the pace with and without it, in turns.
"""

from __future__ import annotations

import os
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

import attrs
import pytest
import trio

from tests.client_raw import RawClient, connect
from tests.real.daemon import new_place, running
from tests.watch import Watch

from .test_full_disk import configuration

ROUNDS = int(os.environ.get("ROUNDS", "3"))
EVENTS = 3000
FAST = f"{EVENTS} 400 0.001"  # a thousand events a second, if the machine lets it
STEADY = f"{EVENTS} 400 0.005"  # two hundred, which a small machine can keep, for longer than a stalled client lives
UNCHANGED = 0.02
CLOSED = 15.0
SLOW_SECONDS = 90.0  # on a machine that does other things too
MIB = 1024 * 1024
SLOW = 4008


class Stalled:
    """It subscribes, and reads no byte more."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self.stream = stream
        self.begun = trio.current_time()

    async def until_closed(self) -> float:
        """Seconds from its beginning until the daemon has given it up; the socket is not read meanwhile."""
        with trio.fail_after(4 * CLOSED):
            while True:
                try:
                    await self.stream.send_all(b"\x8a\x80\0\0\0\0")  # a pong; nobody waits for it
                except trio.BrokenResourceError:
                    return trio.current_time() - self.begun
                await trio.sleep(0.1)

    async def close_code(self) -> int | None:
        """Read at last what is left there: the code of the close frame at its end."""
        rest = b""
        with trio.move_on_after(5):
            try:
                while chunk := await self.stream.receive_some(MIB):
                    rest = (rest + chunk)[-200:]
            except trio.BrokenResourceError:
                pass
        await trio.aclose_forcefully(self.stream)
        at = rest.rfind(b"\x88")
        return int.from_bytes(rest[at + 2 : at + 4], "big") if at >= 0 else None


async def subscribed(socket: Path, session_id: str) -> trio.SocketStream:
    """A connection to which a session's events come from now on, and that nobody reads."""
    stream = await trio.open_unix_socket(socket)
    client = RawClient(stream)
    await client.upgrade()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(client.run)
        await client.request("initialize", protocolVersion=1, clientInfo={"name": "subscribed", "version": "1"})
        await client.subscribe(session_id)
        nursery.cancel_scope.cancel()
    return stream


async def _drink(stream: trio.SocketStream) -> None:
    """A healthy client that costs this process little: it reads, and looks at nothing."""
    async with stream:
        while await stream.receive_some(MIB):
            pass


def _resident(pid: int) -> int:
    """Bytes."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * 4096


def _cpu(pid: int) -> float:
    """Seconds that it has worked; unlike its pace they hardly depend on what else the machine does."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@attrs.frozen
class Run:
    """`rate`: events a second, by the duration of the turn. `cpu`: seconds that the daemon worked for it. `grown`: its
    bytes."""

    rate: float
    cpu: float
    grown: int
    closed_after: float | None = None
    code: int | None = None


async def run(words: str = FAST, *, watching: int, drinking: int = 0, with_stalled: bool) -> Run:
    """One turn of the session under so many clients. Checks what those that watch got, and what a late one gets."""
    async with new_place() as place, running(place, configuration()) as daemon, connect(place.socket) as client:
        made = await client.request("session/create", cwd=str(place.work))
        session_id = made["sessionId"]
        async with trio.open_nursery() as nursery:
            for _ in range(drinking):
                nursery.start_soon(_drink, await subscribed(place.socket, session_id))
            watches = [await nursery.start(_watch, place.socket, session_id) for _ in range(watching)]
            other = Stalled(await subscribed(place.socket, session_id)) if with_stalled else None
            before, worked = _resident(daemon.process.pid), _cpu(daemon.process.pid)
            await client.request("session/prompt", sessionId=session_id, prompt=words)
            ended = await watches[0].turn_over(1, SLOW_SECONDS)
            worked = _cpu(daemon.process.pid) - worked
            closed_after = await other.until_closed() if other else None
            grown = _resident(daemon.process.pid) - before
            _compare([await _whole(watch) for watch in watches])
            back = await client.subscribe(session_id, 7)
            await back.note(lambda note: note.method == "session/caughtUp", SLOW_SECONDS)
            assert back.frames == {seq: raw for seq, raw in watches[0].frames.items() if seq > 7}
            nursery.cancel_scope.cancel()
        code = await other.close_code() if other else None
        rate = EVENTS / ended["metadata"]["durationMs"] * 1000
        return Run(rate=rate, cpu=worked, grown=grown, closed_after=closed_after, code=code)


async def _watch(socket: Path, session_id: str, *, task_status: trio.TaskStatus[Watch]) -> None:
    """A client of its own that reads and keeps all."""
    async with connect(socket) as client:
        task_status.started(await client.subscribe(session_id))
        await trio.sleep_forever()


async def _whole(watch: Watch) -> Mapping[int, str]:
    await watch.turn_over(1, SLOW_SECONDS)
    return watch.frames


def _compare(seen: Sequence[Mapping[int, str]]) -> None:
    """All of them have the same, from the first event to the last."""
    assert all(frames == seen[0] for frames in seen)
    assert sorted(seen[0]) == list(range(1, len(seen[0]) + 1))
    assert len(seen[0]) > EVENTS


async def test_a_client_that_takes_nothing_is_closed_and_comes_back_to_all_of_it() -> None:
    outcome = await run(watching=5, with_stalled=True)
    assert outcome.closed_after is not None
    assert outcome.closed_after <= CLOSED + EVENTS / outcome.rate, "10 s from when its socket was full"
    assert outcome.code == SLOW
    assert outcome.grown < 100 * MIB


@pytest.mark.soak
async def test_the_pace_of_a_session_is_the_same_with_a_client_that_takes_nothing() -> None:
    pace = await compared(STEADY, "rate")
    assert abs(pace) <= UNCHANGED
    await compared(FAST, "rate", "cpu")  # to be read: what a full machine does in seconds changes by itself


async def compared(words: str, *what: str) -> float:
    """How much the first of these figures is more with a stalled client than without, as a share; in turns, because
    the machine changes."""
    rates: dict[bool, list[Run]] = {False: [], True: []}
    for with_stalled in (False, True) * ROUNDS:
        rates[with_stalled].append(await run(words, watching=1, drinking=49, with_stalled=with_stalled))
    shares: list[float] = []
    for name in what:
        without, with_it = (statistics.median(getattr(one, name) for one in rates[which]) for which in (False, True))
        shares.append(with_it / without - 1)
        print(f"{words}: {name} without {without:.2f}, with {with_it:.2f}: {100 * shares[-1]:+.2f} %")
    return float(shares[0])
