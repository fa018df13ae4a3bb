"""What the real server (1.18.33) keeps of a session, told as turns; asked for page by page."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from jelmored.domain.events import EventType, TurnReason
from jelmored.errors import SessionError
from jelmored.providers.base import PastTurn
from jelmored.providers.opencode import memories
from jelmored.providers.opencode.client import OpencodeClient
from jelmored.providers.opencode.memories import kept, past_sessions, recall
from jelmored.providers.opencode.parts import NAME

from .fake import Asked, FakeServer, Says, serving

KEPT = json.loads((Path(__file__).parent / "captures" / "past_session.json").read_text())["sessions"]
ROOT, CHILD = KEPT[0]["info"]["id"], KEPT[1]["info"]["id"]


def page(messages: list[Any], asked: Asked) -> Says:
    """As the server pages: from the end, with a cursor in a header."""
    limit, end = int(asked.query["limit"]), int(asked.query.get("before", len(messages)))
    start = max(0, end - limit)
    headers = {"x-next-cursor": str(start)} if start else {}
    return Says(messages[start:end], headers=headers)


@asynccontextmanager
async def keeping(messages: list[Any] | None = None) -> AsyncIterator[tuple[FakeServer, OpencodeClient]]:
    """A server that keeps the session of the capture, or others in its place."""
    of_root = KEPT[0]["messages"] if messages is None else messages
    answers: dict[str, Any] = {
        f"GET /session/{ROOT}": Says(KEPT[0]["info"]),
        f"GET /session/{CHILD}": Says(KEPT[1]["info"]),
        f"GET /session/{ROOT}/message": lambda asked: page(of_root, asked),
        f"GET /session/{CHILD}/message": lambda asked: page(KEPT[1]["messages"], asked),
        "GET /experimental/session": Says([one["info"] for one in KEPT[:1]] + [{"id": "ses_new"}]),
        "GET /session/ses_gone": Says({"message": "no such session"}, 404),
    }
    async with serving(answers=answers) as (server, client):
        yield server, client


async def told(client: OpencodeClient, after: str | None = None, native_id: str = ROOT) -> list[PastTurn]:
    async def connect() -> OpencodeClient:
        return client

    return [turn async for turn in recall(connect, native_id, after)]


def drafts(turn: PastTurn) -> list[tuple[str, str]]:
    return [(draft.event_type.value, draft.content) for draft in turn.drafts]


async def test_the_turns_are_those_that_the_user_had() -> None:
    async with keeping() as (_, client):
        turns = await told(client)
    assert [(turn.prompt, turn.reason) for turn in turns] == [
        ("hello there", TurnReason.COMPLETED),
        ("sub now", TurnReason.COMPLETED),
        ("write", TurnReason.COMPLETED),
        ("think", TurnReason.COMPLETED),
        ("long please", TurnReason.INTERRUPTED),
    ]
    assert drafts(turns[3]) == [("thinking", "deep"), ("assistant", "said")]
    times = [moment for turn in turns for moment in (turn.began_at, turn.ended_at)]
    assert times == sorted(times)
    assert times[0].year == 2026


async def test_what_a_subagent_did_is_told_as_its_own() -> None:
    async with keeping() as (_, client):
        turn = (await told(client))[1]
    task = next(draft.metadata for draft in turn.drafts if draft.content.startswith("task"))
    of_child = [draft for draft in turn.drafts if getattr(draft.metadata, "parent_tool_use_id", None) is not None]
    assert {getattr(draft.metadata, "parent_tool_use_id", None) for draft in of_child} == {
        getattr(task, "tool_use_id", "none")
    }
    assert ("assistant", "inner one done") in [(one.event_type.value, one.content) for one in of_child]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 50])
async def test_it_is_the_same_however_the_pages_fall(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    async with keeping() as (_, client):
        whole = await told(client)
        monkeypatch.setattr(memories, "PAGE", size)
        assert [drafts(turn) for turn in await told(client)] == [drafts(turn) for turn in whole]


async def test_from_behind_a_mark_only_what_came_then_is_told() -> None:
    async with keeping() as (_, client):
        turns = await told(client)
        for number, turn in enumerate(turns):
            assert await told(client, turn.mark) == turns[number + 1 :]


async def test_what_the_user_says_before_there_is_an_answer_is_one_turn() -> None:
    messages = json.loads(json.dumps(KEPT[0]["messages"]))
    first, second = messages[0], messages[2]
    second["parts"][0]["text"] = "and be quick"
    async with keeping([first, second, messages[1]]) as (_, client):
        [turn] = await told(client)
    assert turn.prompt == "hello there"
    assert [draft.content for draft in turn.drafts if draft.event_type is EventType.USER] == ["and be quick"]


async def test_a_prompt_without_an_answer_was_interrupted() -> None:
    async with keeping(KEPT[0]["messages"][:3]) as (_, client):
        turns = await told(client)
    assert [(turn.prompt, turn.reason) for turn in turns][1:] == [("sub now", TurnReason.INTERRUPTED)]


async def test_they_are_listed_with_directory_and_title() -> None:
    async with keeping() as (server, client):
        [past] = await past_sessions(client, "/home/user/project")
        await past_sessions(client, None)
    assert (past.native_id, past.cwd, past.title) == (ROOT, "/home/user/project", "jelmored ses_test")
    queries = [asked.query for asked in server.asked]
    assert [query.get("directory") for query in queries] == ["/home/user/project", None]
    assert {query["roots"] for query in queries} == {"true"}


async def test_one_that_is_gone_is_told() -> None:
    async with keeping() as (_, client):
        with pytest.raises(SessionError, match="no such session"):
            await told(client, native_id="ses_gone")


# What it will know when it is resumed


def message(role: str, number: int, **part: Any) -> dict[str, Any]:
    info = {"id": f"msg_{number}", "sessionID": ROOT, "role": role}
    parts = [{"id": f"prt_{number}", "sessionID": ROOT, "messageID": info["id"], "type": "text", **part}]
    return {"info": info, "parts": parts}


async def test_it_has_kept_what_is_among_its_last_messages() -> None:
    messages = [
        message("user", 1, text="one", metadata={NAME: "prm_1"}),
        message("assistant", 2, text="noted"),
        message("user", 3, text="Go on.", synthetic=True),
        message("user", 4, text="two", metadata={"another": "program's"}),
    ]
    async with keeping(messages) as (_, client):
        assert set(await kept(client, ROOT, ["prm_1", "msg_2", "msg_3", "prm_4", "prm_5"])) == {"prm_1", "msg_2"}
