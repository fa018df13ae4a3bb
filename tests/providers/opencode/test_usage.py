from __future__ import annotations

from jelmored.domain.events import UsageNote
from jelmored.providers.opencode.messages import CacheTokens, Tokens
from jelmored.providers.opencode.usage import Ledger

STEP = Tokens(input=10, output=4, reasoning=2, cache=CacheTokens(read=7, write=3))


def test_each_step_counts_once() -> None:
    ledger = Ledger()
    ledger.enter("msg_1", STEP, 0.5)
    ledger.enter("msg_1", STEP, 0.5)
    ledger.enter("msg_2", STEP, 0.25)
    assert ledger.note("fake/m") == UsageNote(
        model="fake/m",
        input_tokens=20,
        output_tokens=12,
        cache_read_tokens=14,
        cache_write_tokens=6,
        cost_usd=0.75,
    )


def test_a_message_that_says_nothing_takes_nothing_back() -> None:
    ledger = Ledger()
    ledger.enter("msg_1", STEP, 0.5)
    ledger.enter("msg_1", Tokens(), 0.0)
    assert ledger.note(None).cost_usd == 0.5


def test_a_turn_begins_with_nothing() -> None:
    ledger = Ledger()
    ledger.enter("msg_1", STEP, 0.5)
    ledger.close()
    assert ledger.note(None) == UsageNote(
        model="unknown", input_tokens=0, output_tokens=0, cache_read_tokens=0, cache_write_tokens=0, cost_usd=0
    )
