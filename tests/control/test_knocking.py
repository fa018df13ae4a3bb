from __future__ import annotations

import pytest
import trio

from jelmored.control.knocking import knock

from .stage import staged


async def test_a_door_that_opens_answers_and_nobody_has_come_in() -> None:
    async with staged() as stage:
        await knock(stage.socket)
        assert stage.connections.count == 0
        assert not stage.connections.failures


async def test_a_door_at_which_nobody_is_does_not() -> None:
    async with staged() as stage:
        path = stage.socket
    with pytest.raises(OSError, match=r"No such file|refused"):
        await knock(path)


async def test_one_that_nobody_opens_does_not() -> None:
    async with staged() as stage:
        path = stage.socket.with_name("other.sock")
        with trio.socket.socket(trio.socket.AF_UNIX) as listening:
            await listening.bind(str(path))
            listening.listen()
            with trio.move_on_after(0.1) as patience:
                await knock(path)
            assert patience.cancelled_caught
            taken, _ = await listening.accept()
            taken.close()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_hang_up, listening)
                with pytest.raises((OSError, trio.BrokenResourceError)):
                    await knock(path)


async def _hang_up(listening: trio.socket.SocketType) -> None:
    taken, _ = await listening.accept()
    taken.close()
