from __future__ import annotations

import os
import threading

import pytest
import structlog
import trio
import trio.testing

from jelmored.errors import ErrorKind, ProviderUnavailableError, SessionError
from jelmored.process.child import Child, Exit
from jelmored.wire.lines import MAX_LINE
from tests.process.trees import command, everything, is_alive, python, said, sh, until


async def test_lines_go_in_and_come_out(nursery: trio.Nursery) -> None:
    child = Child(command("cat"), name="cat")
    await nursery.start(child.run)
    await child.write(b"one\ntwo\nthr")
    assert await child.read_lines() == [b"one", b"two"]
    await child.write(b"ee\n")
    assert await child.read_lines() == [b"three"]
    await child.close_stdin()
    assert await child.read_lines() == []
    assert await child.wait() == Exit(code=0, signal=None, stderr_tail="")


@pytest.mark.parametrize(
    ("script", "code", "signal"),
    [
        ("exit 0", 0, None),
        ("exit 3", 3, None),
        ("exit 139", 139, None),
        ("kill -SEGV $$", None, 11),
        ("kill -TERM 0", None, 15),
    ],
)
async def test_an_exit_code_is_not_taken_for_a_signal(
    nursery: trio.Nursery, script: str, code: int | None, signal: int | None
) -> None:
    child = Child(sh(f"echo last words >&2; {script}"), name="sh")
    await nursery.start(child.run)
    assert await child.wait() == Exit(code=code, signal=signal, stderr_tail="last words\n")


async def test_a_missing_program_is_told_from_a_missing_directory() -> None:
    with pytest.raises(ProviderUnavailableError, match="no-such-agent") as missing:
        await Child(command("no-such-agent"), name="x").run()
    assert missing.value.kind is ErrorKind.NOT_INSTALLED
    with pytest.raises(SessionError, match="/no/such/directory") as nowhere:
        await Child(command("cat", cwd="/no/such/directory"), name="x").run()
    assert nowhere.value.kind is ErrorKind.INVALID_REQUEST


async def test_one_that_was_not_started_has_ended() -> None:
    child = Child(command("no-such-agent"), name="x")
    with pytest.raises(ProviderUnavailableError):
        await child.run()
    assert await child.read_lines() == []
    assert (await child.wait()).code is None
    with pytest.raises(SessionError):
        await child.write(b"x")


class TestOutput:
    async def test_a_line_that_is_too_long_is_dropped_and_the_child_lives(self, nursery: trio.Nursery) -> None:
        size = MAX_LINE + MAX_LINE // 4
        child = Child(python(f"print('x' * {size}); print('next'); print(input())"), name="x")
        await nursery.start(child.run)
        heard = await child.read_lines()
        assert [*heard, *([] if b"next" in heard else await child.read_lines())] == [b"", b"next"]
        assert child.dropped_lines == 1
        await child.write(b"alive\n")
        assert await child.read_lines() == [b"alive"]

    async def test_any_bytes_pass(self, nursery: trio.Nursery) -> None:
        child = Child(sh(r"printf 'a\000b\n\377\376\n\n'"), name="x")
        await nursery.start(child.run)
        assert await everything(child) == [b"a\0b", b"\xff\xfe", b""]

    async def test_a_line_that_was_cut_is_given_last(self, nursery: trio.Nursery) -> None:
        child = Child(sh("printf 'whole\n{\"cut'"), name="x")
        await nursery.start(child.run)
        assert await everything(child) == [b"whole", b'{"cut']
        assert await child.read_lines() == []

    async def test_an_end_of_output_is_no_end(self, nursery: trio.Nursery) -> None:
        child = Child(sh("exec >&-; read word; exit 7"), name="x")
        await nursery.start(child.run)
        assert await child.read_lines() == []
        assert child.pid is not None
        assert is_alive(child.pid)
        await child.write(b"go on\n")
        assert (await child.wait()).code == 7

    async def test_what_nobody_read_in_time_is_kept(self, nursery: trio.Nursery) -> None:
        child = Child(sh("seq 10000"), name="x")
        await nursery.start(child.run)
        await child.wait()
        assert await everything(child) == [str(number).encode() for number in range(1, 10001)]

    async def test_a_slow_reader_stops_the_child_and_misses_nothing(self, nursery: trio.Nursery) -> None:
        child = Child(sh("seq 200000"), name="x")
        await nursery.start(child.run)
        heard = 0
        while lines := await child.read_lines():
            heard += len(lines)
            await trio.sleep(0.001)
        assert heard == 200_000
        assert (await child.wait()).code == 0

    async def test_another_holder_of_the_pipe_is_not_waited_for(self, nursery: trio.Nursery) -> None:
        child = Child(sh("echo here; read word"), name="x")
        await nursery.start(child.run)
        await said(child, b"here")
        holder = os.open(f"/proc/{child.pid}/fd/1", os.O_WRONLY)
        try:
            await child.close_stdin()
            with trio.fail_after(3):
                assert await child.read_lines() == []
                await child.wait()
        finally:
            os.close(holder)

    async def test_a_flood_of_stderr_stops_nobody(self, nursery: trio.Nursery) -> None:
        script = "head -c 20000000 /dev/zero | tr '\\0' x >&2; printf '\\377end' >&2; echo done"
        child = Child(sh(script), name="noisy")
        with structlog.testing.capture_logs() as logged:
            await nursery.start(child.run)
            await said(child, b"done")
            tail = (await child.wait()).stderr_tail
        assert len(tail) == 64 * 1024
        assert tail.endswith("xxx\N{REPLACEMENT CHARACTER}end")
        assert 1 <= len(logged) <= 5


