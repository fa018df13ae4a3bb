"""What is kept has no secret of ours in it, and is still what it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import orjson
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from jelmored.actors.running import running
from jelmored.domain.events import DeltaKind, Draft, Event, EventType, OpenItem, ToolResult, ToolUse
from jelmored.domain.ids import ConnectionId, ItemId, LogId, PromptId, ProviderName, SessionId, ToolUseId
from jelmored.domain.mcp import HttpServer
from jelmored.domain.permissions import ToolKind
from jelmored.domain.prompts import Author, ImageBlock, Prompt, TextBlock
from jelmored.domain.sessions import Facts
from jelmored.domain.times import utc_now
from jelmored.journal.base import Batch, Entry, Journal, StoredKey, StoredPrompt
from jelmored.journal.memory import MemoryJournal
from jelmored.journal.sqlite import SqliteJournal
from jelmored.journal.veil import Veil
from jelmored.secrecy import REDACTED, Secrets, make
from jelmored.wire import codec
from jelmored.wire.messages import Suspended

SESSION = SessionId("ses_1")
SECRET = 'sk-ant-"odd\\one"-0123456789'
AUTHOR = Author(connection_id=ConnectionId("con_1"), client="test")


def veil(*secrets: str) -> Veil:
    return Veil(Secrets(secrets or [SECRET]))


def event(seq: int, draft: Draft) -> Event:
    return draft.at(SESSION, seq, turn=1, provider=ProviderName("claude"), timestamp=utc_now())


def printed(text: str) -> Draft:
    return Draft(EventType.TOOL_RESULT, text, ToolResult(tool_use_id=ToolUseId("t"), is_error=False))


def facts(**more: Any) -> Facts:
    now = utc_now()
    known: dict[str, Any] = {"provider": ProviderName("claude"), "cwd": "/", "directory": "/", "log_id": LogId("log_1")}
    return Facts(**{"session_id": SESSION, "created_at": now, "last_activity": now, **known, **more})


def batch_of(*events: Event, **more: Any) -> Batch:
    entries = tuple(Entry(one.seq, one.event_type, codec.encode(one)) for one in events)
    return Batch(session_id=SESSION, events=entries, **more)


def test_without_a_secret_the_batch_stays_the_same_one() -> None:
    batch = batch_of(event(1, printed("PATH=/bin")), facts=codec.encode(facts()), open_items=b"[]", queue=())
    assert veil().batch(batch) is batch


def test_a_secret_is_taken_out_of_all_that_a_batch_has() -> None:
    use = ToolUse(
        tool_use_id=ToolUseId("t"),
        name="Bash",
        kind=ToolKind.EXECUTE,
        input={"command": f"echo {SECRET}", SECRET: [{"deep": SECRET}]},
    )
    prompt = Prompt(prompt_id=PromptId("p"), blocks=(TextBlock(text=f"use {SECRET}"),), by=AUTHOR)
    item = OpenItem(item_id=ItemId("i"), kind=DeltaKind.TEXT, text=f"it is {SECRET}")
    batch = batch_of(
        event(1, Draft(EventType.TOOL_USE, f"echo {SECRET}", use)),
        event(2, printed(orjson.dumps({"key": SECRET}).decode())),
        event(3, printed("nothing")),
        facts=codec.encode(facts(title=f"with {SECRET}")),
        queue=(StoredPrompt(prompt.prompt_id, codec.encode(prompt)),),
        open_items=codec.encode((item,)),
    )
    kept = veil().batch(batch)
    assert kept.queue is not None
    assert kept.facts is not None
    assert kept.open_items is not None
    everything = [entry.body for entry in kept.events] + [kept.facts, kept.open_items, kept.queue[0].body]
    assert not any(b"odd" in body for body in everything)
    assert [body.count(REDACTED.encode()) for body in everything] == [4, 1, 0, 1, 1, 1]
    assert kept.events[2].body is batch.events[2].body
    assert [codec.decode(entry.body, Event).seq for entry in kept.events] == [1, 2, 3]
    assert codec.decode(kept.queue[0].body, Prompt).text == f"use {REDACTED}"


def test_what_an_agent_is_started_with_stays() -> None:
    """Without it the session would not go on after a restart."""
    server = HttpServer(url="https://mcp.example/", headers={"Authorization": f"Bearer {SECRET}"})
    known = facts(system_prompt=f"the key is {SECRET}", mcp_servers={"one": server}, cwd=f"/{SECRET}")
    assert veil().value(known) == known


def test_bytes_of_a_client_and_sealed_states_stay() -> None:
    block = ImageBlock(mime_type="image/png", data="c2VjcmV0LXNlY3JldA==")
    assert veil("c2VjcmV0LXNlY3JldA").value(block) == block
    state = Suspended(state={"digest": "…", "title": SECRET})
    assert veil().value(state) is state


@pytest.mark.parametrize("silly", ["ses_1234", "tool_result", "toolUseId", "timestamp", "metadata", "claude-code"])
def test_a_secret_that_is_a_word_of_ours_spoils_nothing(silly: str) -> None:
    told = attrs.evolve(event(1, printed(f"a {silly}")), session_id=SessionId("ses_1234"))
    [entry] = veil(silly).batch(batch_of(told)).events
    again = codec.decode(entry.body, Event)
    assert (again.session_id, again.event_type, again.provider) == (told.session_id, told.event_type, told.provider)
    assert again.content == f"a {REDACTED}"


@given(before=st.text(max_size=20), secret=st.text(min_size=8, max_size=20), after=st.text(max_size=20))
def test_whatever_a_secret_is_made_of(before: str, secret: str, after: str) -> None:
    known = veil(secret)
    [entry] = known.batch(batch_of(event(1, printed(f"{before}{secret}{after}")))).events
    content = codec.decode(entry.body, Event).content
    if len(secret.strip()) >= 8:
        assert content == known.secrets.hidden(f"{before}{secret}{after}")
        assert secret.strip() not in content


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
async def test_no_way_into_a_journal_leads_past_it(kind: str, tmp_path: Path) -> None:
    token = make("admin")
    known = veil()
    journal: Journal = MemoryJournal(veil=known) if kind == "memory" else SqliteJournal(tmp_path / "j.db", veil=known)
    async with running(journal.run):
        await journal.append([batch_of(event(1, printed(f"{SECRET} {token}")), facts=codec.encode(facts()))])
        await journal.keep_provider(ProviderName("claude"), codec.encode({"reason": f"401 for {SECRET}"}))
        [entry] = (await journal.read(SESSION)).entries
        assert codec.decode(entry.body, Event).content == f"{REDACTED} {REDACTED}"
        assert b"odd" not in (await journal.providers())[ProviderName("claude")]
        answer = codec.encode({"command": f"curl -H x-api-key:{SECRET}"})
        closed = StoredKey(key="apr_1", digest="d", answer=answer, created_at=utc_now())
        await journal.append([attrs.evolve(batch_of(event(2, printed("closed"))), keys=(closed,))])
        known.secrets.learn(["learnt-only-now"])
        await journal.append([batch_of(event(3, printed("learnt-only-now")))])
    bytes_ = b"".join(file.read_bytes() for file in await trio.to_thread.run_sync(lambda: list(tmp_path.iterdir())))
    assert b"odd" not in bytes_
    assert token.encode() not in bytes_
    assert b"learnt-only-now" not in bytes_


def test_it_costs_little_beside_what_it_takes_to_encode() -> None:
    """A guard against a thousand looks where one is enough; docs/reliability.md has the figures."""
    asked: list[int] = []

    class Counting(Secrets):
        def stand_in(self, data: bytes) -> bool:
            asked.append(len(data))
            return super().stand_in(data)

    batch = batch_of(*(event(seq, printed("some text")) for seq in range(1, 1001)))
    assert Veil(Counting([SECRET])).batch(batch) is batch
    assert len(asked) == 1
