from __future__ import annotations

from functools import reduce
from operator import add

from hypothesis import given
from hypothesis import strategies as st

from jelmored.domain.events import UsageNote
from jelmored.domain.usage import MAX_COUNT, MAX_USD, Usage, usage_of

tokens = st.integers(0, 10**12)
usages = st.builds(
    Usage,
    input_tokens=tokens,
    output_tokens=tokens,
    cache_read_tokens=tokens,
    cache_write_tokens=tokens,
    cost_usd=st.integers(0, 10**6).map(lambda micro: micro / 10**6),
    notional=st.booleans(),
)


@given(usages)
def test_nothing_adds_nothing(usage: Usage) -> None:
    assert Usage() + usage == usage + Usage() == usage


@given(st.lists(usages, max_size=50))
def test_a_sum_is_exact_in_any_order(taken: list[Usage]) -> None:
    there, back = reduce(add, taken, Usage()), reduce(add, reversed(taken), Usage())
    assert there == back
    assert there.input_tokens == sum(one.input_tokens for one in taken)
    assert round(there.cost_usd * 10**6) == sum(round(one.cost_usd * 10**6) for one in taken)


def test_many_cents_are_dollars() -> None:
    assert reduce(add, [Usage(cost_usd=0.1)] * 10).cost_usd == 1.0


def test_what_a_subscription_pays_stays_marked() -> None:
    assert (Usage(cost_usd=1) + Usage(cost_usd=1, notional=True)).notional


def test_what_is_billed_is_what_no_subscription_pays() -> None:
    both = Usage(cost_usd=1.0) + Usage(cost_usd=2.0, notional=True, notional_usd=2.0)
    assert (both.billed_usd, both.notional_usd) == (1.0, 2.0)
    assert Usage(cost_usd=3.0, notional=True).billed_usd == 0.0


def test_what_an_agent_counts_wrongly_does_not_overflow_the_sums() -> None:
    note = UsageNote(
        model="m", input_tokens=2**70, output_tokens=-5, cache_read_tokens=1, cache_write_tokens=0, cost_usd=1e308
    )
    assert usage_of(note) == Usage(input_tokens=MAX_COUNT, cache_read_tokens=1, cost_usd=MAX_USD)
    twice = usage_of(note) + usage_of(note)
    assert twice.input_tokens == MAX_COUNT
    assert twice.plausible
