"""What clients do in a session, over a real socket."""

from __future__ import annotations

from typing import Any

from tests.client_raw import connect
from tests.control.asking import refused
from tests.control.stage import staged

PICTURE = {"type": "image", "mimeType": "image/png", "data": "aGk="}


async def test_prompt_queue_unqueue() -> None:
    async with staged() as stage, connect(stage.socket, name="editor") as client:
        session = stage.directory.open().id
        receipt = await client.request("session/prompt", sessionId=session, prompt="hello")
        assert receipt["disposition"] == "queued"
        blocks = [{"type": "text", "text": "look"}, PICTURE, {"type": "file", "path": "/x"}]
        await client.request("session/prompt", sessionId=session, prompt=blocks)
        plain, rich = (await client.request("session/queue", sessionId=session))["prompts"]
        assert (plain["promptId"], plain["prompt"], plain["by"]["client"]) == (receipt["promptId"], "hello", "editor")
        assert rich["blocks"] == [
            {"type": "text"},
            {"type": "image", "mimeType": "image/png"},
            {"type": "file", "path": "/x"},
        ]
        left = await client.request("session/unqueue", sessionId=session, promptId=receipt["promptId"])
        assert left["prompts"] == [rich]
        await refused(client.request("session/prompt", sessionId=session, prompt=3), -32602, "invalid-params", "prompt")
        wait = client.request("session/prompt", sessionId=session, prompt="x", whenUnavailable="hope")
        await refused(wait, -32602, "invalid-params", "whenUnavailable")


async def test_interrupt_and_close() -> None:
    async with staged() as stage, connect(stage.socket) as client:
        session = stage.directory.open().id
        stage.directory.gate.set()
        assert await client.request("session/interrupt", sessionId=session) == {"interrupted": True}
        assert (await client.request("session/close", sessionId=session))["status"] == "terminated"
        await refused(client.request("session/close", sessionId="ses_none"), -32002, "not-found", "sessionId")


async def test_history_is_the_journal_s_bytes() -> None:
    async with staged() as stage, connect(stage.socket) as client:
        session = stage.directory.open()
        await session.say("one", "twö", "three")
        kept = await stage.directory.journal.read(session.id)
        reply = await client.ask("session/history", sessionId=session.id)
        assert all(entry.body.decode() in reply.raw for entry in kept.entries)
        assert (await numbers(client, session.id, limit=2)) == ([1, 2], True)
        assert (await numbers(client, session.id, after=2)) == ([3], False)
        assert (await numbers(client, session.id, before=3, limit=1)) == ([2], True)
        for field, value in (("limit", 501), ("after", -1), ("before", -1)):
            bad = client.request("session/history", sessionId=session.id, **{field: value})
            await refused(bad, -32602, "invalid-params", field)
        await refused(client.request("session/history", sessionId="ses_none"), -32002, "not-found", "sessionId")


async def numbers(client: Any, session: str, **asked: int) -> tuple[list[int], bool]:
    page = await client.request("session/history", sessionId=session, **asked)
    return [event["seq"] for event in page["events"]], page["hasMore"]


async def test_approvals() -> None:
    async with staged() as stage, connect(stage.socket) as client:
        session = stage.directory.open()
        approval = await session.ask()
        listed = (await client.request("approval/list", sessionId=session.id))["approvals"]
        assert [(one["approvalId"], one["status"]) for one in listed] == [(approval.approval_id, "open")]
        neither = client.request("approval/resolve", approvalId=approval.approval_id)
        await refused(neither, -32602, "invalid-params", "optionId")
        done = await client.request("approval/resolve", approvalId=approval.approval_id, optionId="allow")
        assert (done["status"], done["resolvedBy"]["connectionId"]) == ("resolved", client.hello["connectionId"])
        assert await client.request("approval/list") == {"approvals": []}
        again = client.request("approval/resolve", approvalId=approval.approval_id, cancelled=True)
        await refused(again, -32002, "not-found", "approvalId")
