"""Where subscriptions begin, what comes first, and how they end (protocol 1, sections 3 and 4), over a real socket."""

from __future__ import annotations

import json
from typing import Any

import pytest

from jelmored.domain.ids import ItemId
from tests.client_raw import RawClient, connect
from tests.eventually import eventually

from .asking import refused, seqs, told
from .stage import staged


async def test_subscribe_from_the_start() -> None:
    async with staged() as stage, connect(stage.socket) as client:
        session = stage.directory.open()
        await session.say("one", "two")
        session.stream("Hel", ItemId("i"))
        watch = await client.subscribe(session.id)
        assert watch.reply == {"logId": session.facts.log_id, "head": 2, "oldest": 1}
        caught_up = await watch.caught_up()
        assert (caught_up["head"], caught_up["approvals"]) == (2, [])
        assert caught_up["openItems"] == [{"itemId": "i", "kind": "text", "text": "Hel"}]
        assert [note.method for note in watch.notes] == ["session/event"] * 2 + ["session/caughtUp"]
        session.stream("lo", ItemId("i"))
        await session.say("Hello", closes=ItemId("i"))
        await watch.event("assistant", after=2)
        assert [note.params["text"] for note in watch.notes if note.method == "session/delta"] == ["lo"]
        kept = await stage.directory.journal.read(session.id)
        assert [json.loads(entry.body) for entry in kept.entries] == watch.events
        assert not client.strays


async def test_caught_up_tells_of_open_approvals() -> None:
    async with staged() as stage, connect(stage.socket) as client:
        session = stage.directory.open()
        approval = await session.ask()
        caught_up = await (await client.subscribe(session.id, "now")).caught_up()
        assert [one["approvalId"] for one in caught_up["approvals"]] == [approval.approval_id]


@pytest.mark.parametrize(
    ("asked", "first"),
    [
        ({}, 6),
        ({"after": "now"}, 6),
        ({"after": "start"}, 1),
        ({"after": 3}, 4),
        ({"after": 5}, 6),
        ({"tail": 2}, 4),
        ({"after": "start", "tail": 2}, 4),
        ({"after": 4, "tail": 2}, 5),
        ({"tail": 99}, 1),
        ({"after": 0, "tail": 0}, 6),
    ],
)
async def test_where_a_subscription_begins(asked: dict[str, Any], first: int) -> None:
    async with staged() as stage, connect(stage.socket) as client:
        session = stage.directory.open()
        await session.say(*"abcde")
        await client.request("session/subscribe", sessionId=session.id, logId=session.facts.log_id, **asked)
        await session.say("f")
        await eventually(lambda: seqs(client) and seqs(client)[-1] == 6, 5)
        assert seqs(client) == list(range(first, 7))


async def test_a_cursor_into_no_log_of_ours() -> None:
    async with staged() as stage, connect(stage.socket) as client:
        session = stage.directory.open()
        await session.say("a")
        for asked in ({"after": 2}, {"after": 1, "logId": "log_other"}):
            error = await refused(
                client.request("session/subscribe", sessionId=session.id, **asked), 1002, "cursor-expired"
            )
            assert (error.data["oldest"], error.data["logId"]) == (1, session.facts.log_id)
        for field, value in (("after", -1), ("after", "then"), ("after", 1.5), ("tail", -1)):
            bad = client.request("session/subscribe", sessionId=session.id, **{field: value})
            await refused(bad, -32602, "invalid-params", field)
        await refused(client.request("session/subscribe", sessionId="ses_none"), -32002, "not-found", "sessionId")
        assert not session.feed.subscribers


async def test_a_log_that_begins_elsewhere() -> None:
    async with staged() as stage, connect(stage.socket) as client:
        session = stage.directory.open(begins_after=5)
        await session.say("six", "seven")
        watch = await client.subscribe(session.id, "start")
        assert watch.reply == {"logId": session.facts.log_id, "head": 7, "oldest": 6}
        await watch.caught_up()
        assert [event["seq"] for event in watch.events] == [6, 7]
        assert (await client.request("session/history", sessionId=session.id))["events"] == watch.events
        for after in (0, 4):
            early = client.request("session/subscribe", sessionId=session.id, after=after)
            error = await refused(early, 1002, "cursor-expired")
            assert (error.data["oldest"], error.data["logId"]) == (6, session.facts.log_id)
        early_of_all = client.request("session/subscribe", sessionId="*", after={session.id: 3})
        await refused(early_of_all, 1002, "cursor-expired")
        for asked in ({"after": 5}, {"tail": 99}):
            before = len(seqs(client))
            await client.request("session/subscribe", sessionId=session.id, **asked)
            await eventually(lambda: len(seqs(client)) >= before + 2, 5)  # noqa: B023 - it is asked at once
            assert seqs(client)[before:] == [6, 7]


