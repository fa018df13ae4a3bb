"""Everything that the real CLI was heard to say goes through the normaliser, and means what it should."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest

from jelmored.domain.events import Draft, EventType, Said, System, TurnReason
from jelmored.providers.base import Delta, ItemVoided, RunEvent, TurnBegan, TurnOver
from jelmored.providers.claude.messages import Unknown
from jelmored.providers.claude.normaliser import Normaliser
from jelmored.providers.claude.reading import load, read
from jelmored.wire.codec import encode
from tests.providers.goldens import as_golden

from .replay import CAPTURES, GOLDEN, golden, output, replay

pytestmark = pytest.mark.parametrize("name", CAPTURES)


def test_nothing_of_a_capture_is_unknown(name: str) -> None:
    assert not [line for line in output(name) if isinstance(read(load(line)), Unknown)]
    assert not [e for e in replay(name) if isinstance(e, Draft) and _subtype(e) == "unknown"]


def test_each_item_of_a_completed_turn_is_closed_or_voided_and_its_deltas_add_up(name: str) -> None:
    open_items: dict[str, str] = {}
    for event in replay(name):
        match event:
            case Delta(item_id=item_id, text=text):
                open_items[item_id] = open_items.get(item_id, "") + text
            case ItemVoided(item_id=item_id):
                del open_items[item_id]
            case Draft(content=content, metadata=Said(item_id=item_id)) if item_id in open_items:
                assert open_items.pop(item_id) == content
            case TurnOver(reason=reason):
                assert not open_items or reason is not TurnReason.COMPLETED  # else the session closes them
                open_items.clear()


def test_turns_begin_and_end_one_after_the_other(name: str) -> None:
    """A prompt begins one silently, so only what the agent begins by itself shows: never two in a row."""
    marks = [type(event) for event in replay(name) if isinstance(event, TurnBegan | TurnOver)]
    assert (TurnBegan, TurnBegan) not in itertools.pairwise(marks)
    assert not marks or marks[-1] is TurnOver


def test_the_usage_of_all_turns_is_that_of_the_process(name: str) -> None:
    results = [found for line in output(name) if isinstance(found := load(line), dict) and found["type"] == "result"]
    usage = [event.usage for event in replay(name) if isinstance(event, TurnOver) and event.usage]
    if not results or not usage:
        assert not usage
        return
    last = results[-1]
    assert sum(note.cost_usd for note in usage) == pytest.approx(last["total_cost_usd"])
    spent = sum(model["inputTokens"] + model["outputTokens"] for model in last["modelUsage"].values())
    assert sum(note.input_tokens + note.output_tokens for note in usage) == spent


def test_events_do_not_depend_on_how_the_lines_come(name: str) -> None:
    one_by_one, at_once = Normaliser("/home/user/project"), Normaliser("/home/user/project")
    found: list[RunEvent] = [event for line in output(name) for event in one_by_one.feed([line])]
    assert _timeless(found) == _timeless(at_once.feed(output(name)))


def test_every_draft_can_be_written(name: str) -> None:
    for event in replay(name):
        if isinstance(event, Draft):
            assert encode(event.metadata)


def test_golden_list(name: str) -> None:
    if name in GOLDEN:
        assert as_golden(replay(name)) == golden(name).read_text()


def _timeless(events: Sequence[RunEvent]) -> list[RunEvent]:
    return [event for event in events if not (isinstance(event, Draft) and event.event_type is EventType.ERROR)]


def _subtype(draft: Draft) -> str | None:
    return draft.metadata.subtype if isinstance(draft.metadata, System) else None
