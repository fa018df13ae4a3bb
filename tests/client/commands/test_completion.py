"""The scripts as the shells run them: each is a real one, with a real line and a cursor at its end."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Sequence

import attrs
import pytest
import trio

from jelmored.client.arguments import SHELLS
from jelmored.client.completing import ASK
from jelmored.client.exits import Exit
from tests.client.daemon import FakeDaemon, approval_of
from tests.client.machine import COMMAND, PATIENCE, Machine

BASH = """
source <(jelmore completion bash)
compopt() {{ printf 'compopt %s\\n' "$*"; }}
COMP_WORDS=({words}) COMP_CWORD={at}
_jelmore
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
ZSH = """
autoload -Uz compinit && compinit -u -D
source <(jelmore completion zsh)
_describe() {{ print -rl -- "${{(@)${{(@P)4}}}}" }}
_files() {{ print -r -- "_files $@" }}
words=({words}) CURRENT={at}
_jelmore
"""
FISH = """
jelmore completion fish | source
complete --do-complete {line}
"""


@attrs.frozen
class Shells:
    """A machine with `jelmore` in its PATH, and shells that complete."""

    machine: Machine

    async def ask(self, shell: str, *words: str) -> list[str]:
        """What the shell offers in place of the last word: each with what it means where the shell shows that. Nothing,
        where the daemon has not answered in time for somebody who types: then it is asked again."""
        for _ in range(3):
            if offered := await self._ask(shell, words):
                return offered
        return []

    async def _ask(self, shell: str, words: Sequence[str]) -> list[str]:
        script = {"bash": self._bash, "zsh": self._zsh, "fish": self._fish}[shell](words)
        flags = {"bash": ["--norc", "--noprofile"], "zsh": ["-f"], "fish": ["--no-config"]}[shell]
        with trio.fail_after(PATIENCE):
            done = await trio.run_process(
                [shell, *flags, "-c", script],
                capture_stdout=True,
                capture_stderr=True,
                check=False,
                cwd=self.machine.work,
                env=self.machine.environ | {"PATH": f"{self._program()}:{os.environ['PATH']}"},
            )
        assert done.stderr == b""
        return [line for line in done.stdout.decode().splitlines() if line]

    def _program(self) -> str:
        place = self.machine.root / "bin"
        place.mkdir(exist_ok=True)
        program = place / "jelmore"
        program.write_text(f'#!/bin/sh\nexec {shlex.join(COMMAND)} "$@"\n')
        program.chmod(0o755)
        return str(place)

    def _bash(self, words: Sequence[str]) -> str:
        return BASH.format(words=shlex.join(["jelmore", *words]), at=len(words))

    def _zsh(self, words: Sequence[str]) -> str:
        quoted = [shlex.quote(shlex.quote(word)) if word else "''" for word in words]
        return ZSH.format(words=" ".join(["jelmore", *quoted]), at=len(words) + 1)

    def _fish(self, words: Sequence[str]) -> str:
        quoted = [shlex.quote(word) if word else "" for word in words]
        return FISH.format(line=shlex.quote(" ".join(["jelmore", *quoted])))


@pytest.fixture
def shells(machine: Machine) -> Shells:
    return Shells(machine)


INSTALLED = " ".join(filter(shutil.which, SHELLS))
EACH = pytest.mark.parametrize("shell", os.environ.get("TEST_SHELLS", INSTALLED).split())
"""`make test` takes those that there are; `.ci/run` installs all of them and names them, so that none is left out."""


def words_of(shell: str, offered: Sequence[str]) -> list[str]:
    """Without what they mean."""
    sign = {"bash": "\0", "zsh": ":", "fish": "\t"}[shell]
    return sorted(line.replace("\\:", "\1").partition(sign)[0].replace("\1", ":") for line in offered)


@EACH
async def test_commands(shells: Shells, shell: str) -> None:
    offered = await shells.ask(shell, "at")
    assert words_of(shell, offered) == ["attach"]
    if shell != "bash":
        assert "watch a session and take part" in offered[0]


