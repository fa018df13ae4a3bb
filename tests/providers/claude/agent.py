"""A small program that speaks claude's stream-json, for tests of what can't be had from a capture: a real process.

Its first argument names how it behaves; each line of its stdin is one it answers. Run with `python agent.py HOW …`.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from typing import Any

HOW = sys.argv[1]
ACCOUNT = json.loads(os.environ.get("ACCOUNT", '{"apiKeySource": "KEY"}'))
at_work: list[str] = []
queued: list[str] = []
MODELS = [{"value": "default", "resolvedModel": "model-1[1m]"}, {"value": "haiku"}]


def say(**message: Any) -> None:
    print(json.dumps(message), flush=True)


def reply(request: dict[str, Any], **response: Any) -> None:
    say(
        type="control_response",
        response={"subtype": "success", "request_id": request["request_id"], "response": response},
    )


def state(name: str) -> None:
    say(type="system", subtype="session_state_changed", state=name)


def init() -> None:
    say(type="system", subtype="init", session_id="native-1", cwd=os.getcwd(), model="model-1")


def result(**more: Any) -> None:
    say(type="result", **{"subtype": "success", "is_error": False, "terminal_reason": "completed", **more})
    state("idle")


def interrupted() -> None:
    result(subtype="error_during_execution", is_error=True, terminal_reason="aborted_streaming", errors=["x"])


def text(words: str) -> None:
    say(type="assistant", message={"id": "msg-1", "model": "model-1", "content": [{"type": "text", "text": words}]})


def ask() -> None:
    say(
        type="control_request",
        request_id="ask-1",
        request={
            "subtype": "can_use_tool",
            "tool_name": "Write",
            "tool_use_id": "t1",
            "input": {"file_path": "link/f", "content": "x" * 300_000},
        },
    )


def hook(name: str, request_id: str, **tool: Any) -> None:
    request = {"subtype": "hook_callback", "callback_id": name, "input": {"cwd": os.path.abspath("sub"), **tool}}
    say(type="control_request", request_id=request_id, request=request)


def on_control(message: dict[str, Any]) -> None:
    match message["request"]["subtype"]:
        case "initialize":
            if HOW == "asks-first":
                say(type="control_request", request_id="hook-1", request={"subtype": "hook_callback"})
            reply(message, commands=[{"name": "compact"}], models=MODELS, account=ACCOUNT)
        case "interrupt":
            reply(message)
            if HOW != "swallows-prompts":
                interrupted()
        case "cancel_async_message":
            reply(message, cancelled=HOW == "swallows-prompts" or message["request"]["message_uuid"] in queued)
        case _:
            on_other(message)


def on_other(message: dict[str, Any]) -> None:
    """What it is told on the way it says again, for a test to see."""
    request = message["request"]
    if HOW == "is-older":
        error = f"Unsupported control request subtype: {request['subtype']}"
        say(
            type="control_response",
            response={"subtype": "error", "request_id": message["request_id"], "error": error},
        )
    else:
        reply(message, errors={"broken": "ENOENT"} if "servers" in request else {})
        text(json.dumps(request))


def on_user(message: dict[str, Any]) -> None:
    if HOW == "swallows-prompts":
        return
    if HOW in ("queues", "takes-up") and at_work:
        queued.append(message["uuid"])
        if HOW == "takes-up":
            say(**message, isReplay=True)
        return
    at_work.append(message["uuid"])
    state("running")
    init()
    match HOW:
        case "dies":
            os.kill(os.getpid(), signal.SIGKILL)
        case "asks":
            ask()
        case "hooks":
            hook("before", "h1", tool_name="Read", tool_input={"file_path": "/etc/hosts"})
        case "shouts" | "shouts-last":
            print("x" * (33 << 20), end="" if HOW == "shouts-last" else "\n", flush=True)
            if HOW == "shouts-last":
                sys.exit()
        case "works" | "queues" | "takes-up":
            return
        case _:
            text(json.dumps(message["message"]["content"]))
            result()


def on_answer(message: dict[str, Any]) -> None:
    body = message["response"]
    if body["request_id"] == "h1":
        hook("after", "h2", tool_name="Read")
    told = body["response"] if "response" in body else {"error": body["error"]}
    content = told.get("updatedInput", {}).get("content", "")
    text(json.dumps({**told, "updatedInput": len(content)} if content else told))
    if body["request_id"] != "h1":
        result()


if HOW == "--version":
    print(os.environ.get("VERSION", "2.1.197 (Claude Code)"))
    sys.exit()
if HOW == "stderr":
    sys.exit(sys.argv[2])
for line in sys.stdin:
    message = json.loads(line)
    {"control_request": on_control, "user": on_user, "control_response": on_answer}[message["type"]](message)
if HOW == "stays":
    time.sleep(60)
