"""The settings of each kind of provider. Their names are the configuration's keys; etc/jelmored.toml explains them."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any

import attrs

from jelmored.domain.permissions import PermissionMode

from .checks import Count, CountOrNone, Seconds, SecondsOrNone, Url


class SettingSource(enum.StrEnum):
    """Whose settings the `claude` program reads; it does not start with a word that it does not know."""

    USER = "user"
    PROJECT = "project"
    LOCAL = "local"


@attrs.frozen(kw_only=True)
class ProviderSettings:
    """What the daemon wants to know of every provider. A kind extends it: it says its `type`, and has keys of its own,
    each with a default. Times are seconds; 0 means no limit where a limit is optional.

    Args:
        type: the name of the kind.
        timeout_seconds: without a sign of life, while a model's answer is awaited.
        tool_timeout_seconds: for one tool.
    """

    type: str = ""
    enabled: bool = True
    max_concurrent_sessions: Count = 10
    permission_mode: PermissionMode = PermissionMode.ASK
    timeout_seconds: Seconds = 240
    tool_timeout_seconds: SecondsOrNone = 0


@attrs.frozen(kw_only=True)
class ClaudeSettings(ProviderSettings):
    """`[providers.<name>]` with `type = "claude"`."""

    type: str = "claude"
    claude_bin: str = "claude"
    default_model: str = "default"
    extra_models: tuple[str, ...] = ()
    max_turns: CountOrNone = 0
    max_retries: CountOrNone = 2
    setting_sources: tuple[SettingSource, ...] = (SettingSource.USER,)
    environment: Mapping[str, str] = attrs.field(factory=dict, repr=False)


@attrs.frozen(kw_only=True)
class OpencodeSettings(ProviderSettings):
    """`[providers.<name>]` with `type = "opencode"`."""

    type: str = "opencode"
    opencode_bin: str = "opencode"
    api_endpoint: Url = ""
    api_key: str = attrs.field(default="", repr=False)
    default_model: str = ""
    max_concurrent_sessions: Count = 20
    max_turns: CountOrNone = 0
    max_retries: CountOrNone = 2
    timeout_seconds: Seconds = 180
    use_my_setup: bool = False
    project_plugins: bool = False
    opencode_config: Mapping[str, Any] = attrs.field(factory=dict, repr=False)
    environment: Mapping[str, str] = attrs.field(factory=dict, repr=False)


@attrs.frozen(kw_only=True)
class DemoSettings(ProviderSettings):
    """`[providers.<name>]` with `type = "demo"`: the scripted agent of the package."""

    type: str = "demo"
    max_concurrent_sessions: Count = 4
    timeout_seconds: Seconds = 60
