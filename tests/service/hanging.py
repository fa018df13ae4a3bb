"""The daemon, of which one part hangs from SIGUSR1 on: `python -m tests.service.hanging loop|journal|door ARGUMENTS…`.

The rest of it goes on as ever: to whoever only looks whether the process is there, all is well.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any

import trio

from jelmored.cli import main
from jelmored.control.gate import Guard
from jelmored.control.server import Connections
from jelmored.journal.writer import Writer

HANGS = threading.Event()


def hang_loop() -> None:
    def hang(*_: object) -> None:
        time.sleep(1000)

    signal.signal(signal.SIGUSR1, hang)


def hang_journal() -> None:
    write = Writer.write

    def hanging(self: Writer, writes: Sequence[Any]) -> None:
        if HANGS.is_set():
            time.sleep(1000)
        write(self, writes)

    Writer.write = hanging  # type: ignore[method-assign]


def hang_door() -> None:
    serve = Connections.serve

    async def hanging(self: Connections, transport: trio.SocketStream, guard: Guard) -> None:
        if HANGS.is_set():
            await trio.sleep_forever()
        await serve(self, transport, guard)

    Connections.serve = hanging  # type: ignore[method-assign]


if __name__ == "__main__":
    signal.signal(signal.SIGUSR1, lambda *_: HANGS.set())
    {"loop": hang_loop, "journal": hang_journal, "door": hang_door}[sys.argv[1]]()
    sys.exit(main(sys.argv[2:]))
