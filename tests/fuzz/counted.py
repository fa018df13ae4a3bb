"""The daemon, and on SIGUSR2 how many tasks it has, into a file: `COUNT_INTO=FILE python -m tests.fuzz.counted …`."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import trio

from jelmored.cli import main


def tell(*_: object) -> None:
    into = Path(os.environ["COUNT_INTO"])
    into.with_suffix(".new").write_text(str(trio.lowlevel.current_statistics().tasks_living))
    into.with_suffix(".new").replace(into)


if __name__ == "__main__":
    signal.signal(signal.SIGUSR2, tell)
    main()
