"""When a change of each setting counts in a daemon that runs: the one table, and what of new settings may be taken."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any

import attrs

from .checks import key_of
from .lines import Key
from .settings import ProviderEntry, Settings


class Counts(enum.StrEnum):
    """From when on."""

    LIVE = "live"
    """At once; for sessions that are there too."""
    NEXT_RUN = "next run"
    """With the next agent that is started; those that are there go on as they began."""
    RESTART = "restart"
    """With the next start of the daemon."""


LIVE, NEXT_RUN, RESTART = Counts.LIVE, Counts.NEXT_RUN, Counts.RESTART

_DAEMON: Mapping[Key, Counts] = {
    ("default_provider",): LIVE,
    ("auto_selection",): LIVE,
    ("load_balancing",): LIVE,
    ("cost_optimization",): LIVE,
    ("max_total_sessions",): LIVE,
    ("health_check_interval",): LIVE,
    ("session_cleanup_interval",): LIVE,
    ("control", "tcp"): RESTART,
    ("control", "allowed_origins"): LIVE,
    ("control", "allow_users"): RESTART,
    ("journal", "synchronous"): RESTART,
    ("journal", "retention_days"): LIVE,
    ("sessions", "hibernate_after"): LIVE,
    ("sessions", "expire_after"): LIVE,
    ("sessions", "resume_interrupted"): LIVE,
    ("sessions", "drain_seconds"): LIVE,
    ("sessions", "approval_timeout_seconds"): LIVE,
    ("sessions", "workspace_roots"): LIVE,
    ("sessions", "forward_env"): NEXT_RUN,
    ("failover", "enabled"): LIVE,
    ("failover", "order"): LIVE,
    ("failover", "mid_turn"): LIVE,
    ("failover", "return"): LIVE,
    ("budget", "per_session_usd"): LIVE,
    ("budget", "per_day_usd"): LIVE,
    ("budget", "count_notional"): LIVE,
    ("notify", "desktop"): LIVE,
    ("notify", "command"): LIVE,
    ("notify", "webhook"): LIVE,
}
_PROVIDER: Mapping[str, Counts] = {
    "enabled": LIVE,
    "max_concurrent_sessions": LIVE,
    "permission_mode": LIVE,
    "timeout_seconds": NEXT_RUN,
    "tool_timeout_seconds": NEXT_RUN,
}
"""Of providers of every type, plug-ins too; their other keys are the plug-in's own."""
_OF_TYPE: Mapping[str, Mapping[str, Counts]] = {
    "claude": {
        "claude_bin": NEXT_RUN,
        "default_model": NEXT_RUN,
        "extra_models": NEXT_RUN,
        "max_turns": NEXT_RUN,
        "max_retries": NEXT_RUN,
        "setting_sources": NEXT_RUN,
        "environment": NEXT_RUN,
    },
    "opencode": {
        "timeout_seconds": RESTART,  # stands in the configuration of its server too
        "max_turns": NEXT_RUN,
        "max_retries": NEXT_RUN,
        "project_plugins": NEXT_RUN,
    },
}


def counts(key: Key, type_: str = "") -> Counts:
    """From when on a change of this setting counts.

    Args:
        type_: of the provider that it belongs to.
    """
    if key[:1] == ("providers",):
        field = key[2] if len(key) > 2 else "type"
        return {**_PROVIDER, **_OF_TYPE.get(type_, {})}.get(field, RESTART)
    return _DAEMON.get(key, RESTART)


def taken(old: Settings, new: Settings) -> Settings:
    """The new settings, as far as they count without a new start; for the rest the old ones. Providers come and go
    with a start only."""
    providers = {name: _entry(entry, new.providers.get(name)) for name, entry in old.providers.items()}
    default = new.default_provider if new.default_provider in providers else old.default_provider
    kept: Settings = _taken((), "", old, new)
    return attrs.evolve(kept, providers=providers, default_provider=default)


def _entry(old: ProviderEntry, new: ProviderEntry | None) -> ProviderEntry:
    if new is None or new.type != old.type:
        return old
    settings = _taken(("providers", ""), old.type, old.settings, new.settings)
    return ProviderEntry(settings=settings, named=new.named)


def _taken(key: Key, type_: str, old: Any, new: Any) -> Any:
    kept = {}
    for field in attrs.fields(type(old)):
        inner = (*key, key_of(field.name))
        value = getattr(old, field.name)
        if attrs.has(type(value)):
            kept[field.name] = _taken(inner, type_, value, getattr(new, field.name))
        elif counts(inner, type_) is RESTART:
            kept[field.name] = value
    return attrs.evolve(new, **kept)
