"""`jelmore` alone: who waits for you, what works, what there is, and what to type next."""

from __future__ import annotations

from jelmored.client.exits import Exit
from jelmored.client.glance import Glance, glances
from jelmored.client.shell import Shell
from jelmored.client.terminal import overview as screen
from jelmored.domain.times import utc_now

LOOKED_AT = 40  # sessions: more than a screen has lines for


async def overview(shell: Shell) -> Exit:
    """All that is not archived, on one screen."""
    async with shell.client() as client:
        views = await client.sessions()
        approvals = await client.approvals()
        if shell.json:
            shell.give({"sessions": views, "approvals": approvals})
            return Exit.OK
        seen = await glances(client, views[:LOOKED_AT])
    known = [*seen, *(Glance(view=view) for view in views[LOOKED_AT:])]
    shell.paint(screen.overview(known, approvals, utc_now(), shell.columns, shell.rows))
    return Exit.OK
