"""The environment of one session, at a server that all share: a plug-in of ours in the server adds to each program that
a tool starts what lies here for its session."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

import attrs
import orjson

FOLDER = "environments"
NATIVE_ID = re.compile(r"ses_[A-Za-z0-9]{1,64}")

PLUGIN = """// Written by jelmored: variables of a session, for the programs that its tools start.
import { readFile } from "node:fs/promises"
import { join } from "node:path"
const folder = %s
export const Surroundings = async () => ({
  "shell.env": async (input, output) => {
    if (!/^ses_[A-Za-z0-9]+$/.test(input.sessionID ?? "")) return
    const text = await readFile(join(folder, `${input.sessionID}.json`), "utf8").catch(() => "{}")
    Object.assign(output.env, JSON.parse(text))
  },
})
"""


@attrs.frozen
class Surroundings:
    """Of the sessions of one server.

    Args:
        root: where the server keeps its things.
    """

    root: Path

    @property
    def plugin(self) -> Path:
        return self.root / "surroundings.js"

    def plugin_text(self) -> bytes:
        return (PLUGIN % orjson.dumps(str(self.root / FOLDER)).decode()).encode()

    def put(self, native_id: str, environment: Mapping[str, str]) -> None:
        """From the next program on that a tool of this session starts. Blocks.

        Raises:
            OSError: the disk refuses it.
        """
        if not NATIVE_ID.fullmatch(native_id):
            return
        file = self.root / FOLDER / f"{native_id}.json"
        if not environment:
            file.unlink(missing_ok=True)
            return
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(draft := file.with_suffix(".new"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(orjson.dumps(dict(environment)))
        draft.replace(file)
