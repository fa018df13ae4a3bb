"""A small MCP server over stdio, for tests: its one tool says what it is given, and a word from its environment."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

TOOL = {"name": "say", "description": "Says it", "inputSchema": {"type": "object", "properties": {"text": {}}}}


def answer(method: str, params: dict[str, Any]) -> dict[str, Any]:
    match method:
        case "initialize":
            info = {"name": "tiny", "version": "1"}
            return {"protocolVersion": params["protocolVersion"], "capabilities": {"tools": {}}, "serverInfo": info}
        case "tools/list":
            return {"tools": [TOOL]}
        case "tools/call":
            words = f"{params['arguments']['text']}, {os.environ['TINY_WORD']}"
            return {"content": [{"type": "text", "text": words}]}
        case _:
            return {}


if __name__ == "__main__":
    for line in sys.stdin:
        message = json.loads(line)
        if "id" in message:
            result = answer(message["method"], message.get("params", {}))
            print(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}), flush=True)
