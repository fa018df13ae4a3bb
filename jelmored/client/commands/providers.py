"""`providers`, `models`: who can answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from jelmored.client.errors import Misused
from jelmored.client.exits import Exit
from jelmored.client.shell import Shell
from jelmored.client.terminal.amounts import brief, money
from jelmored.client.terminal.spans import Look, Span
from jelmored.client.terminal.tables import table
from jelmored.client.terminal.text import one_line
from jelmored.domain.models import BreakerState, Health, ModelInfo, ProviderView, QuotaWindow
from jelmored.domain.requirements import Requirements
from jelmored.domain.times import utc_now
from jelmored.wire.messages import RankedProvider

PROVIDERS = ("PROVIDER", "HEALTH", "PLACES", "LATENCY", "VERSION", "TURNS", "FAILED", "COST")
LOOKS = {Health.HEALTHY: Look.GOOD, Health.DISABLED: Look.DIM, Health.DEGRADED: Look.ASKS, Health.OFFLINE: Look.ASKS}
RANKED = ("", "PROVIDER", "MODEL", "WHY")
MODELS = ("MODEL", "PROVIDER", "CONTEXT", "IN", "OUT", "CAN", "ALSO CALLED")
NEARLY = 80  # percent of a quota
BAR = 10  # columns


async def providers(shell: Shell, *, check: bool, wanted: Requirements | None) -> Exit:
    """The configured ones. `check`: each is looked at now, free of charge. `wanted`: as they would be chosen for it."""
    if wanted is not None:
        return await _ranked(shell, wanted)
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


async def govern(shell: Shell, *, verb: str, provider: str, check: bool, wanted: Requirements | None) -> Exit:
    """`restart`, `drain` or `undrain` one, and show how it is then; with `check` it is looked at after that."""
    if wanted is not None:
        raise Misused(f"--for shows who would be chosen; it does not go with {verb}")
    async with shell.client() as client:
        verbs = {
            "restart": client.restart_provider,
            "drain": client.drain_provider,
            "undrain": client.undrain_provider,
        }
        view = await verbs[verb](provider)
        if check:
            view = await client.check_provider(provider)
    if shell.json:
        shell.give(view)
    else:
        shell.paint(list(_spans([view], shell.columns)))
    return Exit.OK


async def _ranked(shell: Shell, wanted: Requirements) -> Exit:
    async with shell.client() as client:
        ranking = await client.rank_providers(wanted)
    if shell.json:
        shell.give({"ranking": ranking})
    else:
        shell.say(table(RANKED, list(map(_rank, ranking)), shell.columns))
    return Exit.OK if any(one.accepted for one in ranking) else Exit.REFUSED


def _rank(one: RankedProvider) -> tuple[str, ...]:
    return "✓" if one.accepted else "✗", one.provider, one.model or "", "; ".join(one.reasons)


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
    """What is the matter, what to do about it, and until when it lasts if time will heal it."""
    look = LOOKS.get(view.health, Look.BAD)
    if view.reason:
        yield view.reason, Look.DIM if look is Look.GOOD else look
    if view.remedy:
        yield f"→ {view.remedy}", Look.PLAIN
    if view.cooling_until and view.cooling_until > now:
        yield f"cooling until {_moment(view.cooling_until, now)}", Look.ASKS
    if view.breaker is BreakerState.OPEN:
        until = f" until {_moment(view.open_until, now)}" if view.open_until else ""
        yield f"breaker open{until}", Look.ASKS
    if view.breaker is BreakerState.HALF_OPEN:
        yield "breaker half open: the next prompt is its trial", Look.ASKS
    if view.draining:
        yield "draining: starts no more agents", Look.ASKS
    for window in view.quota:
        full = window.used_percent is not None and window.used_percent >= NEARLY
        yield _quota(window, now), Look.ASKS if full else Look.DIM


def _moment(moment: datetime, now: datetime) -> str:
    """`14:05 (in 12 min)`, `Fri 14:05 (in 2 d)`: on the clock of who reads it."""
    here = moment.astimezone()
    day = "" if here.date() == now.astimezone().date() else "%a "
    return f"{here:{day}%H:%M} (in {brief((moment - now).total_seconds())})"


def _quota(window: QuotaWindow, now: datetime) -> str:
    """`quota five_hour ███████░░░ 72 %, new at 14:05 (in 12 min)`."""
    used = "" if window.used_percent is None else f" {_bar(window.used_percent)} {window.used_percent:.0f} %"
    new = f", new at {_moment(window.resets_at, now)}" if window.resets_at and window.resets_at > now else ""
    return f"quota {window.window}{used}{new}"


def _bar(percent: float) -> str:
    full = round(min(max(percent, 0), 100) * BAR / 100)
    return "█" * full + "░" * (BAR - full)


def _provider(view: ProviderView) -> tuple[str, ...]:
    runs, counters = f"{view.runs.active}/{view.runs.max}", view.counters
    latency = "" if view.latency_ms is None else f"{view.latency_ms / 1000:.1f} s"
    turns, failures, cost = str(counters.turns), str(counters.failures), money(counters.cost_usd)
    return view.name, view.health.value, runs, latency, view.version or "", turns, failures, cost


def _model(info: ModelInfo) -> tuple[str, ...]:
    prices = info.prices
    costs = (f"${prices.input_per_m_tok:g}", f"${prices.output_per_m_tok:g}") if prices else ("", "")
    window = f"{info.context_length:,}" if info.context_length else ""
    return info.name, info.provider, window, *costs, " ".join(info.capabilities), ", ".join(info.equivalents)
