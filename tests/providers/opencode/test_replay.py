"""Everything that the real server was heard to say goes through decoder and normaliser, and means what it should."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jelmored.domain.events import DeltaKind, Draft, EventType, Said, System, ToolResult, ToolUse
from jelmored.domain.ids import PromptId
from jelmored.providers.base import Asked, Delta, ItemVoided, RunEvent, TurnOver, Withdrawn
from jelmored.providers.opencode.messages import ServerEvent, StatusChanged, Unknown, read_event, read_messages
from jelmored.providers.opencode.normaliser import Normaliser
from jelmored.wire.codec import encode
from jelmored.wire.sse import SseDecoder
from tests.providers.goldens import as_golden
from tests.wire.test_lines import cut, places

from .replay import ABORTED, CAPTURES, ENDLESS, HERE, Replay, data, events, golden, replay, roots
from .server import Server

every_capture = pytest.mark.parametrize("name", CAPTURES)
every_conversation = pytest.mark.parametrize("name", sorted(set(CAPTURES) - {"variants_events"}))
"""`variants_events` has what no session of ours does: ids of one's own, messages without an answer, a user's shell."""


@every_capture
def test_nothing_of_a_capture_is_unknown(name: str) -> None:
    assert not [event for event in events(name) if isinstance(event, Unknown)]
    assert not [e for e in replay(name) if isinstance(e, Draft) and _subtype(e) == "unknown"]


@every_capture
def test_deltas_add_up_to_the_text_that_closes_them(name: str) -> None:
    open_items: dict[str, str] = {}
    for event in replay(name):
        match event:
            case Delta(item_id=item_id, kind=kind, text=text) if kind is not DeltaKind.TOOL_OUTPUT:
                open_items[item_id] = open_items.get(item_id, "") + text
            case ItemVoided(item_id=item_id):
                del open_items[item_id]
            case Draft(content=content, metadata=Said(item_id=item_id)):
                assert open_items.pop(item_id, content) == content
    assert not open_items or name in ENDLESS


@every_capture
def test_each_tool_is_used_once_and_has_one_result_and_what_it_told_is_in_it(name: str) -> None:
    output: dict[str, str] = {}
    used: list[str] = []
    for event in replay(name):
        match event:
            case Delta(item_id=item_id, kind=DeltaKind.TOOL_OUTPUT, text=text):
                assert item_id in used
                output[item_id] = output.get(item_id, "") + text
            case Draft(metadata=ToolUse(tool_use_id=tool_use_id)):
                assert tool_use_id not in used
                used.append(tool_use_id)
            case Draft(content=content, metadata=ToolResult(tool_use_id=tool_use_id)):
                used.remove(tool_use_id)
                assert content.startswith(output.pop(tool_use_id, ""))
    assert not used


@every_capture
def test_a_request_is_of_a_tool_that_was_told_and_is_withdrawn_when_nobody_waits(name: str) -> None:
    used: set[str] = set()
    open_requests: set[str] = set()
    for event in replay(name):
        match event:
            case Draft(metadata=ToolUse(tool_use_id=tool_use_id)):
                used.add(tool_use_id)
            case Asked(request=request):
                assert request.tool_use_id in used
                open_requests.add(request.request_id)
            case Withdrawn(request_id=request_id):
                open_requests.remove(request_id)
            case TurnOver():
                assert not open_requests


@every_conversation
def test_a_prompt_has_one_end(name: str) -> None:
    for root in roots(events(name)):
        lived = Replay(root, events(name), is_aborted=name in ABORTED)
        ends = [event for event in lived.run() if isinstance(event, TurnOver)]
        assert len(ends) == lived.prompts - (name in ENDLESS)


@every_conversation
def test_the_usage_of_the_turns_is_that_of_all_messages(name: str) -> None:
    if name in ENDLESS:
        return
    server = Server()
    for event in events(name):
        server.hear(event)
    steps = [message.info for session_id in server.sessions for message in server.messages(session_id)]
    usage = [event.usage for event in replay(name) if isinstance(event, TurnOver) and event.usage]
    assert sum(note.cost_usd for note in usage) == pytest.approx(sum(step.cost for step in steps))
    assert sum(note.input_tokens for note in usage) == sum(step.tokens.input for step in steps)


@every_capture
def test_every_draft_can_be_written(name: str) -> None:
    for event in replay(name):
        if isinstance(event, Draft):
            assert encode(event.metadata)


@every_capture
def test_golden_list(name: str) -> None:
    assert as_golden(replay(name)) == golden(name).read_text()


@pytest.mark.parametrize("path", sorted((HERE / "captures").glob("*_messages.json")), ids=lambda path: path.stem)
def test_the_list_of_messages_is_what_the_events_told(path: object) -> None:
    """So the server that the tests work out of a stream lists what the real one does."""
    name = str(getattr(path, "stem", "")).removesuffix("_messages")
    if name not in CAPTURES:
        return
    server = Server()
    for event in events(name):
        server.hear(event)
    told = {part.id for message in server.messages(next(iter(server.sessions))) for part in message.parts}
    listed = read_messages((HERE / "captures" / f"{name}_messages.json").read_bytes())
    assert {part.id for message in listed for part in message.parts} == told


@given(st.sampled_from(sorted(CAPTURES)), places)
def test_the_stream_may_come_in_any_chunks(name: str, where: list[int]) -> None:
    stream = b"".join(b"data: " + event + b"\n\n" for event in data(name))
    decoder = SseDecoder()
    decoded = [read_event(event) for chunk in cut(stream, where) for event in decoder.feed(chunk)]
    assert decoded == events(name)


@given(st.sampled_from(sorted(CAPTURES)), st.randoms(use_true_random=False), st.lists(st.integers(0, 60), max_size=4))
def test_in_any_order_nothing_raises_and_each_item_is_closed_once(name: str, chance: Random, ends: list[int]) -> None:
    told = events(name)
    [root, *_] = roots(told)
    server = Server()
    for event in told:
        server.hear(event)
    chance.shuffle(told)
    normaliser = Normaliser(root, "/home/user/project")
    normaliser.prompted(PromptId("one"))
    found: list[RunEvent] = []
    for place, event in enumerate(told):
        found += normaliser.take([event])
        if place in ends:
            found += normaliser.reconciled(server.messages(root), True, server.permissions, server.questions)
    found += normaliser.settled(server.messages(root))
    closed = Counter(
        event.metadata.item_id for event in found if isinstance(event, Draft) and isinstance(event.metadata, Said)
    )
    results = Counter(
        e.metadata.tool_use_id for e in found if isinstance(e, Draft) and isinstance(e.metadata, ToolResult)
    )
    assert set((closed + results).values()) <= {1}
    assert sum(isinstance(event, TurnOver) for event in found) == 1


LOSSY = sorted(set(CAPTURES) - set(ENDLESS) - {"variants_events"})
RETRIED = ("error_cut_mid", "error_error_chunk")
"""Aborted while the server waited for another try: only its status says that the last one is void."""


@pytest.mark.parametrize("name", LOSSY)
def test_after_any_loss_of_the_stream_the_same_is_closed(name: str) -> None:
    """At each place of the stream, for one event and for more: the closing events are those of a stream without loss,
    but for notes that no list keeps."""
    told = events(name)
    [root] = roots(told)
    whole = _closing(replay(name))
    for length in (1, 5, 40):
        for start in range(0, len(told), max(1, length // 2)):
            lost = range(start, min(start + length, len(told)))
            if name in RETRIED and any(is_retry(told[place]) for place in lost):
                continue
            found = Replay(root, told, is_aborted=name in ABORTED, lost=lost).run()
            assert _closing(found) == whole, lost


def is_retry(event: ServerEvent) -> bool:
    return isinstance(event, StatusChanged) and event.status.type == "retry"


def _closing(found: Sequence[RunEvent]) -> Counter[str]:
    """What a person is left with; in which order subagents come in between is by chance."""
    kept = [event for event in found if isinstance(event, TurnOver) or _is_kept(event)]
    return Counter(repr(event) for event in kept)


def _is_kept(event: RunEvent) -> bool:
    return isinstance(event, Draft) and event.event_type in (
        EventType.ASSISTANT,
        EventType.THINKING,
        EventType.TOOL_USE,
        EventType.TOOL_RESULT,
    )


def _subtype(draft: Draft) -> str | None:
    return draft.metadata.subtype if isinstance(draft.metadata, System) else None
