"""`providers`, `models`: who can answer."""

from __future__ import annotations

from jelmored.client.exits import Exit
from jelmored.client.shell import Shell
from jelmored.client.terminal.tables import table
from jelmored.domain.models import Health, ModelInfo, ProviderView

PROVIDERS = ("PROVIDER", "HEALTH", "RUNS", "VERSION", "WHAT TO DO")
MODELS = ("MODEL", "PROVIDER", "CONTEXT", "IN", "OUT")


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
        shell.say(table(PROVIDERS, [_provider(view) for view in views], shell.columns))
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


def _provider(view: ProviderView) -> tuple[str, ...]:
    wrong = ": ".join(part for part in (view.reason, view.remedy) if part)
    runs = f"{view.runs.active}/{view.runs.max}"
    return view.name, view.health.value, runs, view.version or "", wrong


def _model(info: ModelInfo) -> tuple[str, ...]:
    prices = info.prices
    costs = (f"${prices.input_per_m_tok:g}", f"${prices.output_per_m_tok:g}") if prices else ("", "")
    return info.name, info.provider, f"{info.context_length:,}", *costs
