from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from jelmored.domain.ids import ConnectionId, PromptId, RequestId
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


def test_requests() -> None:
    plain = json.loads(protocol.initialize("i", None))
    assert plain == {"type": "control_request", "request_id": "i", "request": {"subtype": "initialize"}}
    assert json.loads(protocol.initialize("i", "be kind"))["request"]["appendSystemPrompt"] == "be kind"
    assert json.loads(protocol.interrupt("n"))["request"] == {"subtype": "interrupt"}
    cancel = json.loads(protocol.cancel_message("c", "uuid-1"))["request"]
    assert cancel == {"subtype": "cancel_async_message", "message_uuid": "uuid-1"}
