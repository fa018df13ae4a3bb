"""A program of its own that holds one agent and leaves nothing of it. Run as `python -I -S warden.py FD`; stdlib only.

FD is a socket to the daemon; warded.py is its other end. The daemon says what to start; from then on each byte is a
signal for the agent, and the end of the stream, also by the daemon's own death, means: kill. Whatever the agent starts
and forgets falls to the warden (it is a subreaper), so when it has no child left, nothing is left.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import select
import signal
import sys
from typing import NoReturn

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
STREAMS = (0, 1, 2)

_libc = ctypes.CDLL(None, use_errno=True)


def prctl(option: int, value: int) -> None:
    """Set an attribute of this process, see prctl(2)."""
    if _libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


class Order:
    """What the daemon wants started, as it sent it: the program, its directory, arguments and environment."""

    def __init__(self, sent: bytes) -> None:
        self.program, self.cwd, self.real_cwd, count, *rest = sent.split(b"\0")
        self.argv = rest[: int(count)]
        self.env = dict(item.split(b"=", 1) for item in rest[int(count) :])


class Family:
    """The agent and all that comes of it."""

    def __init__(self, agent: int, daemon: int) -> None:
        self.agent = agent
        self.daemon = daemon
        self.status: int | None = None

    def reap(self, *, wait: bool = False) -> bool:
        """Take note of the dead (`wait`: of one at least) and say so of the agent. False: nobody is left."""
        options = 0 if wait else os.WNOHANG
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, options)
                if pid == self.agent:
                    self.status = status
                    say(self.daemon, f"exited {status}")
                if not pid:
                    return True
                options = os.WNOHANG
        return False

    def signal(self, number: int) -> None:
        """Only while it is not reaped: its pid is nobody else's until then."""
        if self.status is None:
            os.kill(self.agent, number)

    def kill(self) -> None:
        """Until none is left. Only children are killed, for no one else can get their pids; theirs become ours."""
        alive = True
        while alive:
            for pid in children():
                with contextlib.suppress(PermissionError):  # a setuid program: its end is awaited
                    os.kill(pid, signal.SIGKILL)
            alive = self.reap(wait=True)


def children() -> list[int]:
    with open(f"/proc/self/task/{os.getpid()}/children", encoding="ascii") as listing:
        return [int(pid) for pid in listing.read().split()]


def say(daemon: int, words: str) -> None:
    with contextlib.suppress(OSError):  # nobody listens any more
        os.write(daemon, f"{words}\n".encode())


def receive(daemon: int) -> bytes:
    """The order: its length in four bytes, then itself. Without the whole of it there is nothing to do."""
    sent = b""
    while len(sent) < 4 or len(sent) < 4 + int.from_bytes(sent[:4], "big"):
        chunk = os.read(daemon, 1 << 16)
        if not chunk:
            sys.exit(0)
        sent += chunk
    return sent[4:]


def start(order: Order) -> tuple[int, str]:
    """The pid of what is now the agent, and why it could not become that: an empty text if it could."""
    read, write = os.pipe()  # closed by a successful exec
    warden = os.getpid()
    agent = os.fork()
    if not agent:
        become(order, warden, write)
    os.close(write)
    fault = os.read(read, 64)
    os.close(read)
    return agent, fault.decode()


def become(order: Order, warden: int, complaints: int) -> NoReturn:
    """Be the agent. It dies with its warden; its group is its own, so that `kill 0` does not reach the warden."""
    stage = "chdir"
    try:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != warden:  # it died before the line above
            os._exit(1)
        os.setpgid(0, 0)
        for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
            signal.signal(number, signal.SIG_DFL)  # what Python ignores, or who started the daemon, exec would keep so
        os.chdir(order.cwd)
        if order.real_cwd not in (b"", os.getcwdb()):  # it has become a link since it was looked at
            stage = "elsewhere"
            raise OSError(errno.EXDEV, "elsewhere")
        stage = "exec"
        os.execve(order.program, order.argv, order.env)  # noqa: S606  # no shell is wanted
    except OSError as error:
        os.write(complaints, f"{stage} {error.errno}".encode())
    finally:
        os._exit(127)


def wakeable() -> int:
    """A descriptor that is readable after a child's end. What would end the warden but SIGKILL only wakes it."""
    read, write = os.pipe()
    os.set_blocking(read, False)
    os.set_blocking(write, False)
    signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: None)  # a handler, for exec resets it; SIG_IGN would be inherited
    return read


def let_go() -> None:
    """The streams are the agent's: who reads them must see their end when it has ended."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in STREAMS:
        os.dup2(nowhere, stream)


def watch(family: Family, awake: int) -> None:
    """Return when the agent has ended, or the daemon wants that or is gone."""
    poll = select.poll()
    poll.register(family.daemon, select.POLLIN)
    poll.register(awake, select.POLLIN)
    while family.reap() and family.status is None:
        ready = [descriptor for descriptor, _ in poll.poll()]
        if awake in ready:
            os.read(awake, 1 << 12)
        if family.daemon in ready and not obey(family):
            return


def obey(family: Family) -> bool:
    """Pass on the signals that the daemon sent. False: it wants the end."""
    try:
        signals = os.read(family.daemon, 64)
    except OSError:
        return False
    for number in signals:
        family.signal(number)
    return bool(signals)


def main(daemon: int) -> int:
    os.set_inheritable(daemon, False)
    order = Order(receive(daemon))
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    awake = wakeable()
    agent, fault = start(order)
    let_go()
    say(daemon, f"refused {fault}" if fault else f"started {agent}")
    family = Family(agent, daemon)
    watch(family, awake)
    family.kill()
    say(daemon, "gone")
    code = os.waitstatus_to_exitcode(family.status or 0)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
