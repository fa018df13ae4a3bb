"""Every method over a real socket: what it gives, and how it refuses."""

from __future__ import annotations

from typing import Any

from structlog.typing import EventDict

from jelmored.control.methods import METHODS
from tests.client_raw import connect

from .asking import refused
from .stage import staged

SPOKEN = {
    "initialize": "observer",
    "ping": "observer",
    "rpc.discover": "observer",
    "daemon/status": "observer",
    "daemon/drain": "admin",
    "daemon/undrain": "admin",
    "daemon/shutdown": "admin",
    "provider/list": "observer",
    "provider/get": "observer",
    "provider/check": "operator",
    "provider/restart": "admin",
    "provider/drain": "admin",
    "provider/undrain": "admin",
    "provider/rank": "observer",
    "model/list": "observer",
    "session/create": "operator",
    "session/get": "observer",
    "session/list": "observer",
    "session/prompt": "operator",
    "session/queue": "observer",
    "session/unqueue": "operator",
    "session/interrupt": "operator",
    "session/configure": "operator",
    "session/compact": "operator",
    "session/tasks": "observer",
    "session/stopTask": "operator",
    "session/suspend": "operator",
    "session/resume": "operator",
    "session/export": "operator",
    "session/import": "operator",
    "session/close": "operator",
    "session/delete": "admin",
    "session/fork": "operator",
    "session/adopt": "operator",
    "session/settleForeign": "operator",
    "provider/pastSessions": "observer",
    "session/move": "operator",
    "usage/get": "observer",
    "session/cleanup": "admin",
    "session/subscribe": "observer",
    "session/unsubscribe": "observer",
    "session/history": "observer",
    "approval/list": "observer",
    "approval/resolve": "operator",
}
"""Protocol 1, section 3, as far as it is spoken."""

PICTURE = {"type": "image", "mimeType": "image/png", "data": "aGk="}


def test_the_table_is_the_protocol_s() -> None:
    assert {name: method.scope.value for name, method in METHODS.items()} == SPOKEN


async def test_a_session_is_moved_or_its_move_is_shown() -> None:
    async with staged() as stage, connect(stage.socket) as client:
        session = (await client.request("session/create", cwd="/"))["sessionId"]
        shown = await client.request("session/move", sessionId=session, dryRun=True)
        assert shown == {"handoff": {"text": "so far", "carried": {"turns": 1, "characters": 6, "truncated": False}}}
        assert (await client.request("session/move", sessionId=session, provider="there"))["provider"] == "there"
        await refused(client.request("session/move", sessionId="ses_none"), -32002, "not-found", "sessionId")


async def test_a_session_is_suspended_and_resumed_by_its_id_or_its_state() -> None:
    async with staged() as stage, connect(stage.socket) as client:
        session = (await client.request("session/create", cwd="/"))["sessionId"]
        state = (await client.request("session/suspend", sessionId=session))["state"]
        assert (state["format"], state["facts"]["sessionId"]) == ("jelmore.session-state", session)
        assert (await client.request("session/resume", sessionId=session))["sessionId"] == session
        assert (await client.request("session/resume", state=state))["sessionId"] == session
        for asked in ({}, {"sessionId": session, "state": state}):
            await refused(client.request("session/resume", **asked), -32602, "invalid-params", "sessionId")
        await refused(client.request("session/resume", state={}), 1105, "state-invalid", "state.format")
        await refused(client.request("session/resume", state="text"), -32602, "invalid-params", "state")


async def test_a_session_is_exported_and_imported_page_by_page() -> None:
    async with staged() as stage, connect(stage.socket) as client:
        conversation = stage.directory.open()
        await conversation.say("one", "two")
        exported = await client.request("session/export", sessionId=conversation.id)
        assert exported["head"] == exported["state"]["facts"]["seq"] == 7
        events = (await client.request("session/history", sessionId=conversation.id))["events"]
        session = conversation.id
        begun = await client.request("session/import", state=exported["state"])
        assert begun == {"sessionId": session, "next": 1, "head": 7}
        assert (await client.request("session/import", sessionId=session, events=events))["next"] == 3
        assert (await client.request("session/import", sessionId=session, last=True))["sessionId"] == session
        await refused(client.request("session/import", last=True), -32602, "invalid-params", "sessionId")
        both = client.request("session/import", state=exported["state"], events=events)
        await refused(both, -32602, "invalid-params", "events")


