"""A capture speaks of `/home/user` and of port `PORT`; a live run has its own place and its own server."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import attrs


@attrs.frozen
class Names:
    """How things are called here, and in the captures.

    Args:
        root: what stands before `/home/user` here.
        port: the model server's.
        known: further names, the capture's first.
    """

    root: Path
    port: str
    known: Mapping[str, str] = attrs.field(factory=dict)

    def here(self, text: str) -> str:
        text = text.replace("/home/user", f"{self.root}/home/user").replace(":PORT", f":{self.port}")
        for captured, lived in self.known.items():
            text = text.replace(captured, lived)
        return text

    def captured(self, text: str) -> str:
        for prefix in (str(self.root), re.sub(r"[^a-zA-Z0-9]", "-", str(self.root))):
            text = text.replace(prefix, "")
        return text.replace(f":{self.port}", ":PORT")
