"""The demo agent's turns, and what it is told meanwhile.

A thread reads stdin into `inbox`; the main thread looks there wherever it waits, so that an interrupt is heard at once.
"""

from __future__ import annotations

import contextlib
import os
import queue
import time
import uuid
from collections.abc import Callable

from . import script
from .tool import run_command
from .transcript import Transcript
from .voice import MODEL, Message, Spent, Voice

ANSWER_SECONDS = 86_400
"""A person may take a day to decide."""
WAITING_LINES = 1_000
"""Then the sender waits."""


class Interrupted(Exception):
    """The turn is to end now."""


class Conversation:
    def __init__(self, session_id: str, transcript: Transcript, *, partial: bool, replay: bool, pace: float) -> None:
        self.inbox: queue.Queue[Message | None] = queue.Queue(WAITING_LINES)
        self._transcript = transcript
        self._replay = replay
        self._voice = Voice(session_id, partial=partial, pace=pace, pause=self._wait)
        self._prompts: list[Message] = []
        self._answers: dict[str, Message] = {}
        self._denials: list[Message] = []
        self._busy = self._interrupted = self._closed = False
        self._total = Spent()

    def serve(self) -> None:
        """Turn after turn until stdin is closed; what was received before that is still done."""
        while self._prompts or not self._closed:
            if not self._prompts:
                self._handle(self.inbox.get())
                continue
            self._turn(self._prompts.pop(0))
            if not self._prompts:
                self._voice.state("idle")

    # What it is told

    def _handle(self, message: Message | None) -> None:
        match message:
            case None:
                self._closed = True
            case {"type": "user", "message": {"role": "user"}}:
                self._prompts.append(message)
            case {"type": "control_response", "response": {"request_id": request_id}}:
                self._answers[request_id] = message["response"]
            case {"type": "control_request", "request_id": request_id, "request": {"subtype": subtype}}:
                self._obey(request_id, subtype, message["request"])

    def _obey(self, request_id: str, subtype: str, request: Message) -> None:
        match subtype:
            case "initialize":
                self._respond(request_id, response=about())
            case "interrupt":
                self._interrupted = self._busy
                self._respond(request_id)
            case "cancel_async_message":
                self._respond(request_id, response={"cancelled": self._cancel(request.get("message_uuid"))})
            case "set_model" | "set_permission_mode":
                self._respond(request_id)
            case _:
                self._respond(request_id, subtype="error", error=f"Unsupported control request subtype: {subtype}")

    def _respond(self, request_id: str, *, subtype: str = "success", **body: Message | str) -> None:
        self._voice.send("control_response", response={"subtype": subtype, "request_id": request_id, **body})

    def _cancel(self, message_uuid: str | None) -> bool:
        before = len(self._prompts)
        self._prompts = [prompt for prompt in self._prompts if prompt.get("uuid") != message_uuid]
        return len(self._prompts) < before

    def _wait(self, seconds: float, until: Callable[[], bool] = lambda: False) -> None:
        end = time.monotonic() + seconds
        with contextlib.suppress(queue.Empty):
            while not until():
                self._handle(self.inbox.get(timeout=max(end - time.monotonic(), 0)))
                if self._interrupted:
                    raise Interrupted

    # A turn

    def _turn(self, message: Message) -> None:
        began = time.monotonic()
        self._busy, self._interrupted, self._denials, self._voice.spent = True, False, [], Spent()
        self._voice.state("running")
        self._voice.tell("system", subtype="init", **facts())
        if self._replay:
            self._voice.tell("user", **{**message, "isReplay": True})
        ending = self._attempt(text_of(message["message"]["content"]))
        self._busy = False
        self._voice.tell("result", **ending, **self._bill(began))

    def _attempt(self, prompt: str) -> Message:
        self._transcript.add(prompt)
        try:
            result = self._answer(prompt)
        except Interrupted:
            self._voice.note({"type": "text", "text": script.INTERRUPTED})
            cut = {"stop_reason": None, "terminal_reason": "aborted_streaming", "errors": ["interrupted"]}
            return {"subtype": "error_during_execution", "is_error": True, **cut}
        end = {"stop_reason": "end_turn", "terminal_reason": "completed"}
        return {"subtype": "success", "is_error": False, "result": result, **end}

    def _answer(self, prompt: str) -> str:
        self._voice.spent.input_tokens += len(prompt.split())
        recalled = script.recalled(self._transcript.prompts)
        if recalled and script.asks_for_the_past(prompt):
            return self._voice.say([("text", recalled.rstrip())])
        tool_use_id = f"toolu_{uuid.uuid4().hex}"
        opening = [("thinking", script.thinking(prompt)), ("text", script.INTRODUCTION)]
        self._voice.say(opening, tool_use_id=tool_use_id)
        outcome = self._use_tool(tool_use_id)
        return self._voice.say([("text", outcome + recalled + script.REAL_THING)])

    def _bill(self, began: float) -> Message:
        """Of the turn: usage and duration. Since the process began: cost and `modelUsage`; claude counts them so."""
        spent, total = self._voice.spent, self._total
        total.input_tokens += spent.input_tokens
        total.output_tokens += spent.output_tokens
        tokens = {"inputTokens": total.input_tokens, "outputTokens": total.output_tokens, "costUSD": 0.0}
        cache = {"cacheReadInputTokens": 0, "cacheCreationInputTokens": 0, "contextWindow": 200_000}
        return {
            "duration_ms": round((time.monotonic() - began) * 1000),
            "num_turns": 1,
            "total_cost_usd": 0.0,
            "usage": spent.usage(),
            "modelUsage": {MODEL: {**tokens, **cache}},
            "permission_denials": self._denials,
        }

    # The one tool

    def _use_tool(self, tool_use_id: str) -> str:
        """Ask, run what was allowed, and return what to say of it."""
        try:
            answer = self._ask(tool_use_id)
            if answer.get("behavior") != "allow":
                return self._denied(tool_use_id, answer)
            output, failed = run_command(answer["updatedInput"]["command"], self._wait)
        except Interrupted:
            self._tool_result(tool_use_id, script.REJECTED, failed=True)
            raise
        self._tool_result(tool_use_id, output, failed=failed)
        return script.FAILED if failed else script.done(output)

    def _ask(self, tool_use_id: str) -> Message:
        request_id = str(uuid.uuid4())
        request = {"subtype": "can_use_tool", "tool_name": "Bash", "display_name": "Bash", "input": script.TOOL_INPUT}
        self._voice.state("requires_action")
        self._voice.send("control_request", request_id=request_id, request={**request, "tool_use_id": tool_use_id})
        try:
            self._wait(ANSWER_SECONDS, until=lambda: request_id in self._answers or self._closed)
        except Interrupted:
            self._voice.send("control_cancel_request", request_id=request_id)
            raise
        self._voice.state("running")
        answer: Message = self._answers.pop(request_id, {}).get("response") or {}
        return answer

    def _denied(self, tool_use_id: str, answer: Message) -> str:
        self._denials.append({"tool_name": "Bash", "tool_use_id": tool_use_id, "tool_input": script.TOOL_INPUT})
        if answer.get("interrupt"):
            raise Interrupted
        self._tool_result(tool_use_id, answer.get("message", script.NOBODY_ANSWERED), failed=True)
        return script.DENIED

    def _tool_result(self, tool_use_id: str, output: str, *, failed: bool) -> None:
        result = {"type": "tool_result", "tool_use_id": tool_use_id, "content": output, "is_error": failed}
        native = {"stdout": output, "stderr": "", "interrupted": False, "isImage": False}
        self._voice.note(result, tool_use_result=native)


def about() -> Message:
    """The answer to `initialize`."""
    model = {"value": MODEL, "resolvedModel": MODEL, "displayName": "Demo", "description": "A script, no model"}
    account = {"tokenSource": "none", "apiKeySource": MODEL, "apiProvider": MODEL}
    return {"commands": [], "agents": [], "models": [model], "account": account, "pid": os.getpid()}


def facts() -> Message:
    """What `system/init` tells at the start of each turn."""
    lists: Message = {"mcp_servers": [], "slash_commands": [], "agents": [], "skills": []}
    head = {"cwd": os.getcwd(), "model": MODEL, "permissionMode": "default", "tools": ["Bash"]}
    return {**head, **lists, "apiKeySource": MODEL, "claude_code_version": MODEL, "output_style": "default"}


def text_of(content: str | list[Message]) -> str:
    """The words of a prompt; what is no text is named in brackets."""
    if isinstance(content, str):
        return content
    return "\n".join(block["text"] if block.get("type") == "text" else f"[{block.get('type')}]" for block in content)
