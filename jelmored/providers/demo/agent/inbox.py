"""What the demo agent is told. A thread fills `lines`; the main thread looks there wherever it waits, so that an
interrupt is heard at once."""

from __future__ import annotations

import contextlib
import os
import queue
import time
from collections.abc import Callable, Iterator

from .voice import MODEL, Message, send

ANSWER_SECONDS = 86_400
"""A person may take a day to decide."""
WAITING_LINES = 1_000
"""Then the sender waits."""


class Interrupted(Exception):
    """The turn is to end now."""


class Inbox:
    """Prompts that nobody has taken yet, answers to what was asked, and whether more can come."""

    def __init__(self) -> None:
        self.lines: queue.Queue[Message | None] = queue.Queue(WAITING_LINES)
        self.closed = False
        self.prompts: list[Message] = []
        self._answers: dict[str, Message] = {}
        self._in_turn = self._interrupted = False

    def listen(self) -> None:
        """Until there is a line."""
        self._handle(self.lines.get())

    def take(self) -> list[Message]:
        """All prompts that wait."""
        taken, self.prompts = self.prompts, []
        return taken

    @contextlib.contextmanager
    def turn(self) -> Iterator[None]:
        """Meanwhile it can be interrupted."""
        self._in_turn, self._interrupted = True, False
        try:
            yield
        finally:
            self._in_turn = False

    def wait(self, seconds: float, until: Callable[[], bool] = lambda: False) -> None:
        """Let time pass, or less of it; raises `Interrupted`."""
        end = time.monotonic() + seconds
        with contextlib.suppress(queue.Empty):
            while not until():
                self._handle(self.lines.get(timeout=max(end - time.monotonic(), 0)))
                if self._interrupted:
                    raise Interrupted

    def answer(self, request_id: str) -> Message:
        """What is said to a question of ours; {} if nobody can answer any more. Raises `Interrupted`."""
        self.wait(ANSWER_SECONDS, until=lambda: request_id in self._answers or self.closed)
        answer: Message = self._answers.pop(request_id, {}).get("response") or {}
        return answer

    def _handle(self, message: Message | None) -> None:
        match message:
            case None:
                self.closed = True
            case {"type": "user", "message": {"role": "user"}}:
                self.prompts.append(message)
            case {"type": "control_response", "response": {"request_id": request_id}}:
                self._answers[request_id] = message["response"]
            case {"type": "control_request", "request_id": request_id, "request": {"subtype": subtype}}:
                self._obey(request_id, subtype, message["request"])

    def _obey(self, request_id: str, subtype: str, request: Message) -> None:
        match subtype:
            case "initialize":
                _respond(request_id, response=about())
            case "interrupt":
                self._interrupted = self._in_turn
                _respond(request_id)
            case "cancel_async_message":
                _respond(request_id, response={"cancelled": self._cancel(request.get("message_uuid"))})
            case "set_model" | "set_permission_mode":
                _respond(request_id)
            case _:
                _respond(request_id, subtype="error", error=f"Unsupported control request subtype: {subtype}")

    def _cancel(self, message_uuid: str | None) -> bool:
        before = len(self.prompts)
        self.prompts = [prompt for prompt in self.prompts if prompt.get("uuid") != message_uuid]
        return len(self.prompts) < before


def _respond(request_id: str, *, subtype: str = "success", **body: Message | str) -> None:
    send("control_response", response={"subtype": subtype, "request_id": request_id, **body})


def about() -> Message:
    """The answer to `initialize`."""
    model = {"value": MODEL, "resolvedModel": MODEL, "displayName": "Demo", "description": "A script, no model"}
    account = {"tokenSource": "none", "apiKeySource": MODEL, "apiProvider": MODEL}
    return {"commands": [], "agents": [], "models": [model], "account": account, "pid": os.getpid()}
