"""`next`, `approve`, `deny`, `answer`: what agents wait for, decided from anywhere."""

from __future__ import annotations

from collections.abc import Sequence

from jelmored.client import deciding
from jelmored.client.client import Client
from jelmored.client.errors import Unclear
from jelmored.client.exits import Exit
from jelmored.client.picking import pick_approval
from jelmored.client.round import Round
from jelmored.client.shell import Shell
from jelmored.client.terminal import keyboard
from jelmored.client.terminal.labels import label
from jelmored.client.terminal.painter import Painter
from jelmored.client.terminal.questions import outcome, question
from jelmored.client.terminal.spans import Look, Span
from jelmored.domain.permissions import Approval, OptionKind


async def next_approval(shell: Shell) -> Exit:
    """All that waits, one after the other; without a terminal the oldest one is shown and left."""
    async with shell.client() as client:
        approvals = await client.approvals()
        if shell.json:
            shell.give({"approvals": approvals[:1]})
        elif not approvals:
            shell.note("nobody waits for you")
        elif keyboard.at_hand(shell.stdin) and (painter := Painter(shell.out)).moves:
            going = Round(client, painter, shell.stdin.fileno(), shell.home)
            if still := await going.run(approvals):
                shell.note(f"{still} still {'waits' if still == 1 else 'wait'} for you: `jelmore next`")
        else:
            await _show(shell, client, approvals)
    return Exit.OK


async def approve(
    shell: Shell,
    *,
    target: str | None,
    always: bool,
    option: str | None,
    edit: str | None,
    input: str | None,
    message: str | None,
) -> Exit:
    """Allow what is asked."""
    kind = OptionKind.ALLOW_ALWAYS if always else OptionKind.ALLOW_ONCE
    async with shell.client() as client:
        approval = await pick_approval(client, target, shell.real_cwd())
        chosen = deciding.option_called(approval, option) if option else deciding.option_of_kind(approval, kind)
        instead = deciding.edited(approval, edit, input)
        resolved = await client.resolve(approval.approval_id, chosen.option_id, message=message, updated_input=instead)
    return _told(shell, resolved)


async def deny(shell: Shell, *, target: str | None, message: str | None, interrupt: bool) -> Exit:
    """Reject what is asked; a question is left without an answer."""
    async with shell.client() as client:
        approval = await pick_approval(client, target, shell.real_cwd())
        chosen = next((option for option in approval.options if option.kind is OptionKind.REJECT_ONCE), None)
        resolved = await client.resolve(
            approval.approval_id,
            None if chosen is None else chosen.option_id,
            cancelled=chosen is None,
            message=message,
            interrupt=interrupt,
        )
    return _told(shell, resolved)


async def answer(
    shell: Shell, *, target: str, labels: Sequence[str], question: Sequence[str], free: bool, message: str | None
) -> Exit:
    """Answer an agent's questions."""
    async with shell.client() as client:
        approval = await pick_approval(client, target, shell.real_cwd())
        if not approval.questions:
            raise Unclear(f"{approval.approval_id} ({approval.title}) is no question: `jelmore approve` or `deny`")
        chosen = deciding.answers(approval.questions, labels, question, free=free)
        resolved = await client.resolve(approval.approval_id, answers=chosen, message=message)
    return _told(shell, resolved)


async def _show(shell: Shell, client: Client, approvals: Sequence[Approval]) -> None:
    """Nobody is there to press a key."""
    session = await client.session(approvals[0].session_id)
    shell.paint([Span(f"{label(session.view)}\n", Look.STRONG), *question(approvals[0], shell.home)])
    if further := len(approvals) - 1:
        shell.note(f"{further} more: `jelmore` lists them")


def _told(shell: Shell, resolved: Approval) -> Exit:
    if shell.json:
        shell.give(resolved)
    else:
        shell.paint([*question(resolved, shell.home), *outcome(resolved, None)])
    return Exit.OK
