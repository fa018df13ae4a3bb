"""The demo agent's turns: a prompt, the scenes that it asks for, a result; as claude would tell of them."""

from __future__ import annotations

import os
import time
import uuid

from . import scenes, script, tools
from .inbox import Inbox, Interrupted
from .scenes import Scene, Use
from .tools import Outcome
from .transcript import Transcript
from .voice import MODEL, Message, Spent, Voice, send


class Conversation:
    def __init__(self, session_id: str, transcript: Transcript, *, partial: bool, replay: bool, pace: float) -> None:
        self.inbox = Inbox()
        self._transcript = transcript
        self._replay = replay
        self._pace = pace
        self._voice = Voice(session_id, partial=partial, pace=pace, pause=self.inbox.wait)
        self._denials: list[Message] = []
        self._scenes: list[Scene] = []
        self._total = Spent()

    def serve(self) -> None:
        """Turn after turn until stdin is closed; what was received before that is still done."""
        while self.inbox.prompts or not self.inbox.closed:
            if not self.inbox.prompts:
                self.inbox.listen()
                continue
            self._turn(self.inbox.take())
            if not self.inbox.prompts:
                self._voice.state("idle")

    # A turn

    def _turn(self, messages: list[Message]) -> None:
        """Prompts that waited together are one, as with claude: the last one is told with the words of all."""
        began = time.monotonic()
        self._denials, self._voice.spent = [], Spent()
        prompt = "\n".join(text_of(message) for message in messages)
        own = "\n".join(own_words(message) for message in messages)
        self._voice.state("running")
        for message in messages[:-1]:
            self._consumed(message)
        self._voice.tell("system", subtype="init", **facts())
        self._consumed({**messages[-1], "message": {"role": "user", "content": prompt}})
        with self.inbox.turn():
            ending = self._attempt(prompt, own)
        self._voice.tell("result", **ending, **self._bill(began))

    def _consumed(self, message: Message) -> None:
        if self._replay:
            self._voice.tell("user", **{**message, "isReplay": True})

    def _attempt(self, prompt: str, own: str) -> Message:
        self._transcript.add(prompt)
        self._voice.spent.input_tokens += len(prompt.split())
        try:
            result = self._answer(own)
        except Interrupted:
            self._voice.note({"type": "text", "text": script.INTERRUPTED})
            cut = {"stop_reason": None, "terminal_reason": "aborted_streaming", "errors": ["interrupted"]}
            return {"subtype": "error_during_execution", "is_error": True, **cut}
        end = {"stop_reason": "end_turn", "terminal_reason": "completed"}
        return {"subtype": "success", "is_error": False, "result": result, **end}

    def _answer(self, prompt: str) -> str:
        recalled = script.recalled(self._transcript.prompts)
        self._scenes = [scene(self._pace) for scene in scenes.named_in(prompt)]
        if recalled and not self._scenes and script.asks_for_the_past(prompt):
            return self._voice.say([("text", recalled.rstrip())])
        opening = [("thinking", script.thinking(prompt))]
        said = script.INTRODUCTION
        self._scenes = self._scenes or [scenes.command(self._pace)]
        while self._scenes:
            said = self._play(self._scenes.pop(0), opening, said)
            opening = []
        return self._voice.say([("text", said + recalled + script.MORE + script.REAL_THING)])

    def _play(self, scene: Scene, opening: list[tuple[str, str]], said: str) -> str:
        """A scene to its end. `said`: what goes before its first words. Returns the last ones."""
        try:
            use = next(scene)
            while True:
                tool_use_id = f"toolu_{uuid.uuid4().hex}"
                tool_use = {"type": "tool_use", "id": tool_use_id, "name": use.tool, "input": use.input}
                self._voice.say([*opening, ("text", said + use.words)], tool_use=tool_use)
                outcome = self._use(use, tool_use_id)
                opening, said = [], self._steered()
                if script.asks_to_stop(said):
                    return said + script.STOPPED
                use = scene.send(outcome)
        except StopIteration as over:
            return f"{said}{over.value}"

    def _steered(self) -> str:
        """What came while a tool was at work or waited belongs to this turn; scenes that it names are played too."""
        words = ""
        for message in self.inbox.take():
            self._consumed(message)
            prompt = text_of(message)
            self._transcript.add(prompt)
            self._voice.spent.input_tokens += len(prompt.split())
            self._scenes += [scene(self._pace) for scene in scenes.named_in(prompt)]
            words += script.steered(prompt)
        return words

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

    # A tool

    def _use(self, use: Use, tool_use_id: str) -> Outcome:
        """Ask if it must be allowed, do it, and tell what came of it."""
        try:
            outcome = self._tried(use, tool_use_id)
        except Interrupted:
            self._tool_result(tool_use_id, Outcome(script.REJECTED, failed=True))
            raise
        self._tool_result(tool_use_id, outcome)
        return outcome

    def _tried(self, use: Use, tool_use_id: str) -> Outcome:
        if not use.asks:
            return tools.use(use.tool, use.input, self.inbox.wait)
        answer = self._ask(use, tool_use_id)
        if answer.get("behavior") == "allow":
            return tools.use(use.tool, answer["updatedInput"], self.inbox.wait)
        self._denials.append({"tool_name": use.tool, "tool_use_id": tool_use_id, "tool_input": use.input})
        if answer.get("interrupt"):
            raise Interrupted
        return Outcome(answer.get("message", script.NOBODY_ANSWERED), failed=True, denied=True)

    def _ask(self, use: Use, tool_use_id: str) -> Message:
        request_id = str(uuid.uuid4())
        request = {"subtype": "can_use_tool", "tool_name": use.tool, "display_name": use.tool, "input": use.input}
        self._voice.state("requires_action")
        send("control_request", request_id=request_id, request={**request, "tool_use_id": tool_use_id})
        try:
            answer = self.inbox.answer(request_id)
        except Interrupted:
            send("control_cancel_request", request_id=request_id)
            raise
        self._voice.state("running")
        return answer

    def _tool_result(self, tool_use_id: str, outcome: Outcome) -> None:
        result = {"type": "tool_result", "tool_use_id": tool_use_id, "content": outcome.text}
        native = outcome.native or f"Error: {outcome.text}"
        self._voice.note({**result, "is_error": outcome.failed}, tool_use_result=native)


def facts() -> Message:
    """What `system/init` tells at the start of each turn."""
    lists: Message = {"mcp_servers": [], "slash_commands": [], "agents": [], "skills": []}
    named = ["Bash", "Write", "Edit", "TodoWrite", "AskUserQuestion"]
    head = {"cwd": os.getcwd(), "model": MODEL, "permissionMode": "default", "tools": named}
    return {**head, **lists, "apiKeySource": MODEL, "claude_code_version": MODEL, "output_style": "default"}


def text_of(message: Message) -> str:
    """The words of a prompt; what is no text is named in brackets."""
    return _text(message["message"]["content"])


def own_words(message: Message) -> str:
    """Those of the user: without what the agent is told of a conversation that it did not have."""
    content: str | list[Message] = message["message"]["content"]
    if isinstance(content, str):
        return content
    told = (at for at, block in enumerate(content[:-1], 1) if str(block.get("text")).endswith(script.HANDOFF_ENDS))
    return _text(content[max(told, default=0) :])


def _text(content: str | list[Message]) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(block["text"] if block.get("type") == "text" else f"[{block.get('type')}]" for block in content)
