from __future__ import annotations

from typing import Any

import pytest

from jelmored.providers.demo.agent.inbox import Inbox, Interrupted

SECONDS = 10


def _prompt(uuid: str) -> dict[str, Any]:
    return {"type": "user", "uuid": uuid, "message": {"role": "user", "content": uuid}}


def _control(subtype: str, **fields: Any) -> dict[str, Any]:
    return {"type": "control_request", "request_id": "r", "request": {"subtype": subtype, **fields}}


def _told(*messages: dict[str, Any] | None) -> Inbox:
    inbox = Inbox()
    for message in messages:
        inbox.lines.put(message)
    return inbox


def test_prompts_wait_until_they_are_taken() -> None:
    inbox = _told(_prompt("a"), _prompt("b"), _control("cancel_async_message", message_uuid="a"))
    inbox.wait(SECONDS, until=lambda: len(inbox.prompts) == 2)
    inbox.listen()

    assert [prompt["uuid"] for prompt in inbox.take()] == ["b"]
    assert not inbox.prompts


def test_an_interrupt_is_heard_in_a_turn_and_only_there() -> None:
    inbox = _told(_control("interrupt"))
    inbox.listen()
    with inbox.turn():
        inbox.wait(0)
        inbox.lines.put(_control("interrupt"))
        with pytest.raises(Interrupted):
            inbox.wait(SECONDS)


def test_an_answer_finds_its_question() -> None:
    inbox = _told(
        {"type": "control_response", "response": {"request_id": "other", "response": {"behavior": "deny"}}},
        {"type": "control_response", "response": {"request_id": "mine", "response": {"behavior": "allow"}}},
    )

    assert inbox.answer("mine") == {"behavior": "allow"}


def test_nobody_can_answer_once_stdin_is_closed() -> None:
    assert _told(None).answer("mine") == {}