class TestInput:
    async def test_writes_are_whole_and_in_order(self, nursery: trio.Nursery) -> None:
        child = Child(command("cat"), name="cat")
        await nursery.start(child.run)
        texts = [bytes([letter]) * 200_000 + b"\n" for letter in b"abcdef"]
        async with trio.open_nursery() as writers:
            for text in texts:
                writers.start_soon(child.write, text)
            heard: list[bytes] = []
            while len(heard) < len(texts):
                heard.extend(await child.read_lines())
        assert sorted(line + b"\n" for line in heard) == texts
        child.kill()

    async def test_one_who_does_not_read_is_killed(
        self, nursery: trio.Nursery, mock_clock: trio.testing.MockClock
    ) -> None:
        child = Child(sh("echo deaf; exec sleep 1000"), name="deaf")
        await nursery.start(child.run)
        await said(child, b"deaf")
        async with trio.open_nursery() as writers:
            writers.start_soon(self._refused, child)
            writers.start_soon(self._refused, child)
            await trio.testing.wait_all_tasks_blocked(0.05)
            mock_clock.jump(10)
        assert (await child.wait()).signal == 9

    async def test_one_who_closed_its_input_is_killed(self, nursery: trio.Nursery) -> None:
        child = Child(sh("exec <&-; echo closed; exec sleep 1000"), name="closed")
        await nursery.start(child.run)
        await said(child, b"closed")
        await self._refused(child)
        assert (await child.wait()).signal == 9

    async def test_the_dead_take_nothing(self, nursery: trio.Nursery) -> None:
        child = Child(sh("echo sorry >&2; exit 2"), name="gone")
        await nursery.start(child.run)
        assert (await child.wait()).code == 2
        await self._refused(child, evidence="sorry\n")

    async def test_a_write_that_is_cut_off_kills(self, nursery: trio.Nursery) -> None:
        child = Child(sh("echo deaf; exec sleep 1000"), name="deaf")
        await nursery.start(child.run)
        await said(child, b"deaf")
        with trio.move_on_after(0.05):
            await child.write(bytes(1 << 20))
        assert (await child.wait()).signal == 9

    async def test_a_write_that_never_began_harms_nobody(self, nursery: trio.Nursery) -> None:
        child = Child(command("cat"), name="cat")
        await nursery.start(child.run)
        with trio.CancelScope() as scope:
            scope.cancel()
            await child.write(b"never\n")
        await child.write(b"whole\n")
        assert await child.read_lines() == [b"whole"]
        child.kill()

    async def _refused(self, child: Child, evidence: str = "") -> None:
        with pytest.raises(SessionError) as refused:
            await child.write(bytes(1 << 20))
        assert refused.value.kind is ErrorKind.AGENT_CRASHED
        assert refused.value.evidence == {"stderrTail": evidence}


class TestStop:
    @pytest.mark.parametrize(
        ("script", "ended"),
        [
            ("echo up; cat; exit 5", Exit(code=5, signal=None, stderr_tail="")),
            ("trap 'exit 6' TERM; echo up; while :; do sleep 0.01; done", Exit(code=6, signal=None, stderr_tail="")),
            ("echo up; exec sleep 1000", Exit(code=None, signal=15, stderr_tail="")),
            ("trap '' TERM; echo up; sleep 1000", Exit(code=None, signal=9, stderr_tail="")),
        ],
        ids=["at the end of its input", "at the signal, in order", "by the signal", "killed"],
    )
    async def test_by_ever_harder_means(self, nursery: trio.Nursery, script: str, ended: Exit) -> None:
        child = Child(sh(script), name="x")
        await nursery.start(child.run)
        await said(child, b"up")
        with trio.fail_after(2):
            assert await child.stop(grace=0.1, terminate=0.1) == ended

    async def test_of_one_that_has_ended_tells_how_it_had(self, nursery: trio.Nursery) -> None:
        child = Child(sh("exit 4"), name="x")
        await nursery.start(child.run)
        await child.wait()
        assert (await child.stop(grace=1)).code == 4


async def test_it_outlives_the_thread_that_started_it(nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch) -> None:
    """A parent-death signal follows the thread, and idle threads end: after 10 s, here at once."""
    monkeypatch.setattr("trio._core._thread_cache.IDLE_TIMEOUT", 0.01)
    child = Child(command("cat"), name="cat")
    await nursery.start(child.run)
    await until(lambda: not any(thread.name.startswith("Trio thread") for thread in threading.enumerate()), within=15)
    await child.write(b"alive\n")
    assert await child.read_lines() == [b"alive"]
    child.kill()
