"""`logs`: what has happened in a session, and with -f what goes on."""

from __future__ import annotations

from jelmored.client.exits import Exit
from jelmored.client.picking import pick_session
from jelmored.client.session import Session
from jelmored.client.shell import Shell
from jelmored.client.stream import After
from jelmored.client.terminal.painter import Painter
from jelmored.client.terminal.transcript import Transcript
from jelmored.client.terminal.voices import JsonLines, Told, Voice
from jelmored.wire.messages import CaughtUp


async def logs(shell: Shell, *, session: str | None, follow: bool, number: int | None) -> Exit:
    """The events of a session, from its start or the last `number` of them."""
    async with shell.client(deltas=follow) as client:
        target = await pick_session(client, session, shell.real_cwd())
        voice = _voice(shell, target)
        async for output in target.stream_output("start" if number is None else await _behind(target, number)):
            if isinstance(output, CaughtUp) and not follow:
                break
            voice.tell(output)
    return Exit.OK


async def _behind(session: Session, number: int) -> After:
    """The last so many; the log of a session that was elsewhere may begin later than that."""
    first = (await session.history(limit=1)).events
    after = session.view.seq - number
    return after if first and after >= first[0].seq else "start"


def _voice(shell: Shell, session: Session) -> Voice:
    if shell.json:
        return JsonLines(shell.out)
    painter = Painter(shell.out)
    return Told(painter, Transcript(lambda: session.view, columns=painter.columns, home=shell.home))
