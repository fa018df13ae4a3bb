"""What claude's own record has of a conversation, told by its last lines: asked after an end that was not in order.

Claude writes a message down up to 0.1 s after it has said it, and of a new conversation nothing before it works on the
first prompt; killed meanwhile, it does not know of it (measured). The lines have the ids under which we gave and heard
the messages. A tool whose result is not there it leaves out when it resumes, so that does not count as kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson

from .transcripts import lines_of

TAIL = 4 * 1024 * 1024  # bytes that are looked at; what may be missing is at the very end
NAME = 14  # signs of a message's id that name its prompt


def message_id(prompt_id: str) -> str:
    """Under which a prompt is given. Another one each time, for claude passes over what it has had already; all of
    them begin with the prompt's name."""
    return _name(prompt_id) + str(uuid4())[NAME:]


def kept(path: Path, ids: Sequence[str]) -> Collection[str]:
    """Which of these are in it: messages by their own ids, prompts by ours. Blocks.

    Raises:
        OSError: it can't be read.
    """
    found: set[str] = set()
    waiting: dict[str, str] = {}
    for line in _last_lines(path):
        found.update(_ids(line))
        for tool, used in _tools(line):
            if used:
                waiting[tool] = str(line.get("uuid"))
            else:
                waiting.pop(tool, None)
    found.difference_update(waiting.values())
    names = {one[:NAME] for one in found}
    return frozenset(one for one in ids if one in found or _name(one) in names)


def _name(prompt_id: str) -> str:
    digest = hashlib.blake2b(prompt_id.encode(), digest_size=6).hexdigest()
    return f"{digest[:8]}-{digest[8:]}-"


def _last_lines(path: Path) -> Iterator[Mapping[str, Any]]:
    """A line that was torn is none."""
    with path.open("rb") as file:
        start = max(0, path.stat().st_size - TAIL)
        file.seek(start)
        if start:
            file.readline()
        for data in lines_of(file):
            try:
                line = orjson.loads(data)
            except orjson.JSONDecodeError:
                continue
            if isinstance(line, dict) and data.endswith(b"\n"):
                yield line


def _ids(line: Mapping[str, Any]) -> Iterator[str]:
    """Of what it holds. A message that was to steer is put into a line of claude's own."""
    match line:
        case {"attachment": {"source_uuid": str(source)}}:
            yield source
        case {"uuid": str(uuid)}:
            yield uuid


def _tools(line: Mapping[str, Any]) -> Iterator[tuple[str, bool]]:
    """The tools that are used in it (true), or have their result there (false)."""
    match line:
        case {"message": {"content": [*parts]}}:
            for part in parts:
                match part:
                    case {"type": "tool_use", "id": str(tool)}:
                        yield tool, True
                    case {"type": "tool_result", "tool_use_id": str(tool)}:
                        yield tool, False
