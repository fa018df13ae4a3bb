"""A session of OpenCode, packed to be carried to another server, and put there.

The server gives it out by HTTP and takes none, so that its program imports it, beside the server that runs (measured:
it is seen at once). The import puts it into the directory in which it runs, and keeps what is there already.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import attrs
import orjson
import trio

from jelmored.errors import ErrorKind, SessionError
from jelmored.process.command import Command
from jelmored.process.once import run_to_end
from jelmored.providers import parcels

from .client import OpencodeClient

IMPORT = 60.0  # s; measured: 1 to 11
MOST = 64  # sessions of subagents that go along
ROOT = "session.json"
NATIVE_ID = re.compile(r"ses_[0-9A-Za-z]+")
"""It stands in paths of the server's."""


async def pack(client: OpencodeClient, native_id: str) -> bytes | None:
    """None: it is not there, or larger than what can be carried.

    Raises:
        ProviderError: the server does not give it.
    """
    if await client.find(native_id) is None:
        return None
    files: dict[str, bytes] = {}
    size = 0
    for one in [native_id, *await _descendants(client, native_id)]:
        document = b'{"info":%b,"messages":%b}' % (await client.session(one), await client.all_messages(one))
        size += len(document)
        if size > parcels.MAX_SIZE:
            return None
        files[f"{one}.json" if files else ROOT] = document
    return await trio.to_thread.run_sync(parcels.wrapped, files)


@attrs.frozen(kw_only=True)
class Importer:
    """The program that puts a session into the places of a server of ours.

    Args:
        program: its path.
        env: of the server.
    """

    program: str
    env: Mapping[str, str] = attrs.field(repr=False)

    async def unpack(self, client: OpencodeClient, native_id: str, cwd: str, record: bytes) -> bool:
        """See `BaseProvider.unpack`.

        Raises:
            ProviderError: the record is damaged, or the program does not take it.
        """
        files = dict(await trio.to_thread.run_sync(parcels.unwrapped, record))
        root = files.pop(ROOT, b"")
        ids = _checked(root, native_id)
        there = await self._messages(client, native_id)
        if there != ids[: len(there)]:
            return there[: len(ids)] == ids
        for document in (root, *files.values()):
            await self._import(document, cwd)
        return (await self._messages(client, native_id))[: len(ids)] == ids

    async def _messages(self, client: OpencodeClient, native_id: str) -> Sequence[str]:
        """The ids of those that are there."""
        if await client.find(native_id) is None:
            return []
        return _message_ids(await client.all_messages(native_id))

    async def _import(self, document: bytes, cwd: str) -> None:
        with TemporaryDirectory() as directory:
            file = Path(directory, "session.json")
            await trio.to_thread.run_sync(file.write_bytes, document)
            command = Command(argv=(self.program, "import", str(file)), cwd=cwd, real_cwd=cwd, env=self.env)
            try:
                ended = await run_to_end(command, name="opencode import", seconds=IMPORT)
            except trio.TooSlowError:
                told = f"opencode did not take its session within {IMPORT:.0f} s"
                raise SessionError(ErrorKind.UNAVAILABLE, told) from None
        if ended.code != 0:
            raise parcels.damaged(f"opencode does not take it: {ended.stderr_tail.strip()[-500:]}")


async def _descendants(client: OpencodeClient, native_id: str) -> Sequence[str]:
    """The sessions of its subagents, and of theirs."""
    found: list[str] = []
    todo = [native_id]
    while todo and len(found) < MOST:
        children = await client.children(todo.pop())
        found += children
        todo += children
    return found[:MOST]


def _checked(root: bytes, native_id: str) -> Sequence[str]:
    """The ids of its messages. Raises `SessionError`."""
    match _json(root):
        case {"info": {"id": str(found)}, "messages": [*_]} if found == native_id and NATIVE_ID.fullmatch(found):
            return _message_ids(orjson.dumps(orjson.loads(root)["messages"]))
    raise parcels.damaged("it is no session of OpenCode with this id")


def _message_ids(messages: bytes) -> list[str]:
    found: Any = _json(messages)
    return [one["info"]["id"] for one in found if isinstance(one, dict) and "id" in one.get("info", {})]


def _json(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
