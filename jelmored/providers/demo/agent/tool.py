"""The demo agent's one tool: a command in the directory of the session, with its true output."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable

SECONDS = 60
OUTPUT_BYTES = 30_000


def run_command(command: str, wait: Callable[[float], None]) -> tuple[str, bool]:
    """Run it in a process group of its own, which is gone when this returns or raises.

    Args:
        command: for `/bin/sh`.
        wait: lets that many seconds pass; what it raises ends the command.

    Returns:
        What it wrote (at most 30,000 bytes), and whether it failed.
    """
    with tempfile.TemporaryFile() as output:
        tool = subprocess.Popen(  # noqa: TID251 -- this program is itself what runs under the warden
            ["/bin/sh", "-c", command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            deadline = time.monotonic() + SECONDS
            while tool.poll() is None and time.monotonic() < deadline:
                wait(0.02)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(tool.pid, signal.SIGKILL)
            tool.wait()
        output.seek(0)
        return output.read(OUTPUT_BYTES).decode(errors="replace").rstrip("\n"), tool.returncode != 0
