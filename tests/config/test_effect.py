"""The table of when a change counts, and what of new settings is taken."""

from __future__ import annotations

import attrs
import pytest

from jelmored.config.effect import Counts, counts, taken
from jelmored.config.providers import ClaudeSettings, DemoSettings, OpencodeSettings
from jelmored.config.settings import (
    BudgetSettings,
    FailoverSettings,
    JournalSettings,
    ProviderEntry,
    Return,
    Settings,
    Synchronous,
    built_in,
)
from jelmored.config.sources import Configuration
from jelmored.domain.ids import ProviderName

CLAUDE, OPENCODE, DEMO, WORK = (ProviderName(name) for name in ("claude", "opencode", "demo", "work"))


def _with(**entries: ProviderEntry) -> Settings:
    return Settings(providers={**built_in(), **{ProviderName(name): entry for name, entry in entries.items()}})


def test_every_key_of_the_table_is_one() -> None:
    from jelmored.config import effect

    known = set(Configuration().entries())
    assert {key for key in effect._DAEMON if key not in known} == set()
    for type_, fields in effect._OF_TYPE.items():
        assert {field for field in (*effect._PROVIDER, *fields) if ("providers", type_, field) not in known} == set()


def test_what_the_table_does_not_know_counts_with_a_new_start() -> None:
    assert counts(("providers", "x", "own_key"), "plug-in") is Counts.RESTART
    assert counts(("providers", "x", "enabled"), "plug-in") is Counts.LIVE
    assert counts(("providers", "x", "type"), "claude") is Counts.RESTART
    assert counts(("new",)) is Counts.RESTART


def test_of_tables_each_key_is_taken_or_kept_by_itself() -> None:
    old = Settings()
    new = Settings(
        journal=JournalSettings(synchronous=Synchronous.NORMAL, retention_days=3),
        budget=BudgetSettings(per_day_usd=5),
        failover=FailoverSettings(return_=Return.NEXT_TURN),
    )

    assert taken(old, new) == attrs.evolve(new, journal=JournalSettings(retention_days=3))


def test_of_providers_too() -> None:
    old = _with()
    new = _with(
        opencode=ProviderEntry(settings=OpencodeSettings(max_turns=3, api_key="x", enabled=False), named=True),
        claude=ProviderEntry(settings=ClaudeSettings(environment={"A": "1"})),
    )

    got = taken(old, new).providers
    assert got[OPENCODE] == ProviderEntry(settings=OpencodeSettings(max_turns=3, enabled=False), named=True)
    assert got[CLAUDE] == new.providers[CLAUDE]


def test_a_provider_that_comes_goes_or_is_of_another_type_does_so_with_a_new_start() -> None:
    old = _with(work=ProviderEntry(settings=ClaudeSettings(), named=True))
    new = _with(
        more=ProviderEntry(settings=ClaudeSettings(), named=True),
        demo=ProviderEntry(settings=ClaudeSettings(), named=True),
    )

    assert taken(old, new).providers == old.providers
    assert taken(old, attrs.evolve(new, default_provider=ProviderName("more"))).default_provider == CLAUDE
    assert taken(old, attrs.evolve(new, default_provider=WORK)).default_provider == WORK
    assert isinstance(taken(old, new).providers[DEMO].settings, DemoSettings)


@pytest.mark.parametrize("settings", [Settings(), Settings(max_total_sessions=1)])
def test_what_is_the_same_stays_the_same(settings: Settings) -> None:
    assert taken(settings, settings) == settings
