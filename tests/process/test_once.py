"""A program that runs to its end, and one that does not."""

from __future__ import annotations

import pytest
import trio

from jelmored.errors import ProviderUnavailableError
from jelmored.process.once import run_to_end

from .trees import STUBBORN, command, marked, marker, sh


async def test_it_gets_its_input_and_its_end_is_told() -> None:
    ended = await run_to_end(sh("cat >&2; exit 3"), name="x", stdin=b"hello", seconds=10)
    assert (ended.code, ended.stderr_tail) == (3, "hello")


async def test_what_it_says_holds_nobody_up() -> None:
    ended = await run_to_end(sh("head -c 2000000 /dev/zero | tr '\\0' '\\n'"), name="x", seconds=10)
    assert ended.code == 0


@pytest.mark.parametrize("script", ["true", "exec 0<&-; sleep 0.2"])
async def test_it_need_not_read_its_input(script: str) -> None:
    for _ in range(5):
        ended = await run_to_end(sh(script), name="x", stdin=b"x" * 4000, seconds=10)
        assert ended.signal in (None, 9), "it closed its stdin before it was given anything"
        assert ended.code in (0, None)


async def test_past_its_time_it_and_all_that_it_started_is_killed() -> None:
    mark, begun = marker(), trio.current_time()
    with pytest.raises(trio.TooSlowError):
        await run_to_end(sh(f"{STUBBORN}\nsleep 1000", mark=mark), name="x", seconds=0.5)
    assert marked(mark) == []
    assert trio.current_time() - begun < 3


async def test_one_that_is_not_there() -> None:
    with pytest.raises(ProviderUnavailableError, match="no-such-program"):
        await run_to_end(command("no-such-program"), name="x", seconds=10)
