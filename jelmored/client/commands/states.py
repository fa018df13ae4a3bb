"""`stop`, `resume`, `export`, `import`: a session put down, taken up again, and carried to another daemon."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import BinaryIO, Literal

from jelmored.client.carrying import carry_in, check_place, keep, lines_of, read_state
from jelmored.client.errors import Misused
from jelmored.client.exits import Exit
from jelmored.client.picking import pick_session
from jelmored.client.session import Session
from jelmored.client.shell import Shell
from jelmored.client.terminal.labels import label, short
from jelmored.domain.sessions import SessionView

from .adoption import adopt


async def stop(shell: Shell, *, session: str | None, output: str | None) -> Exit:
    """Suspend a session: its agent ends, its state is kept here, and given out if it is wanted."""
    if output is not None:
        check_place(shell.path(output))
    async with shell.client() as client:
        target = await pick_session(client, session, shell.real_cwd())
        state = await target.suspend()
        view = await target.refresh()
    if output is not None:
        try:
            keep(json.dumps(state, ensure_ascii=False) + "\n", shell.path(output))
        except Misused as no:
            again = f"`jelmore stop {_word(view)} -o FILE` gives its state again"
            raise Misused(f"{no}; {label(view)} is suspended, {again}") from None
    if shell.json:
        shell.give(state)
    else:
        kept = f"; its state is in {output}" if output else ""
        shell.note(f"{label(view)}: suspended{kept}; a prompt, or `jelmore resume {_word(view)}`, takes it up again")
    return Exit.OK


async def resume(
    shell: Shell,
    *,
    session: str | None,
    state: str | None,
    provider: str | None,
    foreign: Literal["accept", "discard"] | None,
) -> Exit:
    """Take a session up again: one that is here, or one whose state is in a file. `foreign`: what counts where somebody
    else has gone on with the agent's own session."""
    if foreign is not None and (state is not None or provider is not None):
        raise Misused(f"--{foreign}-foreign is about a session that is here, where it is")
    if session is not None and state is not None:
        raise Misused("a session, or the file of a state: not both")
    document = None
    if state is not None:
        with _read_from(shell, state) as file:
            document = read_state(file, state)
    async with shell.client() as client:
        if document is not None:
            target = await client.resume(document, provider=provider)
        else:
            target = await pick_session(client, session, shell.real_cwd())
            await (target.settle_foreign(foreign) if foreign else target.resume(provider=provider))
    _tell(shell, target, f"goes on at {target.view.provider} with your next prompt")
    return Exit.OK


async def export(shell: Shell, *, session: str | None, output: str | None) -> Exit:
    """All of a session as JSON lines; it goes on meanwhile."""
    async with shell.client() as client:
        target = await pick_session(client, session, shell.real_cwd())
        lines = [line async for line in lines_of(target)]
    if output is not None:
        keep("".join(lines), shell.path(output))
    else:
        shell.out.writelines(lines)
    shell.note(f"{label(target.view)}: {len(lines) - 1} events exported; `jelmore import FILE` takes them in elsewhere")
    return Exit.OK


async def import_(shell: Shell, *, what: Sequence[str], provider: str | None, source: str | None, every: bool) -> Exit:
    """A session of another daemon, with all that has happened in it; or, from a `source`, an agent's own ones."""
    if source is not None:
        return await adopt(shell, source, every=every, ids=what)
    if len(what) != 1:
        raise Misused("what `jelmore export` gave, one file; or --from PROVIDER for an agent's own sessions")
    (file,) = what
    with _read_from(shell, file) as lines:
        async with shell.client() as client:
            target = await carry_in(client, lines, file, provider)
    _tell(shell, target, f"is here, with {target.view.seq} events; it goes on at {target.view.provider}")
    return Exit.OK


def _tell(shell: Shell, target: Session, words: str) -> None:
    if shell.json:
        shell.give(target.view)
    else:
        shell.note(f"{label(target.view)}: {words}; `jelmore send {_word(target.view)} …`")


@contextmanager
def _read_from(shell: Shell, name: str) -> Iterator[BinaryIO]:
    """A file, or `-`: stdin. Raises `Misused` if it can't be read."""
    if name == "-":
        yield shell.stdin.buffer
        return
    try:
        file = open(shell.path(name), "rb")  # noqa: SIM115 - only the opening is ours to explain
    except OSError as error:
        raise Misused(f"{name} can't be read: {error.strerror}") from None
    with file:
        yield file


def _word(view: SessionView) -> str:
    return view.name or short(view.session_id)