async def test_who_follows_all_sees_such_a_log_from_its_beginning() -> None:
    async with staged() as stage, connect(stage.socket) as client:
        session = stage.directory.open(begins_after=5)
        await session.say("six")
        await client.request("session/subscribe", sessionId="*", after={})
        new = stage.directory.open(begins_after=8)
        await new.say("nine")
        await eventually(lambda: sorted(told(client)) == sorted([(session.id, 6), (new.id, 9)]), 5)


async def test_subscribe_to_all() -> None:
    async with staged() as stage, connect(stage.socket) as client:
        old, known = stage.directory.open(), stage.directory.open()
        await old.say("a")
        await known.say("b", "c")
        reply = await client.request("session/subscribe", sessionId="*", after={known.id: 1})
        assert reply["sessions"] == {
            one.id: {"logId": one.facts.log_id, "head": one.feed.head, "oldest": 1} for one in (old, known)
        }
        new = stage.directory.open()
        await new.say("d")
        await eventually(lambda: len(seqs(client)) == 3, 5)
        assert sorted(told(client)) == sorted([(old.id, 1), (known.id, 2), (new.id, 1)])
        for field, value in (("after", 1), ("after", "start"), ("tail", 1), ("logId", "x")):
            bad = client.request("session/subscribe", sessionId="*", **{"after": "now", field: value})
            await refused(bad, -32602, "invalid-params", field)
        late = client.request("session/subscribe", sessionId="*", after={old.id: 9})
        await refused(late, 1002, "cursor-expired")


async def test_unsubscribe() -> None:
    async with staged() as stage, connect(stage.socket) as client:
        session, other = stage.directory.open(), stage.directory.open()
        await client.request("session/subscribe", sessionId="*")
        assert await client.request("session/unsubscribe", sessionId=session.id) == {}
        await session.say("unheard")
        await other.say("heard")
        await eventually(lambda: told(client) == [(other.id, 1)], 5)
        assert await client.request("session/unsubscribe", sessionId="*") == {}
        await other.say("unheard")
        await stage.directory.open().say("unheard")
        await client.request("ping")
        assert told(client) == [(other.id, 1)]


async def test_the_end_of_a_session_ends_its_subscriptions() -> None:
    async with staged() as stage, connect(stage.socket) as client, connect(stage.socket) as watcher:
        session, other = stage.directory.open(), stage.directory.open()
        await session.say("a")
        await (await client.subscribe(session.id, "start")).caught_up()
        await watcher.request("session/subscribe", sessionId="*")
        await client.request("session/close", sessionId=session.id)
        await client.request("session/delete", sessionId=session.id)
        await eventually(lambda: removed(client) == removed(watcher) == [session.id], 5)
        await refused(client.request("session/subscribe", sessionId=session.id), -32002, "not-found", "sessionId")
        assert await client.request("session/unsubscribe", sessionId=session.id) == {}
        await other.say("goes on")
        await eventually(lambda: told(watcher)[-1:] == [(other.id, 1)], 5)


def removed(client: RawClient) -> list[str]:
    return [note.params["sessionId"] for note in client.notes if note.method == "session/removed"]


async def test_subscribing_again_replaces() -> None:
    async with staged() as stage, connect(stage.socket) as client:
        session = stage.directory.open()
        await session.say("a", "b")
        await (await client.subscribe(session.id, 1)).caught_up()
        again = await client.subscribe(session.id, "start")
        await again.caught_up()
        await session.say("c")
        await again.event("assistant", after=2)
        assert [event["seq"] for event in again.events] == [1, 2, 3]


async def test_a_session_that_changed_is_told_to_its_subscribers() -> None:
    async with staged() as stage, connect(stage.socket) as client, connect(stage.socket) as other:
        session = stage.directory.open()
        await client.subscribe(session.id)
        stage.directory.changed(session.id)
        await eventually(lambda: any(note.method == "session/changed" for note in client.notes), 5)
        stage.directory.hub.broadcast("daemon/event", {"kind": "reloaded", "content": "as you wish"})
        await eventually(lambda: [note.method for note in other.notes] == ["daemon/event"], 5)
