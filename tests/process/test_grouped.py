"""Run here on the system that does not need it: what it promises is the same on any."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

from jelmored.errors import ErrorKind, ProviderUnavailableError
from jelmored.process import hold
from jelmored.process.child import Child
from jelmored.process.grouped import Grouped
from jelmored.process.reaper import WARDENS
from tests.process.trees import command, marked, marker, said, sh, until


@pytest.fixture(autouse=True)
def no_warden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hold, "Warded", Grouped)


@pytest.mark.parametrize("end", ["exit 3", "kill -KILL $$", "cancel"])
async def test_its_group_ends_with_it(end: str) -> None:
    mark = marker()
    child = Child(sh(f"sh -c 'trap \"\" TERM; sleep 1000' & echo up; read word; {end}", mark=mark), name="x")
    async with trio.open_nursery() as nursery:
        await nursery.start(child.run)
        await said(child, b"up")
        assert not WARDENS
        if end == "cancel":
            nursery.cancel_scope.cancel()
        else:
            await child.write(b"now\n")
    ended = await child.wait()
    assert (ended.code, ended.signal) == ((3, None) if end == "exit 3" else (None, 9))
    await until(lambda: not marked(mark))


async def test_it_is_stopped_by_the_signal(nursery: trio.Nursery) -> None:
    child = Child(sh("echo up; exec sleep 1000"), name="x")
    await nursery.start(child.run)
    await said(child, b"up")
    assert (await child.stop(grace=0.02)).signal == 15


async def test_what_can_not_run_is_not_installed(tmp_path: Path) -> None:
    path = tmp_path / "agent"
    path.write_text("#!/no/such/interpreter\n")
    path.chmod(0o755)
    with pytest.raises(ProviderUnavailableError) as refused:
        await Child(command(str(path)), name="x").run()
    assert refused.value.kind is ErrorKind.NOT_INSTALLED
