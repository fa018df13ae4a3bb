"""A notice on the desktop: notify-send where there is a session bus or a display, osascript on macOS (untested)."""

from __future__ import annotations

import html
import os
import sys
from collections.abc import Mapping
from pathlib import Path

import structlog
import trio

from jelmored.domain.ids import InstanceId
from jelmored.errors import ProviderError
from jelmored.process.command import Command
from jelmored.process.environment import child_environment
from jelmored.process.once import run_to_end

from .notices import Notice
from .transitions import Transition

log = structlog.get_logger(__name__)

SECONDS = 10.0
SHOWN = 500  # characters of what the program said
BUS = "DBUS_SESSION_BUS_ADDRESS"
DISPLAYS = ("DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY")
APPLE_SCRIPT = (
    "on run argv",
    "display notification (item 2 of argv) with title (item 1 of argv)",
    "end run",
)


class Desktop:
    """Where there is none, that is said once.

    Args:
        environ: the daemon's.
        instance_id: marks what it starts.
        platform: as `sys.platform`.
    """

    name = "desktop"

    def __init__(self, environ: Mapping[str, str], instance_id: InstanceId, *, platform: str = sys.platform) -> None:
        self._environ = environ
        self._instance_id = instance_id
        self._mac = platform == "darwin"
        self._said = False

    async def tell(self, notice: Notice) -> None:
        found = {} if self._mac else surroundings(self._environ)
        if not (found or self._mac):
            self._say("there is no session bus and no display")
            return
        env = child_environment(self._environ, found, instance_id=self._instance_id)
        command = Command(argv=self._argv(notice), cwd=env["HOME"], env=env)
        try:
            ended = await run_to_end(command, name="desktop", seconds=SECONDS)
        except (ProviderError, trio.TooSlowError) as error:
            self._say(str(error) or f"no answer within {SECONDS:.0f} s")
        else:
            if ended.code != 0:
                self._say(ended.stderr_tail.strip()[-SHOWN:])

    def _argv(self, notice: Notice) -> tuple[str, ...]:
        return apple(notice) if self._mac else freedesktop(notice)

    def _say(self, why: str) -> None:
        """Once: a machine without a desktop is no fault."""
        (log.debug if self._said else log.info)("no notices on a desktop", why=why)
        self._said = True


def surroundings(environ: Mapping[str, str]) -> dict[str, str]:
    """How a program reaches the desktop. A daemon that was started elsewhere finds the bus where systemd puts it."""
    found = {name: environ[name] for name in (BUS, *DISPLAYS) if environ.get(name)}
    bus = Path(environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}") / "bus"
    if BUS not in found and bus.is_socket():
        found[BUS] = f"unix:path={bus}"
    return found


def freedesktop(notice: Notice) -> tuple[str, ...]:
    """The body is markup with C's backslashes in it, for notify-send; the title is neither."""
    urgency = "normal" if notice.event in (Transition.WAITING, Transition.FAILED) else "low"
    body = html.escape(notice.text, quote=False).replace("\\", "\\\\")
    return ("notify-send", "--app-name=jelmore", f"--urgency={urgency}", "--", notice.headline, body)


def apple(notice: Notice) -> tuple[str, ...]:
    """The texts are arguments of the script, not a part of it."""
    script = (word for statement in APPLE_SCRIPT for word in ("-e", statement))
    return ("osascript", *script, "--", notice.headline, notice.text)
