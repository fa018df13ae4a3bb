from __future__ import annotations

from jelmored.domain.events import UsageNote
from jelmored.providers.claude.control import ModelUsage, ReplyBody, SessionCost
from jelmored.providers.claude.messages import Result
from jelmored.providers.claude.usage import Ledger


def totals(cost: float, **models: tuple[int, int]) -> Result:
    used = {name: ModelUsage(input_tokens=sent, output_tokens=got) for name, (sent, got) in models.items()}
    return Result(subtype="success", is_error=False, total_cost_usd=cost, model_usage=used)


def note(sent: int, got: int, cost: float, *, notional: bool | None = None) -> UsageNote:
    return UsageNote(
        model="m",
        input_tokens=sent,
        output_tokens=got,
        cache_read_tokens=0,
        cache_write_tokens=0,
        cost_usd=cost,
        notional=notional,
    )


def test_a_turn_took_what_is_new() -> None:
    ledger = Ledger()
    ledger.enter(totals(0.1, m=(10, 1)))
    assert ledger.settle("m") == note(10, 1, 0.1)
    ledger.enter(totals(0.3, m=(20, 3), helper=(5, 5)))
    assert ledger.settle("m") == note(15, 7, 0.2)


def test_a_turn_that_asked_no_model_took_nothing() -> None:
    ledger = Ledger()
    assert ledger.settle("m") == note(0, 0, 0.0)
    ledger.enter(totals(0.1, m=(10, 1)))
    ledger.settle("m")
    ledger.enter(totals(0.1, m=(10, 1)))
    assert ledger.settle("m") == note(0, 0, 0.0)


def test_figures_that_go_back_are_not_paid_back() -> None:
    ledger = Ledger()
    ledger.enter(totals(0.1, m=(10, 1)))
    ledger.settle("m")
    ledger.enter(totals(0.0, m=(0, 5)))
    assert ledger.settle("m") == note(0, 4, 0.0)


def test_what_a_subscription_pays_is_notional() -> None:
    ledger = Ledger(notional=True)
    ledger.enter(totals(0.1, m=(10, 1)))
    assert ledger.settle("m") == note(10, 1, 0.1, notional=True)


def test_between_two_results_it_is_known_what_the_turn_has_taken_so_far() -> None:
    ledger = Ledger()
    ledger.enter(totals(0.1, m=(10, 1)))
    ledger.settle("m")
    told = SessionCost(total_cost_usd=0.3, model_usage={"m": ModelUsage(input_tokens=30, output_tokens=3)})
    for _ in range(2):
        assert ledger.learn(ReplyBody(session=told))
        assert ledger.so_far("m") == note(20, 2, 0.2)
    ledger.enter(totals(0.4, m=(40, 4)))
    assert ledger.settle("m") == note(30, 3, 0.3)


def test_a_cost_in_words_is_taken_and_other_words_are_not() -> None:
    ledger = Ledger(notional=True)
    assert ledger.learn(ReplyBody(text="Total cost:            $12.34\nTotal duration (API):  0s"))
    assert ledger.so_far("m") == note(0, 0, 12.34, notional=True)
    assert not ledger.learn(ReplyBody(text="Your subscription pays."))
    assert not ledger.learn(ReplyBody())
