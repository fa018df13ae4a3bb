"""The checker finds what it is there for: each rule broken once, in a turn that is otherwise sound."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from .invariants import check
from .watch import Json, Note, Watch

TIME = "2026-11-23T01:00:00.000Z"
AUTHOR = {"connectionId": "con_1", "client": "raw"}
APPROVAL = {
    "approvalId": "apr_1",
    "sessionId": "ses_1",
    "turn": 1,
    "kind": "permission",
    "title": "touch",
    "toolUseId": "toolu_1",
    "options": [{"optionId": "allow", "name": "Allow", "kind": "allow_once"}],
    "createdAt": TIME,
    "status": "open",
}
TOKENS = {"inputTokens": 1, "outputTokens": 1, "cacheReadTokens": 0, "cacheWriteTokens": 0}


def _sound() -> list[tuple[str, Json]]:
    """A turn with a tool, an approval, a text of two deltas."""
    seq = iter(range(1, 100))

    def event(event_type: str, turn: int | None, content: str = "", /, **metadata: Any) -> tuple[str, Json]:
        params = {
            "sessionId": "ses_1",
            "seq": next(seq),
            "eventType": event_type,
            "content": content,
            "metadata": metadata,
            "timestamp": TIME,
            "turn": turn,
            "provider": "claude",
        }
        return "session/event", params

    def delta(offset: int, text: str) -> tuple[str, Json]:
        params = {"sessionId": "ses_1", "turn": 1, "itemId": "i1", "afterSeq": 7, "kind": "text"}
        return "session/delta", {**params, "offset": offset, "text": text}

    return [
        ("session/caughtUp", {"sessionId": "ses_1", "head": 0, "openItems": [], "approvals": []}),
        event("user", 1, "go", promptId="prm_1", disposition="started", by=AUTHOR),
        event("turn_started", 1, promptId="prm_1", origin="prompt"),
        event("status_change", 1, **{"from": "idle", "to": "active"}),
        event("tool_use", 1, "touch", toolUseId="toolu_1", name="Bash", kind="execute", input={}),
        event("approval_requested", 1, "touch", **APPROVAL),
        event("approval_resolved", 1, "allowed", **{**APPROVAL, "status": "resolved"}),
        event("tool_result", 1, "", toolUseId="toolu_1", isError=False),
        delta(0, "Hé"),
        delta(2, "llo"),
        event("assistant", 1, "Héllo", itemId="i1"),
        event("usage", 1, "", model="m", costUsd=0.1, **TOKENS),
        event("turn_ended", 1, "completed", reason="completed", durationMs=3),
        event("status_change", None, **{"from": "active", "to": "idle"}),
    ]


def _watch(notes: list[tuple[str, Json]]) -> Watch:
    watch = Watch("ses_1", "start")
    for method, params in notes:
        watch.add(Note(method, params, "", 0.0))
    return watch


def _set(index: int, **params: Any) -> Callable[[list[tuple[str, Json]]], None]:
    return lambda notes: notes[index][1].update(params)


def _metadata(index: int, **metadata: Any) -> Callable[[list[tuple[str, Json]]], None]:
    return lambda notes: notes[index][1]["metadata"].update(metadata)


def _swap(one: int, other: int) -> Callable[[list[tuple[str, Json]]], None]:
    """Changes the places of two events, which keep the numbers of their places."""

    def swap(notes: list[tuple[str, Json]]) -> None:
        notes[one], notes[other] = notes[other], notes[one]
        notes[one][1]["seq"], notes[other][1]["seq"] = notes[other][1]["seq"], notes[one][1]["seq"]

    return swap


def _fail_over(notes: list[tuple[str, Json]], left: str, to: str) -> None:
    """In the place of the text; twice, if it leads nowhere."""
    carried = {"turns": 0, "characters": 0, "truncated": False}
    metadata = {"from": left, "to": to, "cause": "overloaded", "carried": carried}
    for index in (10, 11):
        notes[index][1].update(eventType="failover", provider=to, metadata=metadata)


def test_a_sound_turn_passes() -> None:
    check(_watch(_sound()))


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (_set(4, seq=9), "gap or a repeat"),
        (lambda notes: notes.pop(0), "no caughtUp"),
        (_set(0, head=3), "the head is 3"),
        (lambda notes: notes.pop(8), "offset 2, but 0"),
        (lambda notes: notes.pop(9), "add up to 'Hé'"),
        (_set(9, text="LLO"), "add up to 'HéLLO'"),
        (_set(8, afterSeq=50), "overtook"),
        (lambda notes: notes.insert(11, notes[9]), "which is closed"),
        (lambda notes: notes.insert(9, ("session/itemVoided", {"itemId": "i2"})), "was not open"),
        (lambda notes: notes.insert(10, ("session/itemVoided", {"itemId": "i1"})), "was voided"),
        (_swap(4, 5), "before its tool_use"),
        (_swap(6, 7), "while its approval is open"),
        (_metadata(7, toolUseId="toolu_9"), "not used in this turn"),
        (_set(11, eventType="system", metadata={"subtype": "x"}), "0 usages"),
        (_set(2, turn=2), "out of order"),
        (_set(13, turn=1), "followed by status_change of turn 1"),
        (_swap(11, 12), "followed by usage"),
        (_set(12, eventType="system", metadata={"subtype": "x"}), "has not ended"),
        (_metadata(13, **{"from": "idle"}), "the status was active"),
        (_metadata(13, to="asleep"), "unknown status"),
        (_metadata(12, reason="failed"), "does not say why"),
        (_metadata(10, item_id="i1"), "item_id is not in the table"),
        (_set(10, metadata={}), "itemId is missing"),
        (_set(10, provider="opencode"), "opencode while at claude"),
        (lambda notes: _fail_over(notes, "opencode", "claude"), "but the session was at claude"),
        (lambda notes: _fail_over(notes, "claude", "claude"), "is tried again"),
        (_set(10, timestamp="2026-11-23 01:00:00"), "timestamp is"),
    ],
)
def test_a_broken_rule_is_found(spoil: Callable[[list[tuple[str, Json]]], object], fault: str) -> None:
    notes = _sound()
    spoil(notes)
    with pytest.raises(AssertionError) as found:
        check(_watch(notes))
    assert fault in str(found.value)
