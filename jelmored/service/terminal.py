"""The terminal that the daemon was started at, if it was: when that closes, whoever sat at it has gone."""

from __future__ import annotations

import errno
import os
import signal

import attrs

GONE = (errno.ENXIO, errno.EIO, errno.ENODEV, errno.ENOENT)
"""Any other error, of too many open files say, tells nothing of it."""


@attrs.frozen
class Terminal:
    """
    Args:
        is_ours: we were started at one, and are to hear of its end.
    """

    is_ours: bool = False

    @classmethod
    def found(cls) -> Terminal:
        """Who starts us by `nohup`, in a session of our own, or by a service manager, wants us to outlive it."""
        return cls(signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN and _opens())

    @property
    def closed(self) -> bool:
        """It was there, and is no more: a SIGHUP tells that. With one that is there somebody has sent it."""
        return self.is_ours and not _opens()


def _opens() -> bool:
    """A terminal that hangs up is the controlling one of nobody any more."""
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC))
    except OSError as error:
        return error.errno not in GONE
    return True
