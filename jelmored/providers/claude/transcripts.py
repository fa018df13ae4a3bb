"""Where claude keeps a conversation, so that a resume that can't work is known before it is tried.

`<config>/projects/<cwd with every other sign than letters and digits as ->/<session id>.jsonl`, written from the first
user message on; `<config>` is CLAUDE_CONFIG_DIR or ~/.claude. Names of more than 200 signs are cut and end with a hash.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

import attrs
import trio

MAX_NAME = 200


@attrs.frozen(kw_only=True)
class Transcript:
    """The file of one conversation.

    Args:
        projects: the folder of all projects.
        cwd: where the agent works; claude finds a conversation only from the directory it was begun in.
        native_id: claude's id of it.
    """

    projects: str
    cwd: str
    native_id: str

    @classmethod
    def of(cls, env: Mapping[str, str], cwd: str, native_id: str) -> Transcript:
        return cls(projects=os.path.join(own_directory(env), "projects"), cwd=cwd, native_id=native_id)

    async def exists(self) -> bool:
        """In a thread: the disk may be slow."""
        return await trio.to_thread.run_sync(self._exists, abandon_on_cancel=True)

    def _exists(self) -> bool:
        name = folder_name(os.path.realpath(self.cwd))
        pattern = name if len(name) <= MAX_NAME else f"{name[:MAX_NAME]}-*"
        return any(Path(self.projects).glob(f"{pattern}/{self.native_id}.jsonl"))


def own_directory(env: Mapping[str, str]) -> str:
    """Where claude keeps what is its own."""
    return env.get("CLAUDE_CONFIG_DIR") or os.path.join(env["HOME"], ".claude")


def folder_name(cwd: str) -> str:
    """Claude's name for a directory, before it is cut. It counts in UTF-16 units."""
    return re.sub(r"[^a-zA-Z0-9]", lambda sign: "-" * (len(sign[0].encode("utf-16-le")) // 2), cwd)
