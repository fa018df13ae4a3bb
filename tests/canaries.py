"""Secrets that sing: each has a value that stands nowhere else, and is looked for in all that a daemon gives away."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs

from jelmored.control.methods import METHODS
from jelmored.wire.codec import camel
from tests.client_raw import RawClient, RpcError

LAST = ("session/suspend", "session/close", "session/delete", "session/cleanup", "daemon/undrain")
"""What the others would be refused after; asked in this order."""
NEVER = ("initialize", "daemon/shutdown")


def found(canaries: Mapping[str, str], outputs: Mapping[str, bytes]) -> list[str]:
    """`NAME in OUTPUT` for each that is there: as it is, as JSON writes it, in base64."""
    return [
        f"{name} in {output}"
        for name, value in canaries.items()
        for output, data in outputs.items()
        if any(form in data for form in _forms(value))
    ]


def _forms(value: str) -> Iterator[bytes]:
    yield value.encode()
    yield json.dumps(value)[1:-1].encode()
    for shift in range(3):  # wherever it begins in the bytes that are encoded
        yield base64.b64encode(b"\0" * shift + value.encode())[4:-4]


async def answers(client: RawClient, known: Mapping[str, Any]) -> dict[str, bytes]:
    """What every method of the table answers, or why it does not.

    Args:
        known: values of parameters, by their names on the wire.
    """
    names = [name for name in METHODS if name not in (*NEVER, *LAST)]
    return {name: await answer(client, name, known) for name in (*names, *LAST)}


async def answer(client: RawClient, name: str, known: Mapping[str, Any]) -> bytes:
    """What one answers, given those parameters that it has."""
    wanted = [camel(field.name) for field in attrs.fields(METHODS[name].params)]
    given = {field: known[field] for field in wanted if field in known}
    try:
        return json.dumps(await client.request(name, **given), ensure_ascii=False).encode()
    except RpcError as error:
        return json.dumps([error.message, dict(error.data)], ensure_ascii=False).encode()


def processes(pids: Iterable[int]) -> dict[str, bytes]:
    """The command lines and the environments of these."""
    return {
        f"{pid} {file}": Path(f"/proc/{pid}/{file}").read_bytes() for pid in pids for file in ("cmdline", "environ")
    }


def files(directory: Path, pattern: str = "**/*") -> dict[str, bytes]:
    return {str(file.relative_to(directory)): file.read_bytes() for file in directory.glob(pattern) if file.is_file()}
