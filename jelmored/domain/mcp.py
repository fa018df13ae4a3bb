"""MCP servers that a client brings along for a session: the agent starts or calls them, jelmored only hands them on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import attrs


@attrs.frozen(kw_only=True)
class StdioServer:
    """A program that the agent starts and speaks to over its pipes. `env` is added to the agent's own."""

    command: str
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    type: Literal["stdio"] = "stdio"


@attrs.frozen(kw_only=True)
class HttpServer:
    """A server that the agent calls: Streamable HTTP, or the older SSE."""

    url: str
    headers: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    type: Literal["http", "sse"] = "http"


McpServer = StdioServer | HttpServer
