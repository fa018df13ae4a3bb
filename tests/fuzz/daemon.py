"""A daemon in a process of its own, with both doors, and what it holds: descriptors, tasks, memory."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs

START_SECONDS = 30
CONFIG = """default_provider = "demo"
[providers.claude]
enabled = false
[notify]
desktop = false
"""


@attrs.frozen
class Held:
    """`memory` in MiB."""

    descriptors: int
    tasks: int
    memory: float


@attrs.frozen
class Daemon:
    process: subprocess.Popen[bytes]
    root: Path

    @property
    def socket(self) -> Path:
        return self.root / "r" / "control.sock"

    @property
    def log(self) -> str:
        return (self.root / "log").read_text()

    @property
    def port(self) -> str:
        """As the hostile clients want it: HOST:PORT:TOKEN."""
        told: dict[str, Any] = json.loads((self.root / "r" / "daemon.json").read_text())
        return f"{told['url'].split('/')[2]}:{Path(told['tokenFile']).read_text().strip()}"

    def held(self) -> Held:
        into = self.root / "count"
        into.unlink(missing_ok=True)
        self.process.send_signal(signal.SIGUSR2)
        until = time.monotonic() + START_SECONDS
        while not into.exists():
            assert time.monotonic() < until, "it does not answer"
            time.sleep(0.01)
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        memory = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
        return Held(len(os.listdir(f"/proc/{self.process.pid}/fd")), int(into.read_text()), memory / 1024)

    def stop(self) -> int:
        """Its exit code."""
        self.process.terminate()
        return self.process.wait(START_SECONDS)


@contextmanager
def running() -> Iterator[Daemon]:
    """Ready; killed at the end if it lives still."""
    with tempfile.TemporaryDirectory(prefix="jd-") as made:
        root = Path(made)
        (root / "config.toml").write_text(CONFIG)
        places = ["--config", f"{made}/config.toml", "--state-dir", f"{made}/s", "--runtime-dir", f"{made}/r"]
        home = {"HOME": made, "PATH": os.defpath, "PYTHONPATH": os.getcwd(), "COUNT_INTO": f"{made}/count"}
        command = [sys.executable, "-m", "tests.fuzz.counted", *places, "--tcp", "127.0.0.1:0"]
        with (
            (root / "log").open("wb") as log,
            subprocess.Popen(command, env=home, stdout=subprocess.PIPE, stderr=log) as process,
        ):
            try:
                assert process.stdout is not None
                assert json.loads(process.stdout.readline())["ready"], (root / "log").read_text()
                yield Daemon(process, root)
            finally:
                process.kill()
