"""`run`, `send`, `attach`: a conversation, watched or left alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import TextIO

from jelmored.client.acting import Acting
from jelmored.client.answering import Answering, Approve
from jelmored.client.attending import Person
from jelmored.client.beginnings import HISTORY, beginning
from jelmored.client.bringing import brought
from jelmored.client.client import Client
from jelmored.client.endings import AllSaid, Idle, TurnOf, Until, first_turn, for_ever
from jelmored.client.errors import Misused
from jelmored.client.exits import Exit
from jelmored.client.including import with_files
from jelmored.client.limits import limited
from jelmored.client.picking import pick_session
from jelmored.client.session import Session
from jelmored.client.shell import Shell
from jelmored.client.terminal import keyboard
from jelmored.client.terminal.desk import Desk
from jelmored.client.terminal.folding import Folding
from jelmored.client.terminal.labels import label
from jelmored.client.terminal.live import Live
from jelmored.client.terminal.painter import Painter
from jelmored.client.terminal.teletype import Teletype
from jelmored.client.terminal.transcript import Transcript
from jelmored.client.terminal.voices import Answer, JsonLines, Told, Voice
from jelmored.client.watching import Watch
from jelmored.domain.commands import WhenBusy
from jelmored.domain.ids import ConnectionId
from jelmored.domain.permissions import PermissionMode
from jelmored.domain.prompts import Block
from jelmored.domain.requirements import Requirements
from jelmored.domain.sessions import Limits
from jelmored.domain.status import IN_TURN

PROMPT_BYTES = 8 * 1024 * 1024
TAIL = 40  # events that `attach` shows of what was before


async def run(
    shell: Shell,
    *,
    prompt: str | None,
    include: list[str],
    name: str | None,
    answer: bool,
    detach: bool,
    model: str | None,
    provider: str | None,
    require: Requirements | None,
    env: list[str],
    permission_mode: str | None,
    max_turns: int | None,
    max_cost: float | None,
    turn_seconds: float | None,
    approve: str | None,
) -> Exit:
    """A new session with this prompt."""
    said = _prompt(shell, prompt, include)
    async with shell.client(deltas=not detach) as client:
        session = await client.create_session(
            shell.cwd,
            said,
            name=name,
            provider=provider,
            model=model,
            requirements=require,
            environment=brought(shell.environ, client.welcome.forward_env, env),
            permission_mode=PermissionMode(permission_mode) if permission_mode else None,
            limits=limited(Limits(), max_turns=max_turns, max_cost=max_cost, turn_seconds=turn_seconds),
        )
        if detach:
            return _left_alone(shell, session)
        return await _watch(shell, client, session, 0, first_turn, answer=answer, approve=approve)


async def send(
    shell: Shell,
    *,
    session: str | None,
    prompt: str | None,
    include: list[str],
    when_busy: str,
    follow: bool,
    answer: bool,
    approve: str | None,
) -> Exit:
    """Say something more."""
    said = _prompt(shell, prompt, include)
    async with shell.client(deltas=follow or answer) as client:
        target = await pick_session(client, session, shell.real_cwd())
        receipt = await target.prompt(said, when_busy=WhenBusy(when_busy))
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
        if _keyboard(shell, shell.out) is not None:
            after = await _page_before(shell, target)
            return await _watch(shell, client, target, after, for_ever, stays=True)
        idle = Idle(lambda: target.view.status not in IN_TURN)
        return await _watch(shell, client, target, max(0, target.view.seq - TAIL), idle, look_only=True)


async def _page_before(shell: Shell, session: Session) -> int:
    """Where to begin so that the last turns fill a page."""
    page = await session.history(before=session.view.seq + 1, limit=HISTORY)
    lines = Painter(shell.out).size.lines
    return beginning(page.events, lambda: Transcript(lambda: session.view, home=shell.home), lines)


async def _watch(
    shell: Shell,
    client: Client,
    session: Session,
    after: int,
    until: Until,
    *,
    answer: bool = False,
    approve: str | None = None,
    look_only: bool = False,
    stays: bool = False,
) -> Exit:
    """Args:
    stays: whoever watches goes on from turn to turn, until they leave.
    """
    screen = shell.err if answer else shell.out
    fd = _keyboard(shell, screen)
    live = None if fd is None else _live(shell, client, session, screen, after if stays else None)
    voice = _voice(shell, client, session, screen) if live is None else live
    told: Voice = voice
    if answer and not shell.json:
        told = Answer(voice, shell.out) if live is None else Answer(voice, shell.out, live.settle)
    acting = Acting(client, session, voice, shell.cwd, shell.home)
    watch = Watch(
        session,
        told,
        acting,
        after=after,
        until=until if live is None or stays else AllSaid(until, lambda: live.waits),
        answering=None if look_only else Answering(Approve(approve) if approve else None, somebody=live is not None),
        person=None if live is None or fd is None else Person(client, session, acting, live, fd, shell.home),
    )
    return await watch.run()


def _voice(shell: Shell, client: Client, session: Session, screen: TextIO) -> Voice:
    if shell.json:
        return JsonLines(shell.out)
    painter = Painter(screen)
    return Told(painter, Transcript(lambda: session.view, _own(client), painter.columns, shell.home))


def _live(shell: Shell, client: Client, session: Session, screen: TextIO, since: int | None) -> Live:
    """Args:
    since: the person stays, and sees what came after this event.
    """
    painter = Painter(screen)
    transcript = Folding(lambda: session.view, _own(client), painter.columns, shell.home)
    desk = Desk(shell.home, stays=since is not None)
    kind = Live if painter.moves else Teletype
    return kind(painter, transcript, desk, lambda: session.view, shell.home, earlier=since or 0)


def _own(client: Client) -> Callable[[], ConnectionId]:
    return lambda: client.welcome.connection_id


def _keyboard(shell: Shell, screen: TextIO) -> int | None:
    """The terminal to ask at, if there is somebody: keys come from stdin, and what is asked can be seen."""
    somebody = not shell.json and screen.isatty() and keyboard.at_hand(shell.stdin)
    return shell.stdin.fileno() if somebody else None


def _left_alone(shell: Shell, session: Session) -> Exit:
    if shell.json:
        shell.give(session.view)
    else:
        shell.say(session.id)
        shell.note(f"{label(session.view)} works in the background; `jelmore attach {session.view.name or session.id}`")
    return Exit.OK


def _prompt(shell: Shell, prompt: str | None, include: list[str]) -> str | tuple[Block, ...]:
    """With the files that it names.

    Raises:
        Misused: there is none, it is no text, or one of the files can't be sent.
    """
    words = _words(shell, prompt)
    try:
        words.encode()
    except UnicodeEncodeError:
        raise Misused("the prompt is no text in UTF-8; `-i FILE` sends a file") from None
    return with_files(words, shell.cwd, shell.home, include)


def _words(shell: Shell, prompt: str | None) -> str:
    """As given, or from stdin: for `-`, and for none when something is piped in."""
    if prompt is not None and prompt != "-":
        return prompt
    if prompt is None and shell.stdin.isatty():
        raise Misused("a prompt is needed: as an argument, or on stdin")
    text = shell.stdin.read(PROMPT_BYTES).strip()
    if not text:
        raise Misused("the prompt on stdin is empty")
    return text