async def test_what_an_agent_keeps_is_listed_and_goes_on_here() -> None:
    async with staged() as stage, connect(stage.socket) as client:
        page = await client.request("provider/pastSessions", name="claude", limit=1)
        kept = {"nativeId": "native-1", "cwd": "/work", "title": "long ago", "updatedAt": "2026-01-02T00:00:00.000Z"}
        assert page == {"sessions": [kept], "nextCursor": "native-1"}
        last = await client.request("provider/pastSessions", name="claude", cursor=page["nextCursor"])
        assert last == {"sessions": []}
        adopted = await client.request("session/adopt", provider="claude", nativeId="native-1", title="mine")
        assert (adopted["title"], stage.directory.did[-1]) == ("mine", "adopt native-1")
        await refused(
            client.request("provider/pastSessions", name="claude", limit=0), -32602, "invalid-params", "limit"
        )


async def test_a_person_says_what_counts() -> None:
    async with staged() as stage, connect(stage.socket) as client:
        session = (await client.request("session/create", cwd="/"))["sessionId"]
        await client.request("session/settleForeign", sessionId=session, decision="discard")
        assert stage.directory.did[-1] == "foreign words: discard"
        await refused(
            client.request("session/settleForeign", sessionId=session, decision="neither"),
            -32602,
            "invalid-params",
            "decision",
        )


async def test_a_choice_is_rehearsed() -> None:
    async with staged() as stage, connect(stage.socket) as client:
        told = await client.request("provider/rank", requirements={"capabilities": ["streaming"]})
        assert not stage.directory.sessions
    assert [(one["provider"], one["accepted"], one.get("obstacle")) for one in told["ranking"]] == [
        ("claude", True, None),
        ("broken", False, "unhealthy"),
    ]
    assert told["ranking"][0]["reasons"] == ["healthy", "3 of 10 places taken", "the default provider"]


async def test_ping() -> None:
    async with staged() as stage, connect(stage.socket) as client:
        assert await client.request("ping") == {}


async def test_daemon_status() -> None:
    async with staged() as stage, connect(stage.socket) as client, connect(stage.socket):
        stage.directory.open()
        status = await client.request("daemon/status")
    assert status.pop("uptimeSeconds") >= 0
    assert status.pop("tasks") > 1
    assert status == {
        "version": "0.0.test",
        "instanceId": "ins_test",
        "pid": 4711,
        "providers": {"claude": "healthy", "broken": "unhealthy"},
        "sessions": {"idle": 1},
        "runs": 3,
        "connections": 2,
        "journal": {"ok": True, "bytes": 0, "lagMs": 0.0},
        "draining": False,
    }


async def test_sessions_are_cleaned_up_or_only_named() -> None:
    async with staged() as stage, connect(stage.socket) as client:
        session = (await client.request("session/create", cwd="/"))["sessionId"]
        assert await client.request("session/cleanup", maxAgeSeconds=0) == {"sessions": []}
        await client.request("session/close", sessionId=session)
        for params in ({"dryRun": True}, {}):
            (gone,) = (await client.request("session/cleanup", maxAgeSeconds=0, **params))["sessions"]
            assert gone["sessionId"] == session
        await refused(client.request("session/get", sessionId=session), -32002, "not-found", "sessionId")
        await refused(client.request("session/cleanup", maxAgeSeconds=-1), -32602, "invalid-params", "maxAgeSeconds")


async def test_the_daemon_is_drained_and_undrained() -> None:
    async with staged() as stage, connect(stage.socket) as client:
        assert (await client.request("daemon/drain"))["draining"] is True
        assert (await client.request("daemon/status"))["draining"] is True
        assert (await client.request("daemon/undrain"))["draining"] is False


async def test_daemon_shutdown() -> None:
    async with staged() as stage, connect(stage.socket) as client:
        assert await client.request("daemon/shutdown", graceSeconds=1.5) == {}
        assert await client.request("daemon/shutdown") == {}
        await refused(client.request("daemon/shutdown", graceSeconds=-1), -32602, "invalid-params", "graceSeconds")
        assert stage.shutdowns.asked == [1.5, None]


async def test_providers_and_models() -> None:
    async with staged() as stage, connect(stage.socket) as client:
        listed = (await client.request("provider/list"))["providers"]
        assert [one["name"] for one in listed] == ["claude", "broken"]
        assert await client.request("provider/get", name="claude") == listed[0]
        assert (await client.request("provider/check", name="claude"))["health"] == "healthy"
        assert (await client.request("provider/drain", name="claude"))["draining"]
        assert not (await client.request("provider/undrain", name="claude"))["draining"]
        assert (await client.request("provider/restart", name="claude"))["name"] == "claude"
        models = (await client.request("model/list", provider="claude"))["models"]
        assert [(one["name"], one["contextLength"]) for one in models] == [("sonnet", 200_000)]
        await refused(client.request("provider/get", name="none"), -32002, "not-found", "name")
        await refused(client.request("provider/get"), -32602, "invalid-params", "name")


