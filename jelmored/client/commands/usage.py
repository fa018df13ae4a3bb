"""`usage`: tokens and cost, by session, by provider, in all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from operator import add

import attrs

from jelmored.client.exits import Exit
from jelmored.client.picking import named
from jelmored.client.shell import Shell
from jelmored.client.terminal.amounts import money, short_count
from jelmored.client.terminal.labels import short
from jelmored.client.terminal.tables import table
from jelmored.domain.ids import ProviderName
from jelmored.domain.sessions import SessionView
from jelmored.domain.usage import Usage

SESSIONS = ("SESSION", "NAME", "PROVIDER", "IN", "CACHED", "OUT", "COST")
PROVIDERS = ("PROVIDER", "SESSIONS", "IN", "CACHED", "OUT", "COST")
SHOWN = 12  # sessions, unless all are asked for
UNBILLED = "Costs marked (subscription) are not billed: they are what the tokens would cost."


@attrs.frozen
class Sum:
    """What several sessions took. What a subscription pays for is kept apart: nobody is billed for it."""

    sessions: int
    billed: Usage
    notional: Usage

    @property
    def all(self) -> Usage:
        return self.billed + self.notional


async def usage(shell: Shell, *, session: str | None, all: bool) -> Exit:
    """Over all sessions, archived ones too."""
    async with shell.client() as client:
        views: Sequence[SessionView] = await client.sessions(include_terminated=True)
    if session is not None:
        views = [named(session, views)]
    by_provider = {name: total(view for view in views if view.provider == name) for name in _providers(views)}
    if shell.json:
        shell.give(_values(views, by_provider))
    else:
        shell.say("\n".join(_lines(views, by_provider, len(views) if all else SHOWN, shell.columns)))
    return Exit.OK


def total(views: Iterable[SessionView]) -> Sum:
    """What these sessions took together."""
    used = [view.usage for view in views]
    billed = reduce(add, (one for one in used if not one.notional), Usage())
    return Sum(len(used), billed, reduce(add, (one for one in used if one.notional), Usage()))


def _lines(
    views: Sequence[SessionView], by_provider: Mapping[ProviderName, Sum], shown: int, columns: int | None
) -> list[str]:
    costly = sorted((view for view in views if view.usage != Usage()), key=_cost, reverse=True)
    if not costly:
        return ["Nothing was used yet."]
    lines = [table(SESSIONS, [_session(view) for view in costly[:shown]], columns)]
    if len(costly) > shown:
        lines.append(f"… {len(costly) - shown} more: `jelmore usage --all`")
    rows = [(name, *_summed(of)) for name, of in by_provider.items()]
    if len(rows) > 1:
        rows.append(("all", *_summed(total(views))))
    lines += ["", table(PROVIDERS, rows, columns)]
    return [*lines, "", UNBILLED] if any(view.usage.notional for view in views) else lines


def _session(view: SessionView) -> tuple[str, ...]:
    cost = money(view.usage.cost_usd, notional=view.usage.notional)
    return short(view.session_id), view.name or view.title or "", view.provider, *_tokens(view.usage), cost


def _summed(of: Sum) -> tuple[str, ...]:
    costs = [money(of.billed.cost_usd)] if of.billed != Usage() or of.notional == Usage() else []
    costs += [money(of.notional.cost_usd, notional=True)] if of.notional != Usage() else []
    return str(of.sessions), *_tokens(of.all), " + ".join(costs)


def _tokens(of: Usage) -> tuple[str, str, str]:
    cached = of.cache_read_tokens + of.cache_write_tokens
    return short_count(of.input_tokens), short_count(cached), short_count(of.output_tokens)


def _values(views: Sequence[SessionView], by_provider: Mapping[ProviderName, Sum]) -> Mapping[str, object]:
    return {
        "sessions": [
            {"sessionId": view.session_id, "name": view.name, "provider": view.provider, "usage": view.usage}
            for view in views
        ],
        "providers": by_provider,
        "total": total(views),
    }


def _providers(views: Iterable[SessionView]) -> list[ProviderName]:
    return sorted({view.provider for view in views})


def _cost(view: SessionView) -> tuple[float, int]:
    return view.usage.cost_usd, view.usage.output_tokens
