"""`next`, `approve`, `deny`: what agents wait for, decided from anywhere."""

from __future__ import annotations

import trio

from jelmored.client.client import Client
from jelmored.client.errors import Unclear
from jelmored.client.exits import Exit
from jelmored.client.picking import pick_approval
from jelmored.client.shell import Shell
from jelmored.client.terminal import keys
from jelmored.client.terminal.keys import Key
from jelmored.client.terminal.labels import label
from jelmored.client.terminal.painter import Painter
from jelmored.client.terminal.questions import answers, option_of, outcome, question
from jelmored.client.terminal.spans import Look, Span
from jelmored.client.watching import CHOICES
from jelmored.domain.permissions import Approval, OptionKind


async def next_approval(shell: Shell) -> Exit:
    """The oldest open question of all sessions; at a terminal a key answers it."""
    async with shell.client() as client:
        approvals = await client.approvals()
        if shell.json:
            shell.give({"approvals": approvals[:1]})
        elif not approvals:
            shell.note("nobody waits for you")
        else:
            await _show(shell, client, approvals[0], len(approvals) - 1)
    return Exit.OK


async def approve(shell: Shell, *, target: str | None, always: bool, message: str | None) -> Exit:
    """Allow what is asked."""
    kind = OptionKind.ALLOW_ALWAYS if always else OptionKind.ALLOW_ONCE
    return await _resolve(shell, target, kind, message)


async def deny(shell: Shell, *, target: str | None, message: str | None) -> Exit:
    """Reject what is asked."""
    return await _resolve(shell, target, OptionKind.REJECT_ONCE, message)


async def _resolve(shell: Shell, target: str | None, kind: OptionKind, message: str | None) -> Exit:
    async with shell.client() as client:
        approval = await pick_approval(client, target, shell.real_cwd())
        option = option_of(approval, kind)
        if option is None:
            raise Unclear(f"{approval.approval_id} ({approval.title}) has no such answer")
        resolved = await client.resolve(approval.approval_id, option.option_id, message=message)
    if shell.json:
        shell.give(resolved)
    else:
        Painter(shell.out).paint([*question(resolved, shell.home), *outcome(resolved, None)])
    return Exit.OK


async def _show(shell: Shell, client: Client, approval: Approval, further: int) -> None:
    session = await client.session(approval.session_id)
    painter = Painter(shell.out)
    painter.paint([Span(label(session.view) + "\n", Look.STRONG), *question(approval, shell.home)])
    if shell.out.isatty() and keys.at_hand(shell.stdin):
        kind = await _choice(shell.stdin.fileno(), approval, painter)
        option = None if kind is None else option_of(approval, kind)
        if option is not None:
            resolved = await client.resolve(approval.approval_id, option.option_id)
            painter.paint(outcome(resolved, None))
    if further:
        shell.note(f"{further} more: `jelmore next`")


async def _choice(keyboard: int, approval: Approval, painter: Painter) -> OptionKind | None:
    """The first key that means something; None to leave it open."""
    async with trio.open_nursery() as nursery:
        pressed, presses = trio.open_memory_channel[Key](16)
        await nursery.start(keys.listen_to_signals, pressed)
        await nursery.start(keys.listen, keyboard, pressed)
        painter.paint(answers(approval, escape="later"))
        async for key in presses:
            if key not in CHOICES or option_of(approval, CHOICES[key]):
                nursery.cancel_scope.cancel()
                return CHOICES.get(key)
    return None
