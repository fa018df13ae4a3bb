"""The `jelmore` command: the command line to a coroutine, what it meets to an exit code."""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Sequence
from functools import partial

from .arguments import Command, parse
from .exits import Exit
from .shell import Shell


def main(argv: Sequence[str] | None = None) -> int:
    """The exit code, one of `exits.Exit`."""
    command = parse(sys.argv[1:] if argv is None else argv)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    shell = Shell(
        environ=os.environ,
        cwd=os.getcwd(),
        stdin=sys.stdin,
        out=sys.stdout,
        err=sys.stderr,
        json=command.json,
        spawn=command.spawn,
    )
    code = Exit.OK
    try:
        code = _run(shell, command)
    except* BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the interpreter complains as it ends
        code = Exit.PIPE_CLOSED
    except* KeyboardInterrupt:
        code = Exit.INTERRUPTED
    return code


def _run(shell: Shell, command: Command) -> Exit:
    """Only the command's own module is loaded: `status` needs nothing that paints a conversation."""
    import trio

    from .errors import ClientError

    module, _, name = command.where.partition(":")
    function = getattr(importlib.import_module(f"jelmored.client.commands.{module}"), name)
    try:
        done: Exit = trio.run(partial(function, shell, **command.options))
    except ClientError as error:
        return _failed(shell, error)
    return done


def _failed(shell: Shell, error: Exception) -> Exit:
    from .errors import Disconnected, Misused, NoDaemon, RpcError

    if shell.json:
        data = {"code": error.code, **error.data} if isinstance(error, RpcError) else {}
        print(json.dumps({"error": {"message": str(error), **data}}), file=shell.err)
    else:
        remedy = f"\n  → {error.remedy}" if isinstance(error, RpcError) and error.remedy else ""
        shell.note(f"jelmore: {error}{remedy}")
    if isinstance(error, NoDaemon | Disconnected):
        return Exit.NO_DAEMON
    return Exit.USAGE if isinstance(error, Misused) else Exit.REFUSED


if __name__ == "__main__":
    sys.exit(main())
