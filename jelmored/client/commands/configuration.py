"""`config`: what the daemon goes by, is the configuration right, and a change of it. Files are the daemon's own matter,
so its program is asked for all that is done with them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from jelmored.client.addresses import named
from jelmored.client.exits import Exit
from jelmored.client.program import ask
from jelmored.client.shell import Shell
from jelmored.wire.messages import Setting


async def show(shell: Shell, *, key: str = "", origins: bool = False) -> Exit:
    """Of the daemon that runs; else as one that is started now would have it."""
    if named(shell.environ) is None and not shell.places.alive():
        flags = [*(["--json"] if shell.json else []), *(["--origins"] if origins else [])]
        return await _asked(shell, "show", *flags, *([key] if key else []))
    async with shell.client(spawn=False) as client:
        found = of(await client.settings(), key)
    if not found:
        shell.note(f"jelmore: there is no setting {key!r}")
        return Exit.REFUSED
    if shell.json:
        shell.give({"settings": found})
    else:
        shell.say("\n".join(lines(found, origins=origins)))
    return Exit.OK


async def check(shell: Shell, *, config: str | None) -> Exit:
    """Every fault of the files, or that there is none."""
    return await _asked(shell, "check", *(["--config", shell.path(config)] if config else []))


async def change(shell: Shell, *, key: str, value: str | None) -> Exit:
    """In the user's file; checked before it is written. None: it is taken out."""
    return await _asked(shell, "unset", key) if value is None else await _asked(shell, "set", key, value)


def of(settings: Sequence[Setting], key: str) -> tuple[Setting, ...]:
    """The one of this key, or those of this table; of none, all."""
    return tuple(one for one in settings if not key or one.key == key or one.key.startswith(f"{key}."))


def lines(settings: Sequence[Setting], *, origins: bool) -> Iterator[str]:
    """Each as it would stand in a file. A new table gets no line: keys are whole."""
    told = [(f"{one.key} = {_written(one.value)}", f"{one.origin}; {one.counts}") for one in settings]
    width = min(max((len(line) for line, _ in told), default=0), 60)
    for line, origin in told:
        yield f"{line:{width}}  # {origin}" if origins else line


def _written(value: object) -> str:
    """As in TOML, which is as in JSON but for tables."""
    if isinstance(value, dict):
        inner = ", ".join(f"{json.dumps(name, ensure_ascii=False)} = {_written(one)}" for name, one in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_written, value))}]"
    return json.dumps(value, ensure_ascii=False)


async def _asked(shell: Shell, *words: str) -> Exit:
    return await ask(shell.environ, "config", *words)
