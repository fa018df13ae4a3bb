"""A file for a bug report: what was found, the settings, what the daemon says of itself, the end of its log. No secret,
no prompt, no answer is in it; look through it all the same before you give it away."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson

from jelmored.domain.times import utc_now
from jelmored.logs import Redaction
from jelmored.secrecy import Secrets
from jelmored.wire import codec
from jelmored.wire.messages import Setting

from .findings import Finding
from .scene import Scene

LOG_BYTES = 256 * 1024
OURS = ("JELMORE", "XDG_")
"""Of the environment the names of these are told, and no value."""


def write(path: Path, scene: Scene, findings: Sequence[Finding]) -> None:
    """Make it, for us alone; nothing is overwritten.

    Raises:
        OSError: it is there already, or can't be written.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file, tarfile.open(fileobj=file, mode="w:gz") as archive:
        for name, data in _parts(scene, findings):
            info = tarfile.TarInfo(f"jelmored-doctor/{name}")
            info.size, info.mode, info.mtime = len(data), 0o600, int(utc_now().timestamp())
            archive.addfile(info, io.BytesIO(data))


def _parts(scene: Scene, findings: Sequence[Finding]) -> Iterator[tuple[str, bytes]]:
    secrets = Secrets(scene.secrets)
    redaction = Redaction(secrets, texts=True)  # no prompt is in what we say ourselves
    yield "findings.json", _document([codec.to_json(finding) for finding in findings], redaction)
    names = sorted(name for name in scene.environ if name.startswith(OURS))
    yield "environment.json", _document(names, redaction)
    if scene.configuration:
        yield "configuration.json", _configuration(scene.configuration, secrets)
    if scene.report:
        yield "status.json", _document(codec.to_json(scene.report.status), redaction)
        yield "providers.json", _document(codec.to_json(scene.report.providers), redaction)
    yield "daemon.log", b"".join(_log(scene.places.state / "daemon.log", Redaction(secrets)))


def _document(value: Any, redaction: Redaction) -> bytes:
    return orjson.dumps(redaction(None, "", {"": value})[""], option=orjson.OPT_INDENT_2)


def _configuration(settings: Sequence[Setting], secrets: Secrets) -> bytes:
    """As `config/get` gives it: by the names of its keys all would go that only limits a number of tokens."""
    return secrets.hidden(orjson.dumps(codec.to_json(settings), option=orjson.OPT_INDENT_2).decode()).encode()


def _log(file: Path, redaction: Redaction) -> Iterator[bytes]:
    """Its last lines, each redacted again: it may be of a daemon that logged texts (`--log-level debug`), or that had
    other secrets. A line that is none of ours, as of a crash, may hold anything: only its length is told."""
    try:
        with file.open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - LOG_BYTES))
            lines = log.read().splitlines()[1 if log.tell() > LOG_BYTES else 0 :]
    except OSError:
        return
    for line in lines:
        yield _line(line, redaction) + b"\n"


def _line(line: bytes, redaction: Redaction) -> bytes:
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError:
        record = None
    if not isinstance(record, dict):
        return f"[{len(line)} bytes]".encode()
    return orjson.dumps(redaction(None, "", record))