async def test_an_error_of_ours_is_answered_and_logged(logged: list[EventDict]) -> None:
    async with staged() as stage, connect(stage.socket) as client:
        error = await refused(client.request("provider/check", name="broken"), -32603, "internal")
        assert "bug" not in error.message
        assert await client.request("ping") == {}
    assert [(one["method"], one["error"]) for one in logged if one["log_level"] == "error"] == [
        ("provider/check", "ZeroDivisionError")
    ]


async def test_session_create_and_get() -> None:
    async with staged() as stage, connect(stage.socket, name="editor") as client:
        made = await client.request("session/create", cwd="/work", title="Mend it")
        assert (made["cwd"], made["title"], made["status"]) == ("/work", "Mend it", "idle")
        assert await client.request("session/get", sessionId=made["sessionId"]) == made
        author = stage.directory.authors[0]
        assert (author.client, author.connection_id) == ("editor", client.hello["connectionId"])
        await refused(client.request("session/create"), -32602, "invalid-params", "cwd")
        no_turn = client.request("session/create", cwd="/work", limits={"maxTurns": 0})
        await refused(no_turn, -32602, "invalid-params", "limits")
        await refused(client.request("session/get", sessionId="ses_none"), -32002, "not-found", "sessionId")


async def test_what_is_not_spoken_yet_is_refused_by_name() -> None:
    async with staged() as stage, connect(stage.socket) as client:
        await refused(
            client.request("session/create", cwd="/", environment={}), -32602, "invalid-params", "environment"
        )
        assert not stage.directory.sessions


async def test_session_list_in_pages() -> None:
    async with staged() as stage, connect(stage.socket) as client:
        ids = [stage.directory.open(cwd).id for cwd in ("/a", "/b", "/a")]
        first = await client.request("session/list", limit=2)
        rest = await client.request("session/list", limit=2, cursor=first["nextCursor"])
        assert [one["sessionId"] for one in first["sessions"] + rest["sessions"]] == ids
        assert "nextCursor" not in rest
        of_a = await client.request("session/list", cwd="/a")
        assert [one["sessionId"] for one in of_a["sessions"]] == [ids[0], ids[2]]
        await refused(client.request("session/list", limit=0), -32602, "invalid-params", "limit")
        await refused(client.request("session/list", status="asleep"), -32602, "invalid-params", "status")


async def test_configure_compact_tasks() -> None:
    async with staged() as stage, connect(stage.socket) as client:
        session = stage.directory.open().id
        changed = await client.request("session/configure", sessionId=session, title="Better")
        assert (changed["sessionId"], changed["title"]) == (session, "Better")
        bad = client.request("session/configure", sessionId=session, permissionMode="always")
        await refused(bad, -32602, "invalid-params", "permissionMode")
        compacting = await client.request("session/compact", sessionId=session)
        assert compacting["promptId"] == stage.directory.queue(session)[0].prompt_id
        (task,) = (await client.request("session/tasks", sessionId=session))["tasks"]
        assert task == {"taskId": "t1", "title": "sleep 9"}
        stopped = await client.request("session/stopTask", sessionId=session, taskId="t1")
        other = await client.request("session/stopTask", sessionId=session, taskId="t2")
        assert (stopped, other) == ({"stopped": True}, {"stopped": False})


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


async def test_fork() -> None:
    async with staged() as stage, connect(stage.socket) as client:
        session = stage.directory.open(title="old").id
        made = await client.request("session/fork", sessionId=session, atSeq=3, title="new")
        assert (made["title"], made["sessionId"] != session) == ("new", True)
        assert stage.directory.did == ["fork at 3"]
        await refused(client.request("session/fork", sessionId="ses_none"), -32002, "not-found", "sessionId")


async def test_delete() -> None:
    async with staged() as stage, connect(stage.socket) as client:
        session = stage.directory.open().id
        await refused(client.request("session/delete", sessionId=session), 1101, "wrong-status")
        await client.request("session/close", sessionId=session)
        assert await client.request("session/delete", sessionId=session) == {}
        await refused(client.request("session/delete", sessionId=session), -32002, "not-found", "sessionId")


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


async def numbers(client: Any, session: str, **asked: int) -> tuple[list[int], bool]:
    page = await client.request("session/history", sessionId=session, **asked)
    return [event["seq"] for event in page["events"]], page["hasMore"]
