"""`providers`, `models`: who can answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from jelmored.client.exits import Exit
from jelmored.client.shell import Shell
from jelmored.client.terminal.amounts import brief, money
from jelmored.client.terminal.spans import Look, Span
from jelmored.client.terminal.tables import table
from jelmored.client.terminal.text import one_line
from jelmored.domain.models import BreakerState, Health, ModelInfo, ProviderView, QuotaWindow
from jelmored.domain.times import utc_now

PROVIDERS = ("PROVIDER", "HEALTH", "RUNS", "VERSION", "TURNS", "FAILED", "COST")
MODELS = ("MODEL", "PROVIDER", "CONTEXT", "IN", "OUT")
LOOKS = {Health.HEALTHY: Look.GOOD, Health.DISABLED: Look.DIM}
NEARLY = 80  # percent of a quota


async def providers(shell: Shell, *, check: bool) -> Exit:
    """The configured ones; with `check` each is looked at now, free of charge."""
    async with shell.client() as client:
        views = await client.providers()
        if check:
            enabled = [view.name for view in views if view.health is not Health.DISABLED]
            checked = {name: await client.check_provider(name) for name in enabled}
            views = tuple(checked.get(view.name, view) for view in views)
    if shell.json:
        shell.give({"providers": views})
    else:
        shell.paint(list(_spans(views, shell.columns)))
    return Exit.OK


async def models(shell: Shell, *, provider: str | None) -> Exit:
    """The models on offer; prices in USD for a million tokens."""
    async with shell.client() as client:
        infos = await client.models(provider)
    if shell.json:
        shell.give({"models": infos})
    else:
        shell.say(table(MODELS, [_model(info) for info in infos], shell.columns))
    return Exit.OK


def _spans(views: Sequence[ProviderView], columns: int | None) -> Iterator[Span]:
    """A row for each, and under it what a person should know of it."""
    head, *rows = table(PROVIDERS, [_provider(view) for view in views], columns).splitlines()
    yield Span(f"{head}\n", Look.DIM)
    for view, row in zip(views, rows, strict=True):
        yield from _coloured(row, view.health)
        for words, look in _remarks(view, utc_now()):
            yield Span(f"  {one_line(words)}\n", look)


def _coloured(row: str, health: Health) -> Iterator[Span]:
    before, word, after = row.partition(f"  {health.value}")
    yield from (Span(before), Span(word, LOOKS.get(health, Look.BAD)), Span(f"{after}\n"))


def _remarks(view: ProviderView, now: datetime) -> Iterator[tuple[str, Look]]:
    if view.reason:
        yield view.reason, Look.DIM if view.health is Health.DISABLED else Look.BAD
    if view.remedy:
        yield f"→ {view.remedy}", Look.PLAIN
    if view.cooling_until and view.cooling_until > now:
        yield f"rests for {brief((view.cooling_until - now).total_seconds())} more", Look.ASKS
    if view.breaker is not BreakerState.CLOSED:
        yield "failed too often: it is tried again in a while", Look.ASKS
    if view.draining:
        yield "takes no new turns", Look.ASKS
    for window in view.quota:
        full = window.used_percent is not None and window.used_percent >= NEARLY
        yield _quota(window, now), Look.ASKS if full else Look.DIM


def _quota(window: QuotaWindow, now: datetime) -> str:
    used = "" if window.used_percent is None else f" {window.used_percent:.0f} % used"
    new = f", new in {brief((window.resets_at - now).total_seconds())}" if window.resets_at else ""
    return f"quota {window.window}:{used}{new}".replace(":,", ":")


def _provider(view: ProviderView) -> tuple[str, ...]:
    runs, counters = f"{view.runs.active}/{view.runs.max}", view.counters
    cost = money(counters.cost_usd)
    return view.name, view.health.value, runs, view.version or "", str(counters.turns), str(counters.failures), cost


def _model(info: ModelInfo) -> tuple[str, ...]:
    prices = info.prices
    costs = (f"${prices.input_per_m_tok:g}", f"${prices.output_per_m_tok:g}") if prices else ("", "")
    return info.name, info.provider, f"{info.context_length:,}", *costs
