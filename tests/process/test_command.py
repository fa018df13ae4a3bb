from __future__ import annotations

from pathlib import Path

import attrs
import pytest

from jelmored.errors import ErrorKind, ProviderError
from jelmored.process.child import Child
from jelmored.process.command import Command
from jelmored.process.warden import Order
from tests.process.trees import command, everything, sh


def program(path: Path, text: str, mode: int = 0o755) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


async def refusal(wanted: Command) -> ProviderError:
    with pytest.raises(ProviderError) as refused:
        await Child(wanted, name="x").run()
    return refused.value


async def test_the_warden_gets_what_was_meant() -> None:
    wanted = Command(argv=("sh", "", "ä\nb"), cwd="/", env={"PATH": "/usr/bin:/bin", "EMPTY": "", "EQUAL": "a=b"})
    order = Order((await wanted.checked()).order[4:])
    assert order.program.endswith(b"/sh")
    assert order.cwd == b"/"
    assert order.argv == [b"sh", b"", "ä\nb".encode()]
    assert order.env == {b"PATH": b"/usr/bin:/bin", b"EMPTY": b"", b"EQUAL": b"a=b"}


async def test_a_program_is_looked_for_from_its_own_directory(tmp_path: Path) -> None:
    program(tmp_path / "agent", "#!/bin/sh\npwd\n")
    child = Child(command("./agent", cwd=str(tmp_path)), name="agent")
    await child.run()
    assert await everything(child) == [str(tmp_path).encode()]


async def test_a_program_is_looked_for_in_its_own_path(tmp_path: Path) -> None:
    program(tmp_path / "only-here", "#!/bin/sh\nexit 3\n")
    child = Child(attrs.evolve(command("only-here"), env={"PATH": str(tmp_path)}), name="agent")
    await child.run()
    assert (await child.wait()).code == 3


async def test_the_environment_of_a_session_does_not_say_which_program_it_is(tmp_path: Path) -> None:
    program(tmp_path / "sh", "#!/bin/sh\nexit 3\n")
    wanted = Command(argv=("sh", "-c", "exit 4"), cwd="/", env={"PATH": str(tmp_path)}, search="/usr/bin:/bin")
    child = Child(wanted, name="agent")
    await child.run()
    assert (await child.wait()).code == 4


async def test_a_program_in_the_current_directory_is_not_found_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path / "only-here", "#!/bin/sh\nexit 3\n")
    monkeypatch.chdir(tmp_path)
    refused = await refusal(Command(argv=("only-here",), cwd=str(tmp_path), env={"PATH": ".::bin"}))
    assert refused.kind is ErrorKind.NOT_INSTALLED


async def test_a_directory_that_becomes_a_link_at_the_last_moment_is_noticed(tmp_path: Path) -> None:
    work, away, ran = tmp_path / "work", tmp_path / "away", tmp_path / "ran"
    work.mkdir()
    away.mkdir()
    wanted = attrs.evolve(sh(f"touch {ran}", cwd=str(work)), real_cwd=str(work))
    await Child(wanted, name="agent").run()
    assert ran.exists()
    ran.unlink()
    work.rename(tmp_path / "moved")
    work.symlink_to(away)
    refused = await refusal(wanted)
    assert refused.kind is ErrorKind.FORBIDDEN
    assert not ran.exists()


@pytest.mark.parametrize(
    ("text", "mode"),
    [("#!/bin/sh\n", 0o644), ("#!/no/such/interpreter\n", 0o755), ("neither script nor binary", 0o755)],
    ids=["not executable", "no interpreter", "no format"],
)
async def test_what_is_there_but_can_not_run_is_not_installed(tmp_path: Path, text: str, mode: int) -> None:
    path = program(tmp_path / "agent", text, mode)
    refused = await refusal(command(str(path)))
    assert refused.kind is ErrorKind.NOT_INSTALLED
    assert str(path) in refused.message
    assert refused.remedy


@pytest.mark.parametrize(
    "wanted",
    [
        command("sh", "a\0b"),
        command("sh", "\ud800"),
        command("sh", "x" * 200_000),
        command("sh", cwd="/no/such/directory"),
        command("sh", cwd="/etc/hostname"),
        attrs.evolve(sh("exit"), env={"PATH": "/usr/bin:/bin", "A=B": "x"}),
        attrs.evolve(sh("exit"), env={"PATH": "/usr/bin:/bin", "": "x"}),
    ],
    ids=["a NUL", "no text", "too long", "no directory", "a file for a directory", "a wrong name", "no name"],
)
async def test_what_no_program_can_be_given_is_the_requests_fault(wanted: Command) -> None:
    assert (await refusal(wanted)).kind is ErrorKind.INVALID_REQUEST


async def test_a_directory_that_went_away_meanwhile_is_named(tmp_path: Path) -> None:
    refused = command("sh", cwd=str(tmp_path / "gone")).refused(2, stage="chdir")
    assert refused.kind is ErrorKind.INVALID_REQUEST
    assert str(tmp_path / "gone") in refused.message
