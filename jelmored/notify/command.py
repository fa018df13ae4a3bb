"""A notice by a command of the user's: JSON on its stdin, the most useful of it in its environment."""

from __future__ import annotations

from collections.abc import Mapping

import structlog
import trio

from jelmored.domain.ids import InstanceId
from jelmored.errors import ProviderError
from jelmored.process.child import Exit
from jelmored.process.command import Command
from jelmored.process.environment import child_environment
from jelmored.process.once import run_to_end
from jelmored.wire import codec

from .notices import Notice

log = structlog.get_logger(__name__)

SECONDS = 30.0
STDERR = 2000  # characters of its last words, in the log


class NoticeCommand:
    """Runs a command for each notice, in the user's home.

    Args:
        argv: the program and its arguments.
        environ: the daemon's; the command gets as little of it as an agent does.
        instance_id: marks what it starts.
    """

    name = "command"

    def __init__(self, argv: tuple[str, ...], environ: Mapping[str, str], instance_id: InstanceId) -> None:
        self._argv = argv
        self._environ = environ
        self._instance_id = instance_id

    async def tell(self, notice: Notice) -> None:
        env = child_environment(self._environ, variables(notice), instance_id=self._instance_id)
        command = Command(argv=self._argv, cwd=env["HOME"], env=env, operators=True)
        try:
            ended = await run_to_end(command, name="notify", stdin=codec.encode(notice) + b"\n", seconds=SECONDS)
        except (ProviderError, trio.TooSlowError) as error:
            fault = str(error) or f"not over after {SECONDS:.0f} s"
            self._complain(notice, fault=fault)
        else:
            if ended.code != 0:
                self._complain(notice, fault=_words(ended), stderr=ended.stderr_tail[-STDERR:])

    def _complain(self, notice: Notice, **seen: str) -> None:
        log.warning(
            "notice not told", way=self.name, session=notice.session_id, notice=notice.event, by=self._argv[0], **seen
        )


def variables(notice: Notice) -> Mapping[str, str]:
    """What a small script wants to know without reading JSON; a name that there is not is empty."""
    return {
        "JELMORE_EVENT": notice.event,
        "JELMORE_SESSION_ID": notice.session_id,
        "JELMORE_SESSION_NAME": notice.name or "",
        "JELMORE_DIRECTORY": notice.directory,
        "JELMORE_HEADLINE": notice.headline,
        "JELMORE_TEXT": notice.text,
    }


def _words(ended: Exit) -> str:
    return f"exit code {ended.code}" if ended.signal is None else f"ended by signal {ended.signal}"
