"""A conversation with the real claude, as a client sees it."""

from __future__ import annotations

import base64
import struct
import zlib

import pytest

from tests.client_raw import connect
from tests.invariants import check

from .script import Script, ToolUse, recalls, says, thinks, uses, uses_all, when
from .stage import open_stage

pytestmark = pytest.mark.real

POEM = "Zwölf Boxkämpfer 🥊 jagen Viktor quer über den großen Sylter Deich. " * 8


async def test_deltas_add_up_to_the_closing_event() -> None:
    async with open_stage(Script(when("poem", says(POEM, pieces=40, pace=0.01)))) as stage:
        session = await stage.session(prompt="a poem please")
        ended = await session.turn_over(1)
        assert ended["metadata"]["reason"] == "completed"
        (assistant,) = session.of_turn(1, "assistant")
        deltas = [note.params for note in session.notes if note.method == "session/delta"]
        assert assistant["content"] == POEM
        assert len(deltas) > 1
        assert "".join(delta["text"] for delta in deltas) == POEM
        assert {delta["itemId"] for delta in deltas} == {assistant["metadata"]["itemId"]}
        check(session)


async def test_thinking_is_an_item_of_its_own() -> None:
    async with open_stage(Script(when("hard", thinks("Let me see. It is 42.", "42.")))) as stage:
        session = await stage.session(prompt="a hard question")
        await session.turn_over(1)
        said = [(e["eventType"], e["content"]) for e in session.of_turn(1, "thinking", "assistant")]
        assert said == [("thinking", "Let me see. It is 42."), ("assistant", "42.")]
        kinds = {note.params["kind"] for note in session.notes if note.method == "session/delta"}
        assert kinds == {"text", "thinking"}
        check(session)


async def test_order_of_a_plain_turn() -> None:
    async with open_stage(Script(when("", says("Hello!")))) as stage:
        session = await stage.session()
        receipt = await stage.prompt(session, "hello")
        assert receipt["disposition"] == "started"
        assert receipt["turn"] == 1
        await session.turn_over(1)
        told = [e["eventType"] for e in session.events if e["eventType"] not in {"system", "status_change"}]
        assert told == ["user", "turn_started", "assistant", "usage", "turn_ended"]
        user = session.of_turn(1, "user")[0]
        assert user["seq"] == receipt["seq"]
        assert user["content"] == "hello"
        assert user["metadata"]["promptId"] == receipt["promptId"]
        assert user["metadata"]["by"]["client"] == "raw"
        assert session.events[-1]["metadata"]["to"] == "idle"
        check(session)


async def test_usage_is_of_each_turn_and_of_the_whole_session() -> None:
    async with open_stage(Script(when("", says("Hello!")))) as stage:
        session = await stage.session()
        for turn in (1, 2):
            await stage.turn(session, f"hello {turn}")
            (usage,) = (event["metadata"] for event in session.of_turn(turn, "usage"))
            assert (usage["inputTokens"], usage["outputTokens"]) == (100, 20)
            assert usage["costUsd"] > 0
        view = await stage.get(session)
        assert (view["usage"]["inputTokens"], view["usage"]["outputTokens"]) == (200, 40)
        assert view["turn"] == 2
        assert view["status"] == "idle"
        assert view["attached"] is True
        check(session)


async def test_the_agent_remembers() -> None:
    async with open_stage(Script(when("first thing", recalls), when("", says("Noted.")))) as stage:
        session = await stage.session(prompt="my parrot is called Coco")
        await session.turn_over(1)
        await stage.turn(session, "what was the first thing I told you?")
        assert session.said(2) == "The first thing you told me was: my parrot is called Coco"
        check(session)


async def test_two_clients_and_the_history_have_the_same_bytes() -> None:
    script = Script(when("look", uses_all(ToolUse("Bash", {"command": "pwd"}), first="Looking."), says(POEM)))
    async with open_stage(script) as stage, connect(stage.place.socket, name="second") as second:
        session = await stage.session()
        other = await second.subscribe(session.session_id)
        await stage.turn(session, "look around")
        await other.turn_over(1)
        assert session.frames == other.frames
        reply = await second.ask("session/history", sessionId=session.session_id, after=0)
        for frame in session.frames.values():
            params = frame.partition('"params":')[2].removesuffix("}")
            assert params in reply.raw
        check(session)
        check(other)


async def test_eight_sessions_at_once_do_not_mix() -> None:
    def script() -> Script:
        rules = (when(f"word{n}", uses("Bash", command=f"echo word{n}"), says(f"I heard word{n}.")) for n in range(8))
        return Script(*rules)

    async with open_stage(script()) as stage:
        sessions = [await stage.session(prompt=f"word{n}", permissionMode="allow-all") for n in range(8)]
        for number, session in enumerate(sessions):
            await session.turn_over(1, seconds=40)
            assert session.said(1) == f"I heard word{number}."
            assert [e["content"] for e in session.of_turn(1, "tool_result")] == [f"word{number}"]
            check(session)


async def test_a_client_that_comes_in_the_middle_has_the_exact_text() -> None:
    async with (
        open_stage(Script(when("", says(POEM, pieces=60, pace=0.03)))) as stage,
        connect(stage.place.socket, name="late") as late,
    ):
        session = await stage.session(prompt="a poem please")
        await session.delta(turn=1, count=10)
        other = await late.subscribe(session.session_id)
        caught_up = await other.caught_up()
        (item,) = caught_up["openItems"]
        assert POEM.startswith(item["text"])
        assert item["text"]
        await session.turn_over(1)
        await other.turn_over(1)
        assert session.frames == other.frames
        check(session)
        check(other)


async def test_a_cursor_takes_up_where_it_stands() -> None:
    async with open_stage(Script(when("", says("Hello!")))) as stage:
        session = await stage.session(prompt="one")
        await session.turn_over(1)
        await stage.turn(session, "two")
        cut = session.of_turn(1, "assistant")[0]["seq"]
        again = await stage.client.subscribe(session.session_id, after=cut)
        await again.caught_up()
        assert again.frames == {seq: frame for seq, frame in session.frames.items() if seq > cut}
        assert again.reply["head"] == session.events[-1]["seq"]
        assert not stage.client.strays


async def test_an_image_reaches_the_model() -> None:
    picture = base64.b64encode(_png(8)).decode()
    async with open_stage(Script(when("picture", says("A red square.")))) as stage:
        session = await stage.session()
        blocks = [
            {"type": "text", "text": "what is in this picture?"},
            {"type": "image", "mimeType": "image/png", "data": picture},
        ]
        await stage.turn(session, blocks)
        (image,) = stage.model.calls[-1].conversation.images
        assert image["source"]["media_type"] == "image/png"
        assert image["source"]["data"] == picture
        noted = session.of_turn(1, "user")[0]["metadata"]["blocks"]
        assert [block["type"] for block in noted] == ["text", "image"]
        assert noted[1]["bytes"] == len(_png(8))
        assert picture not in session.frames[session.of_turn(1, "user")[0]["seq"]]
        check(session)


def _png(side: int) -> bytes:
    """A red square."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = (b"\0" + b"\xff\0\0" * side) * side
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
