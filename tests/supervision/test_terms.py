"""Where sessions may work: no path, and no race, leads an agent out of the roots."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import attrs
import pytest
import trio

from jelmored.domain.commands import CreateSession
from jelmored.domain.ids import SessionId
from jelmored.errors import ErrorKind, ProviderError, Refused, SessionError
from jelmored.process.child import Child
from jelmored.process.command import Command
from jelmored.providers.base import SessionConfig
from jelmored.supervision.terms import MAX_ENVIRONMENT, MAX_VARIABLES, Terms
from tests.sessions.stage import at_once

NFC = unicodedata.normalize("NFC", "Straße-é")
NFD = unicodedata.normalize("NFD", "Straße-é")
NOBODY = 65534
OUT, NONE = ErrorKind.FORBIDDEN, ErrorKind.INVALID_PARAMS


@pytest.fixture
def tree() -> Iterator[Path]:
    """`a/b` is the root of most cases; beside it lies what must not be reached."""
    with TemporaryDirectory() as directory:
        base = Path(os.path.realpath(directory))
        base.chmod(0o755)
        for path in ("a/b/in/deep", f"a/b/{NFC}", "a/b/Case", "a/bc", "a/b2/x", "outside/in", "closed/inside"):
            (base / path).mkdir(parents=True)
        (base / "a/b/file").write_text("")
        for link, target in {
            "a/b/to-in": "in",
            "a/b/to-out": "../../outside",
            "a/b/to-out-whole": str(base / "outside"),
            "a/b/to-root": "/",
            "a/b/to-itself": ".",
            "a/b/to-above": "..",
            "a/b/to-sibling": "../bc",
            "a/b/chain": "chain-2",
            "a/b/chain-2": "chain-3",
            "a/b/chain-3": "to-out",
            "a/b/chain-in": "to-in",
            "a/b/dangling": "nowhere",
            "a/b/dangling-out": "../../outside/nowhere",
            "a/b/loop": "loop-2",
            "a/b/loop-2": "loop",
            "a/b/to-file": "file",
            f"a/b/{NFD}": "../../outside",
            "outside/back": "../a/b/in",
            "root-link": "a/b",
            "root-chain": "root-link",
            "root-dangling": "nowhere",
        }.items():
            (base / link).symlink_to(target)
        yield base


CASES: dict[str, tuple[str, str, str | ErrorKind]] = {
    # what: (the root, the directory, where that leads or why it is refused)
    "the root itself": ("a/b", "a/b", "a/b"),
    "below it": ("a/b", "a/b/in", "a/b/in"),
    "deeper": ("a/b", "a/b/in/deep", "a/b/in/deep"),
    "above it": ("a/b", "a", OUT),
    "beside it": ("a/b", "outside", OUT),
    "one that begins like it": ("a/b", "a/bc", OUT),
    "another that begins like it": ("a/b", "a/b2/x", OUT),
    "the whole disk": ("a/b", "/", OUT),
    "where the whole disk is allowed": ("/", "outside", "outside"),
    "a slash at the end": ("a/b", "a/b/in/", "a/b/in"),
    "a slash at the end of the root": ("a/b/", "a/b/in", "a/b/in"),
    "slashes in a row": ("a/b", "a//b///in", "a/b/in"),
    "two slashes first": ("a/b", "//{base}/a/b/in", "a/b/in"),
    "two slashes first, outside": ("a/b", "//{base}/outside", OUT),
    "dots": ("a/b", "a/./b/./in/.", "a/b/in"),
    "up, and in again": ("a/b", "a/b/in/../in", "a/b/in"),
    "up and out": ("a/b", "a/b/../bc", OUT),
    "up and out by the end": ("a/b", "a/b/in/../..", OUT),
    "out and back": ("a/b", "outside/../a/b/in", "a/b/in"),
    "up by a link's parent, which is another one": ("a/b", "a/b/to-out/..", OUT),
    "up by a link's parent, to the root": ("a/b", "outside/back/..", "a/b"),
    "more ups than there are": ("a/b", "a/b/" + "../" * 64 + "{base}/a/b/in", "a/b/in"),
    "more ups than there are, outside": ("a/b", "a/b/" + "../" * 64 + "{base}/outside", OUT),
    "up from what is not there": ("a/b", "a/b/nowhere/../in", NONE),
    "up from a file": ("a/b", "a/b/file/../in", "a/b/in"),
    "up and out from a file": ("a/b", "a/b/file/../../bc", OUT),
    "a link inside": ("a/b", "a/b/to-in", "a/b/in"),
    "links to a link inside": ("a/b", "a/b/chain-in", "a/b/in"),
    "a link to itself's directory": ("a/b", "a/b/to-itself/to-itself/in", "a/b/in"),
    "a link out": ("a/b", "a/b/to-out", OUT),
    "a whole link out": ("a/b", "a/b/to-out-whole", OUT),
    "below a link out": ("a/b", "a/b/to-out/in", OUT),
    "a link to the whole disk": ("a/b", "a/b/to-root", OUT),
    "through the whole disk back in": ("a/b", "a/b/to-root/{base}/a/b/in", "a/b/in"),
    "a link to what is above": ("a/b", "a/b/to-above", OUT),
    "a link to one that begins like the root": ("a/b", "a/b/to-sibling", OUT),
    "a chain of links out": ("a/b", "a/b/chain", OUT),
    "a link back in, from outside": ("a/b", "outside/back", "a/b/in"),
    "a link to nowhere": ("a/b", "a/b/dangling", NONE),
    "a link to nowhere outside": ("a/b", "a/b/dangling-out", NONE),
    "links in a circle": ("a/b", "a/b/loop", NONE),
    "below links in a circle": ("a/b", "a/b/loop/in", NONE),
    "a root that is a link": ("root-link", "a/b/in", "a/b/in"),
    "through a root that is a link": ("root-link", "root-link/in", "a/b/in"),
    "a root that is a link to a link": ("root-chain", "root-link/in", "a/b/in"),
    "a link out below a root that is a link": ("root-link", "root-link/to-out", OUT),
    "a root that leads nowhere": ("root-dangling", "a/b/in", OUT),
    "a root that is not there": ("not-there", "not-there", NONE),
    "a root that is a file": ("a/b/file", "a/b/in", OUT),
    "a root with dots": ("a/bc/../b", "a/b/in", "a/b/in"),
    "a file": ("a/b", "a/b/file", NONE),
    "a file with a slash at the end": ("a/b", "a/b/file/", NONE),
    "a link to a file": ("a/b", "a/b/to-file", NONE),
    "a file as a root": ("a/b/file", "a/b/file", NONE),
    "not there": ("a/b", "a/b/nowhere", NONE),
    "not there, outside": ("a/b", "nowhere", NONE),
    "composed letters": ("a/b", f"a/b/{NFC}", f"a/b/{NFC}"),
    "their decomposed twin, which leads out": ("a/b", f"a/b/{NFD}", OUT),
    "a composed root and its twin": (f"a/b/{NFC}", f"a/b/{NFD}", OUT),
    "capitals": ("a/b", "a/b/Case", "a/b/Case"),
    "the same in small letters": ("a/b", "a/b/case", NONE),
    "the root in capitals": ("a/b", "a/B/in", NONE),
    "a very long name": ("a/b", "a/b/" + "x" * 300, NONE),
    "a very long path": ("a/b", "a/b/" + "in/../" * 2000 + "in", "a/b/in"),
    "a very long path out": ("a/b", "a/b/" + "./" * 3000 + "../../outside", OUT),
    "a NUL": ("a/b", "a/b/in\0", NONE),
    "a NUL before what leads out": ("a/b", "a/b/in\0/../../../outside", NONE),
    "a newline": ("a/b", "a/b/in\n", NONE),
    "half a character": ("a/b", "a/b/\ud800", NONE),
    "what is no UTF-8": ("a/b", "a/b/\udcff", NONE),
    "a variable": ("a/b", "a/b/$HOME", NONE),
    "a pattern": ("a/b", "a/b/i*", NONE),
    "nothing": ("a/b", "", NONE),
    "a space": ("a/b", " ", NONE),
    "relative": ("a/b", "./a/b/in", NONE),
    "home": ("a/b", "~", NONE),
    "of home": ("a/b", "~/in", NONE),
    "an address": ("a/b", "file:///a/b/in", NONE),
    "what the process itself has as its root": ("a/b", "/proc/self/root/{base}/outside", OUT),
    "the same, inside": ("a/b", "/proc/self/root/{base}/a/b/in", "a/b/in"),
    "by its id": ("a/b", "/proc/{pid}/root/{base}/outside", OUT),
    "where a process is, by its id": ("a/b", "/proc/{pid}/cwd", OUT),
    "the process' own tables": ("a/b", "/proc/self", OUT),
    "its descriptors": ("a/b", "/proc/self/fd", OUT),
    "where the process is": ("a/b", "/proc/self/cwd", OUT),
    "below where the process is": ("a/b", "/proc/self/cwd/../a/b/in", "a/b/in"),
    "of a thread": ("a/b", "/proc/thread-self/cwd", OUT),
}
AS_THEY_STAND = ("", " ", "~", "./", "file:")


def whole(base: Path, path: str) -> str:
    path = path.replace("{base}", str(base)[1:]).replace("{pid}", str(os.getpid()))
    return path if path.startswith(("/", *filter(None, AS_THEY_STAND))) or path == "" else f"{base}/{path}"


def terms(base: Path, *roots: str) -> Terms:
    return Terms(roots=tuple(whole(base, root) for root in roots), beside=at_once)


@pytest.mark.parametrize("what", CASES)
async def test_a_path(tree: Path, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    """As the directory of a session, as a further one, and of a session that is there already."""
    root, path, expected = CASES[what]
    monkeypatch.chdir(tree / "outside")
    its, asked = terms(tree, root), whole(tree, path)
    wanted = {"cwd": CreateSession(cwd=asked)}
    if root == "a/b":
        wanted["directories[1]"] = CreateSession(cwd=str(tree / root), directories=(str(tree / root), asked))
    for field, command in wanted.items():
        if isinstance(expected, ErrorKind):
            with pytest.raises(Refused) as refused:
                await its.located(command)
            assert (refused.value.kind, refused.value.field) == (expected, field)
            assert expected is not OUT or "sessions.workspace_roots" in (refused.value.remedy or "")
        else:
            found = await its.located(command)
            assert (found.cwd, *found.directories)[-1] == whole(tree, expected)


def test_there_are_enough() -> None:
    assert len(CASES) >= 40


@pytest.mark.parametrize("what", [what for what, case in CASES.items() if case[2] is OUT])
async def test_what_leads_out_is_no_place_for_an_agent_either(
    tree: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """Of a session that was made before the configuration was as it is."""
    root, path, _ = CASES[what]
    monkeypatch.chdir(tree / "outside")
    its, asked = terms(tree, root), whole(tree, path)
    with pytest.raises(Refused) as refused:
        await its.check(asked, ())
    assert (refused.value.kind, refused.value.field) == (OUT, "sessionId")
    for config in (config_at(asked), attrs.evolve(config_at(tree / "a/b"), directories=(asked,))):
        with pytest.raises(SessionError) as not_granted:
            await its.granted(config)
        assert not_granted.value.kind is OUT


async def test_without_roots_any_directory_will_do(tree: Path) -> None:
    assert (await terms(tree).located(CreateSession(cwd=str(tree / "a/b/to-out")))).cwd == str(tree / "outside")
    await terms(tree).check("/", ())
    assert (await terms(tree).granted(config_at("/"))).real_cwd is None


async def test_several_roots(tree: Path) -> None:
    both = terms(tree, "not-there", "a/bc", "a/b")
    for inside in ("a/bc", "a/b/in"):
        assert (await both.located(CreateSession(cwd=str(tree / inside)))).cwd == str(tree / inside)


async def test_a_root_of_ones_home(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tree / "a"))
    its = Terms(roots=("~/b",), beside=at_once)
    assert (await its.located(CreateSession(cwd=str(tree / "a/b/in")))).cwd == str(tree / "a/b/in")


async def test_a_root_that_is_mounted_later_counts_from_then_on(tree: Path) -> None:
    its = terms(tree, "later")
    with pytest.raises(Refused):
        await its.located(CreateSession(cwd=str(tree / "a/b")))
    (tree / "later").symlink_to("a/b")
    assert (await its.located(CreateSession(cwd=str(tree / "a/b")))).cwd == str(tree / "a/b")


@contextmanager
def as_nobody() -> Iterator[None]:
    """Root may enter anything."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


