"""The `jelmore` command: the command line to a coroutine, what it meets to an exit code."""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Sequence
from functools import partial

from jelmored.errors import JelmoreError

from .arguments import Command, parse
from .completing import ASK
from .exits import Exit
from .shell import Shell


def main(argv: Sequence[str] | None = None) -> int:
    """The exit code, one of `exits.Exit`."""
    words = sys.argv[1:] if argv is None else argv
    if words[:1] == [ASK]:
        return _complete(words[1:])
    command = parse(words)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    code = Exit.OK
    try:
        code = _run(_shell(command), command)
    except* BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the interpreter complains as it ends
        code = Exit.PIPE_CLOSED
    except* KeyboardInterrupt:
        code = Exit.INTERRUPTED
    except* (
        JelmoreError,
        OSError,
        ValueError,
    ) as faults:
        code = _failed(_first(faults), as_json=command.json)
    return code


def _shell(command: Command) -> Shell:
    return Shell(
        environ=os.environ,
        cwd=os.path.abspath(command.at or "."),
        stdin=sys.stdin,
        out=sys.stdout,
        err=sys.stderr,
        json=command.json,
        spawn=command.spawn,
    )


def _run(shell: Shell, command: Command) -> Exit:
    """Only the command's own module is loaded: `status` needs nothing that paints a conversation."""
    import trio

    module, _, name = command.where.partition(":")
    function = getattr(importlib.import_module(f"jelmored.client.commands.{module}"), name)
    done: Exit = trio.run(partial(function, shell, **command.options))
    return done


def _complete(words: Sequence[str]) -> int:
    """What a shell offers on TAB. Whatever goes wrong, it is silent: somebody is typing."""
    from .commands.completion import offered

    offered(words, sys.stdout)
    return Exit.OK


def _failed(error: BaseException, *, as_json: bool) -> Exit:
    from .errors import Disconnected, Misused, NoDaemon, RpcError
    from .terminal.text import harmless

    words = f"what was read makes no sense: {error}" if isinstance(error, ValueError) else str(error)
    if as_json:
        data = {"code": error.code, **error.data} if isinstance(error, RpcError) else {}
        print(json.dumps({"error": {"message": words, **data}}), file=sys.stderr)
    else:
        remedy = f"\n  → {error.remedy}" if isinstance(error, RpcError) and error.remedy else ""
        print(harmless(f"jelmore: {words}{remedy}"), file=sys.stderr)
    if isinstance(error, NoDaemon | Disconnected):
        return Exit.NO_DAEMON
    return Exit.USAGE if isinstance(error, Misused) else Exit.REFUSED


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


if __name__ == "__main__":
    sys.exit(main())
