"""The conversations of the protocol page, each as a client would have it. `python -m tests.docs record` writes them."""

from __future__ import annotations

import json
import os
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import attrs

from . import daemon
from .talk import Talk
from .transcript import PAGE, PROJECT, Json, Line, abridged, page_with

SETTINGS = {"default_provider": "demo"}


async def first_conversation(talk: Talk) -> None:
    await _hello(talk)
    session = await _session(talk)
    await talk.ask("session/prompt", sessionId=session, prompt="What is in this directory?")
    approval = await _asked(talk)
    await talk.until("session/event", content="active → waiting_input")
    await talk.ask("approval/resolve", approvalId=approval["approvalId"], optionId="allow")
    await _idle(talk)


async def attach(talk: Talk) -> None:
    with talk.unseen():
        await _hello(talk)
        session = await _session(talk)
        await talk.ask("session/prompt", sessionId=session, prompt="What is in this directory?")
        await talk.until("session/event", content="active → waiting_input")
    talk.remark("another client's session waits for an answer; this client knows nothing of it yet")
    await talk.ask("session/list")
    standing = await talk.ask("session/subscribe", sessionId=session, after="start", tail=2)
    caught_up = await talk.until("session/caughtUp")
    assert caught_up["approvals"]
    talk.remark("the user scrolls up")
    page = await talk.ask("session/history", sessionId=session, before=standing["head"] - 1, limit=2)
    assert page["hasMore"]


async def same_prompt_twice(talk: Talk) -> None:
    session = await _prepared(talk)
    prompt = {"sessionId": session, "prompt": "todos", "requestKey": "7c0d"}
    first = await talk.ask("session/prompt", **prompt)
    await talk.until("session/event", eventType="turn_started")
    with talk.unseen():
        await _idle(talk)
    talk.remark("the reply was lost, so it is sent again: the same answer, and no second turn")
    assert await talk.ask("session/prompt", **prompt) == first
    talk.remark("the key belongs to that prompt")
    await talk.refused("session/prompt", **{**prompt, "prompt": "steps"})


async def steer(talk: Talk) -> None:
    session = await _prompted(talk, "steps")
    await talk.until("session/event", eventType="tool_use")
    talk.remark("the tool is at work; the user has another idea")
    said = await talk.ask("session/prompt", sessionId=session, prompt="Now stop, please", whenBusy="steer")
    assert said["disposition"] == "steered"
    await talk.until("session/event", eventType="tool_result")
    assert "“Now stop, please”" in (await talk.until("session/event", eventType="assistant"))["content"]
    ended = await talk.until("session/event", eventType="turn_ended")
    assert (ended["turn"], ended["metadata"]["reason"]) == (1, "completed")


async def question(talk: Talk) -> None:
    await _prompted(talk, "A question, please")
    asked = await _asked(talk)
    colour, fruits = asked["questions"]
    assert fruits["multiSelect"]
    answers = {colour["id"]: ["Green"], fruits["id"]: ["Apples", "Plums"]}
    talk.remark("to the first one with words of the user's own, to the second one with two options")
    await talk.ask("approval/resolve", approvalId=asked["approvalId"], answers=answers)
    assert '"Apples, Plums"' in (await talk.until("session/event", eventType="tool_result"))["content"]
    with talk.unseen():
        await _idle(talk)


async def edited_command(talk: Talk) -> None:
    await _prompted(talk, "What is in this directory?")
    approval = await _asked(talk)
    changed = {**approval["input"], "command": "ls -A *.md"}
    await talk.ask("approval/resolve", approvalId=approval["approvalId"], optionId="allow", updatedInput=changed)
    assert (await talk.until("session/event", eventType="tool_result"))["content"] == "README.md"
    with talk.unseen():
        await _idle(talk)


async def edit(talk: Talk) -> None:
    (talk.work / "demo.txt").write_text("Hello.\n")
    await _prompted(talk, "An edit, please")
    approval = await _asked(talk)
    assert approval["diffs"][0]["newText"] == "Hello. It was edited."
    await talk.ask("approval/resolve", approvalId=approval["approvalId"], optionId="allow")
    await talk.until("session/event", eventType="tool_result")
    assert (talk.work / "demo.txt").read_text() == "Hello. It was edited.\n"
    with talk.unseen():
        await _idle(talk)


async def always(talk: Talk) -> None:
    session = await _prompted(talk, "What is in this directory?")
    approval = await _asked(talk)
    await talk.ask("approval/resolve", approvalId=approval["approvalId"], optionId="allow-always")
    await talk.until("session/event", eventType="tool_result")
    with talk.unseen():
        await _idle(talk)
        await talk.ask("session/prompt", sessionId=session, prompt="And now?")
        await talk.until("session/event", eventType="assistant", turn=2)
    talk.remark("the same command in a later turn: nobody is asked")
    await talk.until("session/event", eventType="tool_result")
    assert not any(_is_event(line, "approval_requested", turn=2) for line in talk.frames)
    with talk.unseen():
        await _idle(talk)


async def interrupt(talk: Talk) -> None:
    session = await _prompted(talk, "steps")
    await talk.until("session/event", eventType="tool_use")
    talk.remark("the user meant an earlier turn: nothing happens")
    assert not (await talk.ask("session/interrupt", sessionId=session, expectedTurn=7))["interrupted"]
    assert (await talk.ask("session/interrupt", sessionId=session, expectedTurn=1))["interrupted"]
    assert (await talk.until("session/event", eventType="turn_ended"))["metadata"]["reason"] == "interrupted"