async def test_a_directory_that_may_not_be_entered(tree: Path) -> None:
    its = terms(tree, "a/b", "closed")
    (tree / "closed").chmod(0o600)
    (tree / "a/b/in").chmod(0o600)
    try:
        with as_nobody():
            for path in ("closed/inside", "a/b/in/deep", "a/b/in/../../../outside"):
                with pytest.raises(Refused) as refused:
                    await its.located(CreateSession(cwd=str(tree / path)))
                assert refused.value.kind in (NONE, OUT)
    finally:
        (tree / "closed").chmod(0o700)
        (tree / "a/b/in").chmod(0o700)


MOUNTED = """
import os, sys, trio
from jelmored.domain.commands import CreateSession
from jelmored.supervision.terms import Terms
its, path = Terms(roots=(sys.argv[1],)), sys.argv[2]
found = trio.run(its.located, CreateSession(cwd=path)).cwd
os.chdir(found)
print(found, os.getcwd(), os.path.exists("in"))
"""


def test_a_mount_counts_as_where_it_is_mounted(tree: Path) -> None:
    """Who may mount decides what lies there: it is no link, and nobody gets out of it by `..`."""
    (tree / "a/b/mnt").mkdir()
    inside = f"mount --bind {tree}/outside {tree}/a/b/mnt && exec {sys.executable} -P -c '{MOUNTED}' {tree}/a/b"
    own = ["unshare", "-m" if os.geteuid() == 0 else "-rm"]
    try:
        done = subprocess.run([*own, "sh", "-c", f"{inside} {tree}/a/b/mnt"], capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip("there is no unshare")
    if "unshare failed" in done.stderr or "permission denied" in done.stderr.lower():
        pytest.skip(f"nothing can be mounted here: {done.stderr.strip()}")
    assert done.stdout.split() == [f"{tree}/a/b/mnt", f"{tree}/a/b/mnt", "True"], done.stderr
    up = subprocess.run([*own, "sh", "-c", f"{inside} {tree}/a/b/mnt/../../../outside"], capture_output=True, text=True)
    assert "FORBIDDEN" in up.stderr or "lies in none of the directories" in up.stderr


# What becomes of a directory later


def config_at(cwd: str | Path, **more: Any) -> SessionConfig:
    return attrs.evolve(SessionConfig(session_id=SessionId("ses_x"), cwd=str(cwd)), **more)


async def test_a_directory_that_has_become_a_link_out_is_noticed_at_the_start(tree: Path) -> None:
    its, work = terms(tree, "a/b"), tree / "a/b/in"
    config = config_at((await its.located(CreateSession(cwd=str(work)))).cwd)
    assert (await its.granted(config)).real_cwd == str(work)
    work.rename(tree / "a/b/gone")
    with pytest.raises(SessionError) as refused:
        await its.granted(config)
    assert refused.value.kind is ErrorKind.INVALID_REQUEST
    work.symlink_to(tree / "a/b/gone")
    assert (await its.granted(config)).real_cwd == str(tree / "a/b/gone"), "one may move one's things"
    work.unlink()
    work.symlink_to(tree / "outside")
    with pytest.raises(SessionError) as refused:
        await its.granted(config)
    assert refused.value.kind is OUT


async def test_so_is_one_above_it_and_a_further_one(tree: Path) -> None:
    its = terms(tree, "a/b")
    config = config_at(tree / "a/b", directories=(str(tree / "a/b/in/deep"),))
    await its.granted(config)
    (tree / "outside/deep").mkdir()
    (tree / "a/b/in").rename(tree / "a/b/gone")
    (tree / "a/b/in").symlink_to(tree / "outside")
    with pytest.raises(SessionError) as refused:
        await its.granted(config)
    assert refused.value.kind is OUT


@contextmanager
def swapping(place: Path, other: Path, link: Path) -> Iterator[None]:
    """A directory is now itself, now a link to somewhere else, all the time."""
    over = threading.Event()

    def swap() -> None:
        while not over.is_set():
            with suppress(OSError):
                place.rename(other)
                link.rename(place)
                place.rename(link)
                other.rename(place)

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


async def _start(its: Terms, config: SessionConfig, touch: str) -> str:
    try:
        granted = await its.granted(config)
        env = {"PATH": os.environ["PATH"]}
        argv = ("sh", "-c", f"pwd -P; : > {touch}")
        child = Child(Command(argv=argv, cwd=granted.cwd, real_cwd=granted.real_cwd, env=env), name="agent")
        await child.run()
        return b"".join(await child.read_lines()).decode()
    except ProviderError as refused:
        return refused.kind


async def test_no_race_leads_an_agent_out(tree: Path) -> None:
    """Between the look and the start there is always a moment; what counts is where the process is in the end."""
    its, work, link = Terms(roots=(str(tree / "a/b"),)), tree / "a/b/in", tree / "a/b/link"
    link.symlink_to(tree / "outside")
    config = config_at(work)
    told: list[str] = []
    with swapping(work, tree / "a/b/away", link):
        for _ in range(100):
            told.append(await _start(its, config, "here"))
            with suppress(Refused):
                assert (await its.located(CreateSession(cwd=str(work)))).cwd != str(tree / "outside")
    assert not (tree / "outside/here").exists()
    assert str(tree / "outside") not in told
    assert {OUT, str(work)} & set(told)


# Variables of the client


async def test_only_what_the_configuration_names_is_taken(tree: Path) -> None:
    its = Terms(names=("PATH", "LANG"), beside=at_once)
    command = CreateSession(cwd="/", environment={"PATH": "/x", "LANG": ""})
    assert (await its.located(command)).environment == {"PATH": "/x", "LANG": ""}
    with pytest.raises(Refused) as refused:
        await its.located(CreateSession(cwd="/", environment={"PATH": "/x", "LD_PRELOAD": "/evil"}))
    assert (refused.value.kind, refused.value.field) == (NONE, "environment.LD_PRELOAD")
    assert "LD_PRELOAD" in refused.value.message
    assert "sessions.forward_env" in (refused.value.remedy or "")


@pytest.mark.parametrize(
    ("environment", "field"),
    [
        ({"A1": "a\0b"}, "environment.A1"),
        ({"A1": "x" * MAX_ENVIRONMENT}, "environment"),
        ({"A1": "ä" * (MAX_ENVIRONMENT // 2)}, "environment"),
        ({f"A{i}": "" for i in range(MAX_VARIABLES + 1)}, "environment"),
    ],
)
async def test_it_is_bounded(environment: dict[str, str], field: str) -> None:
    its = Terms(names=tuple(f"A{i}" for i in range(MAX_VARIABLES + 1)), beside=at_once)
    with pytest.raises(Refused) as refused:
        await its.located(CreateSession(cwd="/", environment=environment))
    assert (refused.value.kind, refused.value.field) == (NONE, field)


async def test_an_agent_gets_what_is_named_now(tree: Path) -> None:
    """A session may come from a daemon that names more, or be older than the configuration."""
    its = Terms(names=("PATH", "LANG"), beside=at_once)
    config = config_at("/", environment={"PATH": "/x", "EDITOR": "vi"})
    assert (await its.granted(config)).environment == {"PATH": "/x"}
    its.heed(Terms(names=("EDITOR",)))
    assert (await its.granted(config)).environment == {"EDITOR": "vi"}


async def test_what_is_not_there_any_more_is_left_to_the_daemons_own(tree: Path) -> None:
    its = Terms(names=("PATH", "VIRTUAL_ENV", "SSH_AUTH_SOCK"), beside=at_once)
    brought = {"PATH": "/not/there", "VIRTUAL_ENV": str(tree / "a"), "SSH_AUTH_SOCK": str(tree / "gone.sock")}
    granted = await its.granted(config_at("/", environment=brought))
    assert granted.environment == {"PATH": "/not/there", "VIRTUAL_ENV": str(tree / "a")}


async def test_a_disk_that_does_not_answer_keeps_no_agent_waiting_for_ever(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def never(look: Callable[[], object], about: str) -> object:
        await trio.sleep_forever()

    its = Terms(roots=("/srv",), beside=never)  # type: ignore[arg-type]
    with pytest.raises(SessionError) as refused:
        await its.granted(config_at("/srv/x"))
    assert refused.value.kind is ErrorKind.INVALID_REQUEST


async def test_the_disk_of_another_root_is_not_asked(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    real = os.path.realpath

    def watched(path: Any, **options: Any) -> Any:
        asked.append(os.fspath(path))
        return real(path, **options)

    monkeypatch.setattr(os.path, "realpath", watched)
    cwd = Path(real(tree)) / "here"
    cwd.mkdir()
    await Terms(roots=("/dead/mount", str(cwd))).granted(config_at(cwd))
    assert asked
    assert "/dead/mount" not in asked
