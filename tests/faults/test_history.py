"""The checker finds what is planted, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from .history import History

ONE = "ses_1"


def frame(seq: int, kind: str = "assistant", **metadata: Any) -> str:
    params = {"sessionId": ONE, "seq": seq, "eventType": kind, "content": f"number {seq}", "metadata": metadata}
    return json.dumps({"jsonrpc": "2.0", "method": "session/event", "params": params})


LOG = [frame(1, "user", promptId="prm_1"), *(frame(seq) for seq in range(2, 6)), frame(6, "user", promptId="prm_2")]


def told() -> History:
    """A client heard all but the last event, some of it twice, and two prompts were acknowledged."""
    history = History()
    history.created(ONE)
    for event in (*LOG[:3], *LOG[1:5]):
        history.heard(ONE, event)
    for number in (1, 2, 2):
        history.acknowledged(ONE, f"key {number}", {"promptId": f"prm_{number}"})
    return history


def test_what_is_sound_has_no_faults() -> None:
    history = told()
    assert (history.last(ONE), history.events, history.last("ses_2")) == (5, 5, 0)
    assert history.faults({ONE: LOG}) == []
    assert history.faults({ONE: [*LOG, frame(7)]}) == [], "more than was told is no fault"


@pytest.mark.parametrize(
    ("log", "fault"),
    [
        (LOG[:4], "event 5 was told and is lost"),
        ([*LOG[:2], *LOG[3:]], "seq 4 where 3 should be"),
        ([*LOG[:3], *LOG[2:]], "seq 3 where 4 should be"),
        ([LOG[1], LOG[0], *LOG[2:]], "seq 2 where 1 should be"),
        ([*LOG[:2], frame(3, text="x"), *LOG[3:]], "event 3 is another one"),
        (LOG[:5], "the prompt of key 2 was acknowledged and is there 0 times"),
        ([*LOG, frame(7, "user", promptId="prm_2")], "the prompt of key 2 was acknowledged and is there 2 times"),
    ],
)
def test_what_is_planted_in_a_log_is_found(log: list[str], fault: str) -> None:
    assert any(fault in found for found in told().faults({ONE: log})), told().faults({ONE: log})


@pytest.mark.parametrize(
    ("plant", "fault"),
    [
        (lambda history: history.heard(ONE, frame(2, text="x")), "event 2 was told as two different ones"),
        (lambda history: history.acknowledged(ONE, "key 1", {"promptId": "prm_9"}), "requestKey key 1 was answered by"),
        (lambda history: history.created("ses_2"), "ses_2 was acknowledged and is not there"),
    ],
)
def test_what_is_planted_in_what_was_told_is_found(plant: Callable[[History], None], fault: str) -> None:
    history = told()
    plant(history)
    (found,) = history.faults({ONE: LOG})
    assert fault in found


def test_what_was_to_be_deleted_may_be_gone() -> None:
    history = told()
    history.removed(ONE)
    assert history.faults({}) == []