async def dropped_connection(talk: Talk) -> None:
    with talk.unseen():
        await _hello(talk)
        session = await _session(talk)
        standing = await talk.ask("session/subscribe", sessionId=session, after="start")
        await talk.until("session/caughtUp")
    await talk.ask("session/prompt", sessionId=session, prompt="What is in this directory?")
    delta = await talk.until("session/delta", kind="text")
    last = max(_events(talk))
    talk.remark("the connection is lost in the middle of a text; the client knows the last seq, and the logId")
    async with talk.connected():
        with talk.unseen():
            await _hello(talk)
        await talk.ask("session/subscribe", sessionId=session, after=last, logId=standing["logId"])
        (item,) = (await talk.until("session/caughtUp"))["openItems"]
        first = await talk.until("session/delta", itemId=item["itemId"])
        assert (item["itemId"], first["offset"]) == (delta["itemId"], len(item["text"]))
        await talk.until("session/event", eventType="assistant")


async def all_sessions(talk: Talk) -> None:
    with talk.unseen():
        await _hello(talk)
        old = await talk.ask("session/create", cwd=str(talk.work), provider="demo", title="One that was there")
    standing = await talk.ask("session/subscribe", sessionId="*", after="now")
    assert list(standing["sessions"]) == [old["sessionId"]]
    await talk.until("session/caughtUp")
    talk.remark("a session that comes later is in it, from its first event on")
    new = await talk.ask("session/create", cwd=str(talk.work), provider="demo")
    await talk.ask("session/prompt", sessionId=new["sessionId"], prompt="todos")
    first = await talk.until("session/event", sessionId=new["sessionId"])
    assert first["seq"] == 1
    await talk.until("session/event", eventType="turn_started")
    with talk.unseen():
        await _idle(talk)
        await talk.ask("session/close", sessionId=new["sessionId"])
        await talk.until("session/event", content="idle → terminated")
    talk.remark("it was closed meanwhile, and goes")
    await talk.ask("session/delete", sessionId=new["sessionId"])
    await talk.until("session/removed")


async def errors(talk: Talk) -> None:
    with talk.unseen():
        await _hello(talk)
        session = await _session(talk)
    await talk.refused("session/fly", sessionId=session)
    await talk.refused("session/prompt", sessionId=session)
    await talk.refused("session/get", sessionId="ses_aaaaaaaaaaaaaaaa")
    await talk.refused("session/subscribe", sessionId=session, after=1000)
    with talk.unseen():
        await talk.ask("session/prompt", sessionId=session, prompt="What is in this directory?")
        approval = (await _asked(talk))["approvalId"]
        await talk.ask("approval/resolve", approvalId=approval, optionId="reject")
        await _idle(talk)
    talk.remark("somebody was faster")
    await talk.refused("approval/resolve", approvalId=approval, optionId="allow")
    with talk.unseen():
        await talk.ask("session/close", sessionId=session)
    talk.remark("it was closed meanwhile")
    await talk.refused("session/prompt", sessionId=session, prompt="Hello?")


CONVERSATIONS: Mapping[str, Callable[[Talk], Awaitable[None]]] = {
    "first conversation": first_conversation,
    "attach": attach,
    "same prompt twice": same_prompt_twice,
    "steer": steer,
    "question": question,
    "edited command": edited_command,
    "edit": edit,
    "always": always,
    "interrupt": interrupt,
    "dropped connection": dropped_connection,
    "all sessions": all_sessions,
    "errors": errors,
}
"""By their names in the page."""

WHOLE = {"first conversation"}
"""Shown with all that is said; the others are abridged."""


async def had(name: str) -> Talk:
    """The conversation, with a daemon that has nothing behind it."""
    async with daemon.running(SETTINGS) as place:
        talk = Talk(place.socket, place.work)
        async with talk.connected():
            await CONVERSATIONS[name](talk)
    return talk


def shown(name: str, talk: Talk) -> list[Line]:
    """As the page has it: with names that are not this machine's."""
    lines = talk.lines if name in WHOLE else abridged(talk.lines)
    text = json.dumps([attrs.asdict(line) for line in lines]).replace(str(talk.work), PROJECT)
    return [Line(**line) for line in json.loads(text.replace(f'"uid": {os.getuid()}', '"uid": 1000'))]


async def record() -> None:
    """Write fresh ones into the page."""
    for name in CONVERSATIONS:
        page = PAGE.read_text("utf-8")
        PAGE.write_text(page_with(page, name, shown(name, await had(name))), "utf-8")


# What they are made of


async def _hello(talk: Talk) -> None:
    await talk.ask("initialize", protocolVersion=1, clientInfo={"name": "my-editor", "version": "1.0"})


async def _session(talk: Talk) -> str:
    session: str = (await talk.ask("session/create", cwd=str(talk.work), provider="demo"))["sessionId"]
    await talk.ask("session/subscribe", sessionId=session, after="start")
    await talk.until("session/caughtUp")
    return session


async def _prepared(talk: Talk) -> str:
    with talk.unseen():
        await _hello(talk)
        return await _session(talk)


async def _prompted(talk: Talk, prompt: str) -> str:
    """Shown from where the agent has said its first text, and uses its first tool."""
    session = await _prepared(talk)
    with talk.unseen():
        await talk.ask("session/prompt", sessionId=session, prompt=prompt)
        await talk.until("session/event", eventType="assistant")
    return session


async def _asked(talk: Talk) -> Json:
    approval: Json = (await talk.until("session/event", eventType="approval_requested"))["metadata"]
    return approval


async def _idle(talk: Talk) -> None:
    await talk.until("session/event", eventType="status_change", turn=None)


def _events(talk: Talk) -> list[int]:
    return [line.message["params"]["seq"] for line in talk.frames if line.message.get("method") == "session/event"]


def _is_event(line: Line, kind: str, **values: Any) -> bool:
    params = line.message.get("params", {})
    return params.get("eventType") == kind and all(params.get(name) == value for name, value in values.items())
