"""What a daemon that was killed has left behind: processes of its agents that nobody looks after."""

from __future__ import annotations

from collections.abc import Iterator

from jelmored.process import ledger, procfs
from jelmored.process.lives import HOME
from jelmored.process.sweep import alive_of

from .findings import Area, Finding
from .scene import Scene

MOST = 8


def leftovers(scene: Scene) -> Iterator[Finding]:
    area = Area("leftovers")
    former = ledger.former(scene.places.state / HOME).values()
    left = alive_of([life for life in former if life is not None and life.is_over])
    if not left:
        yield area.good("no process of a former daemon")
        return
    names = ", ".join(f"{process.pid} ({procfs.name_of(process.pid)})" for process in left[:MOST])
    more = f" and {len(left) - MOST} more" if len(left) > MOST else ""
    yield area.bad(f"processes of a daemon that is gone: {names}{more}", "the next start of the daemon ends them")
