"""What the settings mean to each part of the daemon: the same when it is built, and when they are read again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict

import attrs

from jelmored.config.lines import Key
from jelmored.config.settings import ProviderEntry, Settings
from jelmored.config.sources import Entry
from jelmored.domain import ranking
from jelmored.domain.budget import Budget
from jelmored.domain.ids import ProviderName
from jelmored.domain.permissions import PermissionMode
from jelmored.domain.requirements import Optimize
from jelmored.providers import registry
from jelmored.providers.base import BaseProvider, RunTimeouts
from jelmored.sessions.world import Wishes
from jelmored.supervision.provider import ProviderSpec
from jelmored.supervision.terms import Terms
from jelmored.wire.messages import Setting


class Tidying(TypedDict):
    """See `jelmored.sessions.upkeep.janitor`."""

    every: float
    expire_after: float
    retention_days: float


def shown(entries: Mapping[Key, Entry]) -> tuple[Setting, ...]:
    """To whoever asks: what is a secret is left out."""
    return tuple(
        Setting(key=entry.name, value=entry.shown, origin=entry.origin, counts=entry.counts.value)
        for entry in entries.values()
    )


def specs(settings: Settings, made: Mapping[ProviderName, BaseProvider]) -> list[ProviderSpec]:
    """Of the providers that were made."""
    return [_spec(settings, made[name], entry) for name, entry in settings.providers.items()]


def _spec(settings: Settings, provider: BaseProvider, entry: ProviderEntry) -> ProviderSpec:
    own = entry.settings
    return ProviderSpec(
        provider=provider,
        type=entry.type,
        enabled=own.enabled,
        named=entry.named,
        max_runs=own.max_concurrent_sessions,
        timeouts=RunTimeouts(model=own.timeout_seconds, tool=own.tool_timeout_seconds),
        hibernate_after=settings.sessions.hibernate_after,
        check_interval=settings.health_check_interval,
        by_itself=registry.kind_of(entry.type).by_itself,
        default_model=getattr(own, "default_model", None) or None,
    )


def policy(settings: Settings) -> ranking.Policy:
    """How a provider is chosen."""
    wishes = ((settings.cost_optimization, Optimize.COST), (settings.load_balancing, Optimize.LOAD))
    return ranking.Policy(
        default=settings.default_provider,
        auto_selection=settings.auto_selection,
        failover_order=settings.failover.order,
        optimize=tuple(wish for wanted, wish in wishes if wanted),
    )


def budget(settings: Settings) -> Budget:
    return Budget(**attrs.asdict(settings.budget))


def wishes(settings: Settings) -> Wishes:
    own = settings.sessions
    return Wishes(resume=own.resume_interrupted, approval_timeout=own.approval_timeout_seconds)


def terms(settings: Settings) -> Terms:
    """What sessions may bring to their agents."""
    return Terms(roots=settings.sessions.workspace_roots, names=settings.sessions.forward_env)


def permission_modes(settings: Settings) -> Mapping[ProviderName, PermissionMode]:
    """Of sessions that ask for none."""
    return {name: entry.settings.permission_mode for name, entry in settings.providers.items()}


def tidying(settings: Settings) -> Tidying:
    return Tidying(
        every=settings.session_cleanup_interval,
        expire_after=settings.sessions.expire_after,
        retention_days=settings.journal.retention_days,
    )
