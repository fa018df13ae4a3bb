"""`set`, `compact`, `fork`, `move`, `archive`, `rm`: a session changed, copied, moved, ended."""

from __future__ import annotations

from collections.abc import Sequence

from jelmored.client.errors import Misused
from jelmored.client.exits import Exit
from jelmored.client.limits import limited, words
from jelmored.client.picking import named, pick_session
from jelmored.client.shell import Shell
from jelmored.client.terminal.labels import label, short
from jelmored.domain.handoff import Handoff
from jelmored.domain.ids import ProviderName
from jelmored.domain.permissions import PermissionMode
from jelmored.domain.sessions import SessionView

CHANGES = (
    "--model",
    "--permission-mode",
    "--name",
    "--title",
    "--max-turns",
    "--max-cost",
    "--turn-seconds",
    "--pin",
)


async def change(
    shell: Shell,
    *,
    session: str | None,
    model: str | None,
    permission_mode: str | None,
    name: str | None,
    title: str | None,
    max_turns: int | None,
    max_cost: float | None,
    turn_seconds: float | None,
    pin: bool | None,
) -> Exit:
    """Change a session; what is not given stays as it is."""
    limits = max_turns, max_cost, turn_seconds
    if all(value is None for value in (model, permission_mode, name, title, *limits, pin)):
        raise Misused(f"nothing to change: {', '.join(CHANGES)} or --no-pin")
    async with shell.client() as client:
        target = await pick_session(client, session, shell.real_cwd())
        view = await target.configure(
            model=model,
            permission_mode=PermissionMode(permission_mode) if permission_mode else None,
            name=name,
            title=title,
            limits=limited(target.view.limits, max_turns=max_turns, max_cost=max_cost, turn_seconds=turn_seconds),
            pin=pin,
        )
    if shell.json:
        shell.give(view)
    else:
        shell.note(f"{label(view)}: {', '.join(_settings(view))}")
    return Exit.OK


async def compact(shell: Shell, *, session: str | None) -> Exit:
    """Have the agent sum up what was said."""
    async with shell.client() as client:
        target = await pick_session(client, session, shell.real_cwd())
        prompt_id = await target.compact()
    if shell.json:
        shell.give({"promptId": prompt_id})
    else:
        shell.note(f"{label(target.view)}: asked to sum up; `jelmore wait {_word(target.view)}` waits for it")
    return Exit.OK


async def fork(
    shell: Shell,
    *,
    session: str | None,
    name: str | None,
    at_seq: int | None,
    model: str | None,
    permission_mode: str | None,
    detach: bool,
) -> Exit:
    """A new session that knows what was said in this one; at a terminal it is attached to."""
    async with shell.client() as client:
        target = await pick_session(client, session, shell.real_cwd())
        made = await target.fork(
            at_seq=at_seq,
            name=name,
            model=model,
            permission_mode=PermissionMode(permission_mode) if permission_mode else None,
        )
    if shell.json:
        shell.give(made.view)
    elif detach or not shell.out.isatty():
        shell.say(made.id)
        shell.note(f"{label(made.view)} knows what {label(target.view)} knew; `jelmore attach {_word(made.view)}`")
    else:
        from .conversations import attach

        return await attach(shell, session=made.id)
    return Exit.OK


async def move(shell: Shell, *, session: str | None, provider: str | None, model: str | None, dry_run: bool) -> Exit:
    """Take a session to another provider, or show what the agent there would be told."""
    wanted = ProviderName(provider) if provider else None
    async with shell.client() as client:
        target = await pick_session(client, session, shell.real_cwd())
        if dry_run:
            return _show(shell, await target.preview_move(provider=wanted, model=model))
        view = await target.move(provider=wanted, model=model)
    if shell.json:
        shell.give(view)
    else:
        shell.note(
            f"{label(view)}: goes on at {view.provider}; its agent is told the conversation with your next prompt"
        )
    return Exit.OK


def _show(shell: Shell, handoff: Handoff) -> Exit:
    if shell.json:
        shell.give(handoff)
    else:
        shell.say(handoff.text)
        carried = handoff.carried
        cut = ", cut to fit" if carried.truncated else ""
        shell.note(f"{carried.turns} turns in {carried.characters:,} characters{cut}; nothing has moved")
    return Exit.OK


async def archive(shell: Shell, *, session: str | None) -> Exit:
    """End a session; its log stays."""
    async with shell.client() as client:
        target = await pick_session(client, session, shell.real_cwd())
        view = await target.close()
    if shell.json:
        shell.give(view)
    else:
        shell.note(f"{label(view)}: archived; `jelmore logs` still shows it")
    return Exit.OK


async def remove(shell: Shell, *, sessions: Sequence[str]) -> Exit:
    """Delete archived sessions, their logs too. Of words that are in doubt none is deleted."""
    async with shell.client() as client:
        views = await client.sessions(include_terminated=True)
        found = {view.session_id: view for view in (named(word, views) for word in sessions)}
        for view in found.values():
            await client.handle(view).delete()
            if not shell.json:
                shell.note(f"{label(view)}: deleted")
    if shell.json:
        shell.give({"deleted": list(found)})
    return Exit.OK


def _settings(view: SessionView) -> list[str]:
    """What can be set, as it is now."""
    return [
        view.model or "the provider's default model",
        f"permission mode {view.permission_mode}",
        *words(view.limits),
        *(["pinned to its provider"] if view.pin else []),
    ]


def _word(view: SessionView) -> str:
    return view.name or short(view.session_id)
