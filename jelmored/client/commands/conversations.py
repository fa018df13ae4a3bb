"""`run`, `send`, `attach`: a conversation, watched or left alone."""

from __future__ import annotations

import os
from typing import TextIO

from jelmored.client.answering import Answering, Approve
from jelmored.client.client import Client
from jelmored.client.endings import Idle, TurnOf, Until, first_turn, for_ever
from jelmored.client.errors import Misused
from jelmored.client.exits import Exit
from jelmored.client.picking import pick_session
from jelmored.client.session import Session
from jelmored.client.shell import Shell
from jelmored.client.stream import After
from jelmored.client.terminal import keys
from jelmored.client.terminal.labels import label
from jelmored.client.terminal.painter import Painter
from jelmored.client.terminal.transcript import Transcript
from jelmored.client.terminal.voices import Answer, JsonLines, Told, Voice
from jelmored.client.watching import Watch
from jelmored.domain.commands import WhenBusy
from jelmored.domain.permissions import PermissionMode
from jelmored.domain.status import IN_TURN

PROMPT_BYTES = 8 * 1024 * 1024
TAIL = 40  # events that `attach` shows of what was before


async def run(
    shell: Shell,
    *,
    prompt: str | None,
    name: str | None,
    answer: bool,
    detach: bool,
    model: str | None,
    provider: str | None,
    directory: str | None,
    permission_mode: str | None,
    approve: str | None,
) -> Exit:
    """A new session with this prompt."""
    text = _prompt(shell, prompt)
    async with shell.client(deltas=not detach) as client:
        session = await client.create_session(
            _directory(shell, directory),
            text,
            name=name,
            provider=provider,
            model=model,
            permission_mode=PermissionMode(permission_mode) if permission_mode else None,
        )
        if detach:
            return _left_alone(shell, session)
        return await _watch(shell, client, session, 0, first_turn, answer=answer, approve=approve)


async def send(
    shell: Shell,
    *,
    session: str | None,
    prompt: str | None,
    when_busy: str,
    follow: bool,
    answer: bool,
    approve: str | None,
) -> Exit:
    """Say something more."""
    text = _prompt(shell, prompt)
    async with shell.client(deltas=follow or answer) as client:
        target = await pick_session(client, session, shell.real_cwd())
        receipt = await target.prompt(text, when_busy=WhenBusy(when_busy))
        if follow or answer:
            until = TurnOf(receipt.prompt_id)
            return await _watch(shell, client, target, receipt.seq - 1, until, answer=answer, approve=approve)
        if shell.json:
            shell.give(receipt)
        else:
            shell.note(f"{label(target.view)}: {receipt.disposition}")
        return Exit.OK


async def attach(shell: Shell, *, session: str | None) -> Exit:
    """Watch a session; at a terminal also take part."""
    async with shell.client(deltas=True) as client:
        target = await pick_session(client, session, shell.real_cwd())
        after = max(0, target.view.seq - TAIL)
        if _keyboard(shell, shell.out) is not None:
            return await _watch(shell, client, target, after, for_ever)
        idle = Idle(lambda: target.view.status not in IN_TURN)
        return await _watch(shell, client, target, after, idle, look_only=True)


async def _watch(
    shell: Shell,
    client: Client,
    session: Session,
    after: After,
    until: Until,
    *,
    answer: bool = False,
    approve: str | None = None,
    look_only: bool = False,
) -> Exit:
    screen = shell.err if answer else shell.out
    keyboard = _keyboard(shell, screen)
    answering = Answering(Approve(approve) if approve else None, somebody=keyboard is not None)
    watch = Watch(
        client,
        session,
        _voice(shell, client, session, answer=answer),
        after=after,
        until=until,
        answering=None if look_only else answering,
        keyboard=keyboard,
    )
    return await watch.run()


def _voice(shell: Shell, client: Client, session: Session, *, answer: bool) -> Voice:
    if shell.json:
        return JsonLines(shell.out)
    painter = Painter(shell.err if answer else shell.out)
    transcript = Transcript(lambda: session.view, lambda: client.welcome.connection_id, painter.columns, shell.home)
    return Answer(painter, transcript, shell.out) if answer else Told(painter, transcript)


def _keyboard(shell: Shell, screen: TextIO) -> int | None:
    """The terminal to ask at, if there is somebody: keys come from stdin, and what is asked can be seen."""
    somebody = not shell.json and screen.isatty() and keys.at_hand(shell.stdin)
    return shell.stdin.fileno() if somebody else None


def _left_alone(shell: Shell, session: Session) -> Exit:
    if shell.json:
        shell.give(session.view)
    else:
        shell.say(session.id)
        shell.note(f"{label(session.view)} works in the background; `jelmore attach {session.view.name or session.id}`")
    return Exit.OK


def _directory(shell: Shell, directory: str | None) -> str:
    return os.path.join(shell.cwd, directory or "")


def _prompt(shell: Shell, prompt: str | None) -> str:
    """As given, or from stdin: for `-`, and for none when something is piped in.

    Raises:
        Misused: there is none.
    """
    if prompt is not None and prompt != "-":
        return prompt
    if prompt is None and shell.stdin.isatty():
        raise Misused("a prompt is needed: as an argument, or on stdin")
    text = shell.stdin.read(PROMPT_BYTES).strip()
    if not text:
        raise Misused("the prompt on stdin is empty")
    return text