@EACH
async def test_sessions_by_name_or_id(daemon: FakeDaemon, shells: Shells, shell: str) -> None:
    daemon.add(1, name="docs")
    daemon.add(2, name="my tests")
    daemon.add(3, name="old", status="terminated")
    daemon.add(4)
    name = r"my\ tests" if shell == "bash" else "my tests"
    assert words_of(shell, await shells.ask(shell, "attach", "")) == ["docs", name, "ses_ddddxxxxxxxxxxxx"]
    assert words_of(shell, await shells.ask(shell, "attach", "o")) == ["old"]
    assert words_of(shell, await shells.ask(shell, "attach", "ses_a")) == ["ses_aaaaxxxxxxxxxxxx"]


@EACH
async def test_a_value_within_its_option(daemon: FakeDaemon, shells: Shells, shell: str) -> None:
    assert words_of(shell, await shells.ask(shell, "wait", "--for=i")) == ["--for=idle", "--for=input"]
    assert words_of(shell, await shells.ask(shell, "run", "--provider", "")) == ["claude", "demo"]


async def test_bash_takes_words_apart_at_signs(shells: Shells) -> None:
    assert await shells.ask("bash", "wait", "--for", "=", "i") == ["idle", "input"]


async def test_bash_within_quotes(daemon: FakeDaemon, shells: Shells) -> None:
    daemon.add(1, name="my tests")
    assert await shells.ask("bash", "attach", "'my") == ["my tests"]


@EACH
async def test_files_and_directories_are_the_shells(shells: Shells, shell: str) -> None:
    (shells.machine.work / "sub").mkdir(parents=True)
    (shells.machine.work / "a.toml").touch()
    files = words_of(shell, await shells.ask(shell, "daemon", "start", "--config", ""))
    directories = words_of(shell, await shells.ask(shell, "-C", ""))
    assert (files, directories) == {
        "bash": (["compopt -o default"], ["compopt -o dirnames"]),
        "zsh": (["_files "], ["_files -/"]),
        "fish": (["a.toml", "sub/"], ["sub/"]),
    }[shell]


async def test_what_the_daemon_knows(daemon: FakeDaemon, machine: Machine) -> None:
    session = daemon.add(1, name="docs")
    session.approvals["apr_1"] = approval_of(session, "apr_1", "Bash:\tnpm test")
    daemon.add(2, name="old", status="terminated")
    expected = {
        ("approve", ""): ["docs\tBash: npm test", "apr_1\tBash: npm test"],
        ("rm", ""): ["old\tterminated, /w"],
        ("run", "--provider", "d"): ["demo\tnot logged in"],
        ("set", "--model", ""): ["claude-test-1\tclaude"],
    }
    for words, lines in expected.items():
        assert (await machine.jelmore(ASK, *words)).out.splitlines() == ["words", *lines]


async def test_it_is_silent_and_starts_nothing_without_a_daemon(machine: Machine) -> None:
    done = await machine.jelmore(ASK, "attach", "")
    assert (done.code, done.out, done.err) == (Exit.OK, "words\n", "")
    assert not (machine.root / "state").exists()
    bad = await machine.jelmore(ASK, "attach", "", JELMORE_URL="nonsense")
    assert (bad.code, bad.out, bad.err) == (Exit.OK, "words\n", "")


async def test_it_waits_for_no_daemon_that_is_stuck(machine: Machine) -> None:
    (machine.root / "run").mkdir()
    listening = trio.socket.socket(trio.socket.AF_UNIX)
    with listening:
        await listening.bind(str(machine.root / "run" / "control.sock"))
        listening.listen()
        done = await machine.jelmore(ASK, "attach", "")
    assert (done.code, done.out, done.err) == (Exit.OK, "words\n", "")


async def test_neither_trio_nor_the_client_is_loaded_for_it(daemon: FakeDaemon, machine: Machine) -> None:
    program = (
        "import sys; from jelmored.client.main import main; main(sys.argv[1:]); "
        "print(sorted({'trio', 'cattrs', 'rich', 'jelmored.client.client'} & set(sys.modules)), file=sys.stderr)"
    )
    with trio.fail_after(PATIENCE):
        done = await trio.run_process(
            [sys.executable, "-c", program, ASK, "attach", ""],
            capture_stderr=True,
            capture_stdout=True,
            env=machine.environ,
        )
    assert done.stderr == b"[]\n"
