"""The settings of the daemon. Their names are the configuration's keys; etc/jelmored.toml explains them."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from jelmored.domain.ids import ProviderName
from jelmored.domain.scopes import Scope

from .checks import (
    Argv,
    Count,
    DaysOrNone,
    Directory,
    LocalUser,
    Loopback,
    Seconds,
    SecondsOrNone,
    Url,
    Usd,
    Variable,
    WebOrigin,
)
from .providers import ClaudeSettings, DemoSettings, OpencodeSettings, ProviderSettings
from .secrets import Secret

_SECRET = re.compile(r"KEY|TOKEN(?!S\b)|SECRET|PASS|AUTH(?!OR)|CREDENTIAL", re.IGNORECASE)


class Synchronous(enum.StrEnum):
    """When the journal's writes are on the disk: before they are told of, or soon after."""

    FULL = "full"
    NORMAL = "normal"


@attrs.frozen(kw_only=True)
class AllowedUser:
    """Another user of this machine who may come to the socket."""

    name: LocalUser
    scope: Scope = Scope.OBSERVER


@attrs.frozen(kw_only=True)
class ControlSettings:
    tcp: Loopback = ""
    allowed_origins: tuple[WebOrigin, ...] = ()
    allow_users: tuple[AllowedUser, ...] = ()


class ResumeInterrupted(enum.StrEnum):
    """Which turns that the end of the daemon has cut are gone on with at the next start."""

    PLANNED = "planned"
    """Those that it has cut itself, because it was asked to stop."""
    ALWAYS = "always"
    """Those too that were open when it died."""
    NEVER = "never"


@attrs.frozen(kw_only=True)
class JournalSettings:
    synchronous: Synchronous = Synchronous.FULL
    retention_days: DaysOrNone = 0


@attrs.frozen(kw_only=True)
class SessionsSettings:
    hibernate_after: SecondsOrNone = 900
    expire_after: SecondsOrNone = 0
    resume_interrupted: ResumeInterrupted = ResumeInterrupted.PLANNED
    drain_seconds: SecondsOrNone = 0
    approval_timeout_seconds: SecondsOrNone = 0
    workspace_roots: tuple[Directory, ...] = ()
    forward_env: tuple[Variable, ...] = ("PATH", "VIRTUAL_ENV", "SSH_AUTH_SOCK", "LANG")


class MidTurn(enum.StrEnum):
    """What becomes of a turn that was cut after it may have changed something."""

    CONTINUE = "continue"
    ASK = "ask"
    STOP = "stop"


class Return(enum.StrEnum):
    """When a session goes back to the provider that it has left."""

    NEVER = "never"
    NEXT_TURN = "next_turn"


@attrs.frozen(kw_only=True)
class FailoverSettings:
    """How a conversation goes on when its provider fails. `return` is a word of Python's, so it is `return_` here."""

    enabled: bool = True
    order: tuple[ProviderName, ...] = ()
    mid_turn: MidTurn = MidTurn.CONTINUE
    return_: Return = Return.NEVER


@attrs.frozen(kw_only=True)
class BudgetSettings:
    """What may be spent, in USD; 0: no limit."""

    per_session_usd: Usd = 0
    per_day_usd: Usd = 0
    count_notional: bool = False


@attrs.frozen(kw_only=True)
class NotifySettings:
    """How a person is told of sessions that nobody is attached to."""

    desktop: bool = True
    command: Argv = ()
    webhook: Url = attrs.field(default="", repr=False)

    def secrets(self) -> Iterator[str]:
        """The whole address of a webhook: whoever knows it may post there."""
        yield from (word for word in self.command if isinstance(word, Secret))
        if self.webhook:
            yield self.webhook


@attrs.frozen(kw_only=True)
class ProviderEntry:
    """A configured provider.

    Args:
        settings: of the class that belongs to its type.
        named: a file names it. One that no file names is there by itself and may be missing without fault.
    """

    settings: ProviderSettings
    named: bool = False

    @property
    def type(self) -> str:
        return self.settings.type


KINDS: Mapping[str, type[ProviderSettings]] = {
    "claude": ClaudeSettings,
    "opencode": OpencodeSettings,
    "demo": DemoSettings,
}
"""The types of provider in the package, with their settings. Each is there as a provider of its own name by itself."""


def built_in() -> Mapping[ProviderName, ProviderEntry]:
    return {ProviderName(kind): ProviderEntry(settings=settings()) for kind, settings in KINDS.items()}


@attrs.frozen(kw_only=True)
class Settings:
    """Everything that can be set. `providers` are in the order of the configuration."""

    default_provider: ProviderName = ProviderName("claude")
    auto_selection: bool = True
    load_balancing: bool = False
    cost_optimization: bool = False
    max_total_sessions: Count = 50
    health_check_interval: Seconds = 30
    session_cleanup_interval: Seconds = 60
    control: ControlSettings = ControlSettings()
    journal: JournalSettings = JournalSettings()
    sessions: SessionsSettings = SessionsSettings()
    failover: FailoverSettings = FailoverSettings()
    budget: BudgetSettings = BudgetSettings()
    notify: NotifySettings = NotifySettings()
    providers: Mapping[ProviderName, ProviderEntry] = attrs.field(factory=built_in)

    def secrets(self) -> frozenset[str]:
        """What was given as a secret, and what is called one in a provider's tables; no log may show it."""
        providers = (secret for entry in self.providers.values() for secret in _secrets(entry.settings))
        return frozenset((*providers, *self.notify.secrets()))


def is_secret(name: str) -> bool:
    """Whatever goes by this name in a provider's table is one."""
    return _SECRET.search(name) is not None


def _secrets(settings: ProviderSettings) -> Iterator[str]:
    for field in attrs.fields(type(settings)):
        yield from _secrets_in(getattr(settings, field.name), named=is_secret(field.name))


def _secrets_in(value: Any, *, named: bool) -> Iterator[str]:
    """Of a value and, if it is a table, of all that is in it. `named`: its key says that it is one."""
    match value:
        case Mapping():
            for name, inner in value.items():
                yield from _secrets_in(inner, named=is_secret(name))
        case list() | tuple():
            for inner in value:
                yield from _secrets_in(inner, named=named)
        case str() if value and (named or isinstance(value, Secret)):
            yield value
