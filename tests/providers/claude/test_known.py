from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from jelmored.domain.events import Draft, System
from jelmored.domain.sessions import ContextUse
from jelmored.providers.base import RunFacts
from jelmored.providers.claude.control import ModelUsage
from jelmored.providers.claude.known import Known
from jelmored.providers.claude.messages import CallUsage, Init, Result, ServerState

CALL = CallUsage(input_tokens=10, cache_read_input_tokens=200, cache_creation_input_tokens=3000, output_tokens=1)


def init(**more: Any) -> Init:
    return Init(**{"session_id": "native-1", "cwd": "/work", "model": "opus", **more})


def result(**windows: int | None) -> Result:
    usage = {name: ModelUsage(context_window=window) for name, window in windows.items()}
    return Result(subtype="success", is_error=False, model_usage=usage)


def directories(events: Sequence[Draft | RunFacts]) -> list[str | None]:
    return [event.directory for event in events if isinstance(event, RunFacts)]


def system(events: Sequence[Draft | RunFacts]) -> list[tuple[str, dict[str, Any]]]:
    found = [event.metadata for event in events if isinstance(event, Draft)]
    return [(data.subtype, dict(data.data)) for data in found if isinstance(data, System)]


def test_it_is_told_once_where_it_is() -> None:
    known = Known("/work")
    assert known.moved("/work") == []
    assert known.moved("/work/sub") == [RunFacts(directory="/work/sub")]
    assert known.moved("/work/sub") == []
    assert known.turn_over() == [RunFacts(directory="/work")]
    assert known.turn_over() == []


@pytest.mark.parametrize("seen_by_hook", [True, False])
def test_in_a_worktree_it_stays_until_it_leaves(seen_by_hook: bool) -> None:
    known = Known("/work")
    if seen_by_hook:
        known.moved("/work/tree")
    known.settled({"worktreePath": "/work/tree", "message": "…"})
    known.moved("/work/tree/sub")
    assert directories(known.turn_over()) == ["/work/tree"]
    assert known.settled({"originalCwd": "/work", "worktreePath": "/work/tree"}) == [RunFacts(directory="/work")]
    assert known.turn_over() == []
    assert known.settled("an error") == []


def test_where_the_agent_says_it_is_wins() -> None:
    known = Known("/work")
    known.introduced(init())
    known.moved("/work/sub")
    assert directories(known.introduced(init())) == ["/work"]
    assert known.introduced(init()) == []


def test_another_conversation_is_a_clean_start() -> None:
    known = Known("/work")
    known.introduced(init())
    known.called(CALL)
    known.answered(5)
    facts, cleared, context = known.introduced(init(session_id="native-2"))
    assert isinstance(facts, RunFacts)
    assert facts.native_id == "native-2"
    assert system([cleared]) == [("cleared", {"from": "native-1", "to": "native-2"})]
    assert context == RunFacts(context=ContextUse(tokens=0, window=200_000))


def test_a_server_that_failed_is_told_once() -> None:
    known = Known("/work")
    assert system(known.servers_failed({"a": "ENOENT"})) == [("mcp_server_failed", {"name": "a", "error": "ENOENT"})]
    states = [("a", "failed"), ("b", "connected"), ("c", "needs-auth"), ("d", "pending")]
    servers = tuple(ServerState(name=name, status=status) for name, status in states)
    assert [data["name"] for _, data in system(known.introduced(init(mcp_servers=servers)))] == ["c"]
    assert known.introduced(init(mcp_servers=servers)) == []


def test_the_context_is_what_the_last_call_held() -> None:
    known = Known("/work")
    known.introduced(init())
    known.called(CALL)
    assert known.answered(90) == [RunFacts(context=ContextUse(tokens=3300, window=200_000))]
    assert known.answered(90) == []
    assert known.ended(result(opus=200_000)) == []
    assert known.ended(result(opus=500_000)) == [RunFacts(context=ContextUse(tokens=3300, window=500_000))]
    assert known.compacted(None) == []
    assert known.compacted(700) == [RunFacts(context=ContextUse(tokens=700, window=500_000))]


def test_the_window_is_known_before_a_turn_is_over() -> None:
    known = Known("/work")
    known.introduced(init(model="opus[1m]"))
    known.called(CALL)
    assert known.answered(1) == [RunFacts(context=ContextUse(tokens=3211, window=1_000_000))]


def test_a_call_that_did_not_stream_counts_at_the_end_of_its_turn() -> None:
    known = Known("/work")
    known.introduced(init())
    assert known.ended(result()) == []
    known.called(CALL)
    assert known.ended(result(opus=None)) == [RunFacts(context=ContextUse(tokens=3211, window=200_000))]
