from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from jelmored.domain.ids import ConnectionId, PromptId, RequestId
from jelmored.domain.mcp import HttpServer, StdioServer
from jelmored.domain.permissions import Answer, Verdict
from jelmored.domain.prompts import Author, Block, DocumentBlock, FileBlock, ImageBlock, Prompt, TextBlock
from jelmored.providers.claude import protocol


def content(*blocks: Block) -> list[dict[str, Any]]:
    author = Author(connection_id=ConnectionId("con_1"), client="test")
    data = protocol.user(Prompt(prompt_id=PromptId("prm_1"), blocks=blocks, by=author), "uuid-1")
    assert data.count(b"\n") == 1
    assert data.endswith(b"\n")
    message = json.loads(data)
    assert (message["type"], message["uuid"], message["message"]["role"]) == ("user", "uuid-1", "user")
    found: list[dict[str, Any]] = message["message"]["content"]
    return found


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("block", "sent"),
    [
        (TextBlock(text="a\nb\u2028"), {"type": "text", "text": "a\nb\u2028"}),
        (
            ImageBlock(mime_type="image/png", data="AAAA"),
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
        ),
        (
            DocumentBlock(mime_type="application/pdf", data="AAAA"),
            {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "AAAA"}},
        ),
        (
            DocumentBlock(mime_type="text/markdown", data=b64("# é")),
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "# é"}},
        ),
        (
            DocumentBlock(mime_type="text/plain", data="/w=="),
            {"type": "document", "source": {"type": "base64", "media_type": "text/plain", "data": "/w=="}},
        ),
    ],
)
def test_blocks(block: Block, sent: dict[str, Any]) -> None:
    assert content(block) == [sent]


def test_a_file_is_named_with_its_lines() -> None:
    assert content(FileBlock(path="/a.py"))[0]["text"] == "File: /a.py"
    assert content(FileBlock(path="/a.py", range=(3, 9)))[0]["text"] == "File: /a.py, lines 3 to 9"


def test_an_unsaved_buffer_is_sent_and_only_the_lines_that_are_meant() -> None:
    text = content(FileBlock(path="/a.py", text="1\n2\n3\n4\n", range=(2, 3)))[0]["text"]
    assert text.startswith("File: /a.py, lines 2 to 3 (unsaved")
    assert text.endswith("\n\n2\n3\n")


def test_answers() -> None:
    allowed = json.loads(protocol.allow(RequestId("r1"), {"command": "ls"}))
    assert allowed["response"] == {
        "subtype": "success",
        "request_id": "r1",
        "response": {"behavior": "allow", "updatedInput": {"command": "ls"}},
    }
    denied = json.loads(protocol.deny(RequestId("r1"), "no", interrupt=True))
    assert denied["response"]["response"] == {"behavior": "deny", "message": "no", "interrupt": True}
    assert json.loads(protocol.refuse(RequestId("r1"), "why"))["response"] == {
        "subtype": "error",
        "request_id": "r1",
        "error": "why",
    }


def test_an_answer_is_what_was_decided() -> None:
    asked = {"questions": [{"question": "Which size?"}]}

    def told(**given: Any) -> dict[str, Any]:
        answer = Answer(**{"verdict": Verdict.ALLOW, **given})
        response: dict[str, Any] = json.loads(protocol.answer(RequestId("r1"), asked, answer))["response"]["response"]
        return response

    assert told()["updatedInput"] == asked
    assert told(updated_input={"a": 1})["updatedInput"] == {"a": 1}
    assert told(answers={"q1": ("M",)})["updatedInput"] == {**asked, "answers": {"Which size?": "M"}}
    assert told(verdict=Verdict.DENY)["message"]
    denied = {"behavior": "deny", "message": "no", "interrupt": True}
    assert told(verdict=Verdict.DENY, message="no", interrupt=True) == denied


def request(data: bytes) -> dict[str, Any]:
    message = json.loads(data)
    assert (message["type"], message["request_id"]) == ("control_request", "r1")
    found: dict[str, Any] = message["request"]
    return found


def test_requests() -> None:
    plain = request(protocol.initialize("r1", None))
    assert (plain["subtype"], "appendSystemPrompt" in plain) == ("initialize", False)
    assert request(protocol.initialize("r1", "be kind"))["appendSystemPrompt"] == "be kind"
    assert request(protocol.interrupt("r1")) == {"subtype": "interrupt"}
    assert request(protocol.cancel_message("r1", "u")) == {"subtype": "cancel_async_message", "message_uuid": "u"}
    assert request(protocol.set_model("r1", "haiku")) == {"subtype": "set_model", "model": "haiku"}
    assert request(protocol.set_permission_mode("r1", "plan")) == {"subtype": "set_permission_mode", "mode": "plan"}
    assert request(protocol.stop_task("r1", "b1")) == {"subtype": "stop_task", "task_id": "b1"}


def test_the_hooks_are_those_that_the_end_of_input_does_not_break() -> None:
    assert set(request(protocol.initialize("r1", None))["hooks"]) == {"PreToolUse", "PostToolUse"}


def test_servers_are_told_whole() -> None:
    stdio = StdioServer(command="srv", args=("-v",), env={"TOKEN": "t"})
    web = HttpServer(url="http://127.0.0.1:1/", headers={"X": "y"})
    assert request(protocol.set_mcp_servers("r1", {"a": stdio, "b": web}))["servers"] == {
        "a": {"command": "srv", "args": ["-v"], "env": {"TOKEN": "t"}, "type": "stdio"},
        "b": {"url": "http://127.0.0.1:1/", "headers": {"X": "y"}, "type": "http"},
    }


def test_a_hook_is_passed_or_says_why_not() -> None:
    passed = json.loads(protocol.pass_hook(RequestId("r1"), None))["response"]
    assert passed == {"subtype": "success", "request_id": "r1", "response": {}}
    stopped = json.loads(protocol.pass_hook(RequestId("r1"), "no"))["response"]["response"]["hookSpecificOutput"]
    assert (stopped["permissionDecision"], stopped["permissionDecisionReason"]) == ("deny", "no")


def test_a_prompt_that_compacts_is_a_command() -> None:
    author = Author(connection_id=ConnectionId("con_1"), client="test")
    prompt = Prompt(prompt_id=PromptId("prm_1"), blocks=(), by=author, compacts=True)
    assert json.loads(protocol.user(prompt, "u"))["message"]["content"] == "/compact"
