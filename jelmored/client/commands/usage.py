"""`usage`: tokens and cost, by session and provider, or by model or day."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

import attrs

from jelmored.client.client import Client
from jelmored.client.exits import Exit
from jelmored.client.picking import named
from jelmored.client.shell import Shell
from jelmored.client.terminal.amounts import money, short_count
from jelmored.client.terminal.labels import short
from jelmored.client.terminal.tables import table
from jelmored.domain.ids import SessionId
from jelmored.domain.sessions import SessionView
from jelmored.domain.usage import UsageKey, UsageRow

SHOWN = 12  # sessions, unless all are asked for
SUMS = ("TURNS", "IN", "CACHED", "OUT", "COST")
SUBSCRIPTION = "SUBSCRIPTION"
UNBILLED = "What a subscription pays is not billed: it is what the tokens would cost."
DELETED = "(deleted)"

Names = Mapping[SessionId, SessionView]


async def usage(shell: Shell, *, session: str | None, all: bool, by: str | None, since: str | None) -> Exit:
    """Of all sessions, archived and deleted ones too."""
    first = None if since is None else first_day(since, datetime.now(UTC).date())
    async with shell.client() as client:
        views: Sequence[SessionView] = await client.sessions(include_terminated=True)
        only = named(session, views).session_id if session is not None else None
        names = {view.session_id: view for view in views}
        if shell.json:
            rows = _of(only, await client.usage(UsageKey(by or UsageKey.SESSION), since=first))
            shell.give({"by": by or UsageKey.SESSION, "since": first, "rows": rows, "total": total(rows)})
        else:
            shell.say("\n\n".join(await _tables(shell, client, names, only, by, first, all=all)))
    return Exit.OK


def first_day(since: str, today: date) -> str:
    """The UTC date of `7d` (so many days, today is one) or `2026-11-27`. Raises `ValueError`."""
    if since.endswith("d"):
        return (today - timedelta(days=int(since[:-1]) - 1)).isoformat()
    return date.fromisoformat(since).isoformat()


def total(rows: Iterable[UsageRow], key: str = "all") -> UsageRow:
    """All of these together."""
    sums: dict[str, float] = {field.name: 0 for field in attrs.fields(UsageRow) if field.name != "key"}
    for row in rows:
        sums = {name: value + getattr(row, name) for name, value in sums.items()}
    return UsageRow(key=key, **sums)  # type: ignore[arg-type] # each sum is of its field's type


async def _tables(
    shell: Shell, client: Client, names: Names, only: str | None, by: str | None, first: str | None, *, all: bool
) -> list[str]:
    """One table, or, if nothing is said, one of the sessions and one of the providers."""
    told = []
    for key in [UsageKey(by)] if by else [UsageKey.SESSION, *([] if only else [UsageKey.PROVIDER])]:
        rows = _of(only if key is UsageKey.SESSION else None, await client.usage(key, since=first))
        if not rows:
            return ["Nothing was used yet." if first is None else f"Nothing was used since {first}."]
        told.append(_table(key, rows, names, None if all else SHOWN, shell.columns))
    return [*told, UNBILLED] if any(SUBSCRIPTION in one for one in told) else told


def _of(only: str | None, rows: Iterable[UsageRow]) -> list[UsageRow]:
    return [row for row in rows if only in (None, row.key)]


def _table(key: UsageKey, rows: Sequence[UsageRow], names: Names, shown: int | None, columns: int | None) -> str:
    """The costliest sessions first, a day after the other; the sum of all is the last row."""
    apart = any(row.notional_usd for row in rows)
    of_sessions = key is UsageKey.SESSION
    lines = sorted(rows, key=_cost, reverse=True)[:shown] if of_sessions else rows
    head = (*(("SESSION", "NAME") if of_sessions else (key.upper(),)), *SUMS, *((SUBSCRIPTION,) if apart else ()))
    cells = [(*_head(key, row, names), *_sums(row, apart=apart)) for row in lines]
    if len(rows) > 1:
        cells.append((*(("all", "") if of_sessions else ("all",)), *_sums(total(rows), apart=apart)))
    text = table(head, cells, columns)
    hidden = len(rows) - len(lines)
    return f"{text}\n… {hidden} more: `jelmore usage --all`" if hidden else text


def _head(key: UsageKey, row: UsageRow, names: Names) -> tuple[str, ...]:
    if key is not UsageKey.SESSION:
        return (row.key,)
    session_id = SessionId(row.key)
    view = names.get(session_id)
    if view is None:
        return (short(session_id) if session_id else DELETED, "")
    return short(session_id), view.name or view.title or ""


def _sums(row: UsageRow, *, apart: bool) -> tuple[str, ...]:
    cached = row.cache_read_tokens + row.cache_write_tokens
    tokens = short_count(row.input_tokens), short_count(cached), short_count(row.output_tokens)
    return str(row.turns), *tokens, money(row.cost_usd), *((money(row.notional_usd),) if apart else ())


def _cost(row: UsageRow) -> tuple[float, int]:
    return row.cost_usd + row.notional_usd, row.output_tokens
