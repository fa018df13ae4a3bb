"""The ways by which a person is told, as `[notify]` says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from jelmored.config.settings import NotifySettings
from jelmored.domain.ids import InstanceId

from .command import NoticeCommand
from .courier import Way
from .desktop import Desktop

NAMES = ("desktop", "command", "webhook")


def ways(settings: NotifySettings, environ: Mapping[str, str], instance_id: InstanceId) -> Iterator[Way]:
    """Those that are wanted.

    Args:
        environ: the daemon's.
        instance_id: marks what they start.
    """
    if settings.desktop:
        yield Desktop(environ, instance_id)
    if settings.command:
        yield NoticeCommand(settings.command, environ, instance_id)
    if settings.webhook:
        from .webhook import Webhook  # an HTTP client takes longer to import than all the rest

        yield Webhook(settings.webhook)
