"""Variables of this shell that go along with a new session, for its agent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from jelmored.domain.texts import is_text

from .errors import Misused


def brought(environ: Mapping[str, str], wanted: Iterable[str], given: Iterable[str]) -> dict[str, str]:
    """What to send along.

    Args:
        environ: of this shell.
        wanted: the names that the daemon takes.
        given: `NAME` or `NAME=VALUE`, as the command line has them; they win.

    Raises:
        Misused: one of those is not set here, or is no text.
    """
    found = {name: environ[name] for name in wanted if name in environ and is_text(environ[name])}
    for word in given:
        name, is_set, value = word.partition("=")
        if not name or not (is_set or name in environ):
            raise Misused(f"--env {word}: it is not set here; give NAME=VALUE")
        found[name] = value if is_set else environ[name]
        if not is_text(name + found[name]):
            raise Misused(f"--env {name}: its value is no text in UTF-8")
    return found
