"""What clients ask of sessions as things, over a real socket."""

from __future__ import annotations

from tests.client_raw import connect
from tests.control.asking import refused
from tests.control.stage import staged


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


async def test_a_session_is_moved_or_its_move_is_shown() -> None:
    async with staged() as stage, connect(stage.socket) as client:
        session = (await client.request("session/create", cwd="/"))["sessionId"]
        shown = await client.request("session/move", sessionId=session, dryRun=True)
        assert shown == {"handoff": {"text": "so far", "carried": {"turns": 1, "characters": 6, "truncated": False}}}
        assert (await client.request("session/move", sessionId=session, provider="there"))["provider"] == "there"
        await refused(client.request("session/move", sessionId="ses_none"), -32002, "not-found", "sessionId")


async def test_fork() -> None:
    async with staged() as stage, connect(stage.socket) as client:
        session = stage.directory.open(title="old").id
        made = await client.request("session/fork", sessionId=session, atSeq=3, title="new")
        assert (made["title"], made["sessionId"] != session) == ("new", True)
        assert stage.directory.did == ["fork at 3"]
        await refused(client.request("session/fork", sessionId="ses_none"), -32002, "not-found", "sessionId")


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


async def test_delete() -> None:
    async with staged() as stage, connect(stage.socket) as client:
        session = stage.directory.open().id
        await refused(client.request("session/delete", sessionId=session), 1101, "wrong-status")
        await client.request("session/close", sessionId=session)
        assert await client.request("session/delete", sessionId=session) == {}
        await refused(client.request("session/delete", sessionId=session), -32002, "not-found", "sessionId")


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
