"""Process trees that are hard to kill, and the count of what is left of them: by a marker in their environment."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import trio

from jelmored.domain.ids import InstanceId
from jelmored.process import procfs
from jelmored.process.child import Child, Command
from jelmored.process.environment import INSTANCE, child_environment

STUBBORN = """
sleep 1000 &
setsid sh -c 'sleep 1000 & sleep 1000' &
( setsid sh -c 'trap "" TERM HUP INT; sleep 1000 & sleep 1000' & )
sh -c 'trap "" TERM HUP INT; while :; do sleep 0.01; done' &
( env -i setsid sleep 1000 & sleep 1000 ) &
"""
"""Plain, in another session, double-forked and deaf, always forking, and one that sheds its marker."""


def marker() -> InstanceId:
    return InstanceId(f"ins_test_{secrets.token_hex(8)}")


def sh(script: str, *, mark: InstanceId | None = None, cwd: str = "/") -> Command:
    return command("sh", "-c", script, mark=mark, cwd=cwd)


def python(script: str, *, mark: InstanceId | None = None) -> Command:
    return command(sys.executable, "-I", "-S", "-c", script, mark=mark)


def command(*argv: str, mark: InstanceId | None = None, cwd: str = "/") -> Command:
    return Command(argv=argv, cwd=cwd, env=child_environment(os.environ, {}, instance_id=mark or marker()))


def foreign(*argv: str, env: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
    """A process in a session of its own that was started by someone else in this one."""
    return subprocess.Popen(argv, env=env, start_new_session=True)


def marked(mark: InstanceId) -> list[int]:
    """Who lives and carries the mark. The dead have no environment."""
    wanted = f"{INSTANCE}={mark}".encode()
    return [int(pid) for pid in os.listdir("/proc") if pid.isdigit() and wanted in procfs.environment_of(int(pid))]


def is_alive(pid: int) -> bool:
    """A zombie is not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}
    except OSError:
        return False


async def until(condition: Callable[[], bool], *, within: float = 5) -> None:
    """Wait for what only the system knows."""
    with trio.fail_after(within):
        while not condition():  # noqa: ASYNC110  # there is no event for it
            await trio.sleep(0.005)


async def said(child: Child, line: bytes) -> None:
    """Wait until the child has said that."""
    with trio.fail_after(10):
        while lines := await child.read_lines():
            if line in lines:
                return
    raise AssertionError(f"{child.name} ended without saying {line!r}")


async def everything(child: Child) -> list[bytes]:
    """All that it says, to the end."""
    found = []
    while lines := await child.read_lines():
        found.extend(lines)
    return found
