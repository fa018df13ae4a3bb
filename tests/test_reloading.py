"""Reading the configuration again: every key does what the table says of it, and no more."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import pytest

from jelmored import meaning
from jelmored.config.effect import Counts
from jelmored.config.settings import Settings
from jelmored.config.sources import Sources
from jelmored.control.server import Connections
from jelmored.domain.ids import InstanceId, ProviderName, SessionId
from jelmored.domain.models import Health, ModelInfo
from jelmored.domain.permissions import PermissionMode
from jelmored.domain.requirements import Optimize
from jelmored.errors import ErrorKind, Refused
from jelmored.journal.memory import MemoryJournal
from jelmored.notify.notifier import Notifier
from jelmored.notify.ways import NAMES, ways
from jelmored.providers import registry
from jelmored.providers.base import BaseProvider, SessionConfig
from jelmored.providers.claude import models
from jelmored.providers.claude.launch import Launch
from jelmored.providers.claude.provider import ClaudeProvider
from jelmored.providers.claude.session import ClaudeSession
from jelmored.providers.opencode.session import OpencodeSession
from jelmored.reloading import Current, Owners
from jelmored.secrecy import Secrets
from jelmored.sessions.agent.router import Router
from jelmored.sessions.directory import Directory
from jelmored.sessions.hub import Hub
from jelmored.sessions.registrar import Defaults
from jelmored.sessions.turn.purse import Purse
from jelmored.sessions.upkeep.janitor import Janitor
from jelmored.sessions.world import World
from jelmored.supervision.provider import ProviderSpec
from jelmored.supervision.providers import Providers

INSTANCE = InstanceId("ins_test")
CLAUDE, OPENCODE, DEMO = ProviderName("claude"), ProviderName("opencode"), ProviderName("demo")


@attrs.frozen
class House:
    """The parts of a daemon, none of them running, that were built by a file; it can be written anew."""

    file: Path
    current: Current
    owners: Owners
    secrets: Secrets

    @classmethod
    def built(cls, file: Path) -> House:
        file.touch()
        configuration = Sources(config=file).read()
        settings = configuration.settings
        made = registry.build(settings, INSTANCE, file.parent)
        providers = Providers(
            meaning.specs(settings, made),
            max_total_runs=settings.max_total_sessions,
            changed=lambda view: None,
            policy=meaning.policy(settings),
        )
        hub, router = Hub(), Router(providers, settings.failover)
        world = World(
            journal=MemoryJournal(),
            providers=providers,
            hub=hub,
            router=router,
            purse=Purse(meaning.budget(settings)),
            wishes=meaning.wishes(settings),
            terms=meaning.terms(settings),
        )
        defaults = Defaults(permission_modes=meaning.permission_modes(settings))
        directory = Directory(world, defaults)
        way_of = partial(ways, environ={"HOME": "/", "PATH": "/bin"}, instance_id=INSTANCE)
        secrets = Secrets(["the-old-secret"])
        current = Current(configuration, secrets)
        current.owners = Owners(
            made=made,
            providers=providers,
            purse=world.purse,
            router=router,
            wishes=world.wishes,
            terms=world.terms,
            defaults=defaults,
            janitor=Janitor(directory.sweeper, **meaning.tidying(settings)),
            notifier=Notifier(hub, directory.get, tuple(way_of(settings.notify)), NAMES),
            way_of=way_of,
            connections=Connections({}, allowed_origins=settings.control.allowed_origins),
            go_on=directory.go_on,
        )
        return cls(file, current, current.owners, secrets)

    def spec(self, name: ProviderName = CLAUDE) -> ProviderSpec:
        return self.owners.providers[name].spec

    @property
    def launch(self) -> Launch:
        """Of a run of claude that would be started now."""
        session = self.made(CLAUDE).open(CONFIG)
        assert isinstance(session, ClaudeSession)
        return session.launch

    @property
    def opencode(self) -> Any:
        """What a run of opencode that would be started now goes by."""
        session = self.made(OPENCODE).open(CONFIG)
        assert isinstance(session, OpencodeSession)
        return session._settings

    def made(self, name: ProviderName) -> BaseProvider:
        return self.owners.made[name]


def _offered(house: House) -> Sequence[ModelInfo]:
    """What claude offers beside what its program lists."""
    provider = house.made(CLAUDE)
    assert isinstance(provider, ClaudeProvider)
    return models.offered(CLAUDE, (), provider._settings.extra_models)


CONFIG = SessionConfig(session_id=SessionId("ses_x"), cwd="/")

See = Callable[[House], Any]
CHANGES: Mapping[str, tuple[str, See, Any]] = {
    "default_provider": ('"demo"', lambda h: h.owners.providers.policy.default, "demo"),
    "auto_selection": ("false", lambda h: h.owners.providers.policy.auto_selection, False),
    "load_balancing": ("true", lambda h: h.owners.providers.policy.optimize, (Optimize.LOAD,)),
    "cost_optimization": ("true", lambda h: h.owners.providers.policy.optimize, (Optimize.COST,)),
    "max_total_sessions": ("7", lambda h: h.owners.providers.places.total, 7),
    "health_check_interval": ("5", lambda h: h.spec().check_interval, 5),
    "session_cleanup_interval": ("5", lambda h: h.owners.janitor.every, 5),
    "control.allowed_origins": ('["http://a"]', lambda h: h.owners.connections.allowed_origins, ("http://a",)),
    "journal.retention_days": ("2", lambda h: h.owners.janitor.retention, timedelta(days=2)),
    "sessions.hibernate_after": ("5", lambda h: h.spec(DEMO).hibernate_after, 5),
    "sessions.expire_after": ("5", lambda h: h.owners.janitor.expire_after, timedelta(seconds=5)),
    "sessions.resume_interrupted": ('"never"', lambda h: h.owners.wishes.resume, "never"),
    "sessions.drain_seconds": ("5", lambda h: h.current.settings.sessions.drain_seconds, 5),
    "sessions.approval_timeout_seconds": ("5", lambda h: h.owners.wishes.approval_timeout, 5),
    "sessions.workspace_roots": ('["~/p"]', lambda h: h.owners.terms.roots, ("~/p",)),
    "sessions.forward_env": ('["EDITOR"]', lambda h: h.owners.terms.names, ("EDITOR",)),
    "failover.enabled": ("false", lambda h: h.owners.router.settings.enabled, False),
    "failover.order": ('["demo"]', lambda h: h.owners.providers.policy.failover_order, ("demo",)),
    "failover.mid_turn": ('"stop"', lambda h: h.owners.router.settings.mid_turn, "stop"),
    "failover.return": ('"next_turn"', lambda h: h.owners.router.settings.return_, "next_turn"),
    "budget.per_session_usd": ("5", lambda h: h.owners.purse.budget.per_session_usd, 5),
    "budget.per_day_usd": ("5", lambda h: h.owners.purse.budget.per_day_usd, 5),
    "budget.count_notional": ("true", lambda h: h.owners.purse.budget.count_notional, True),
    "notify.desktop": ("false", lambda h: _ways(h), ()),
    "notify.command": ('["sh"]', lambda h: _ways(h), ("desktop", "command")),
    "notify.webhook": ('"http://h/x"', lambda h: _ways(h), ("desktop", "webhook")),
    **{
        f"providers.{name}.{key}": change
        for name in (CLAUDE, OPENCODE, DEMO)
        for key, change in {
            "enabled": ("false", lambda h, n=name: h.owners.providers.view(n).health is Health.DISABLED, True),
            "max_concurrent_sessions": ("3", lambda h, n=name: h.owners.providers.view(n).runs.max, 3),
            "permission_mode": (
                '"plan"',
                lambda h, n=name: h.owners.defaults.permission_modes[n],
                PermissionMode.PLAN,
            ),
            "tool_timeout_seconds": ("5", lambda h, n=name: h.spec(n).timeouts.tool, 5),
        }.items()
    },
    "providers.claude.timeout_seconds": ("5", lambda h: h.spec(CLAUDE).timeouts.model, 5),
    "providers.demo.timeout_seconds": ("5", lambda h: h.spec(DEMO).timeouts.model, 5),
    "providers.claude.claude_bin": ('"/opt/claude"', lambda h: h.launch.argv[0], "/opt/claude"),
    "providers.claude.default_model": ('"opus"', lambda h: _after(h, "--model"), "opus"),
    "providers.claude.extra_models": ('["mine"]', lambda h: [info.name for info in _offered(h)], ["mine"]),
    "providers.claude.max_turns": ("5", lambda h: _after(h, "--max-turns"), "5"),
    "providers.claude.max_retries": ("5", lambda h: h.launch.env["CLAUDE_CODE_MAX_RETRIES"], "5"),
    "providers.claude.setting_sources": ('["local"]', lambda h: _after(h, "--setting-sources"), "local"),
    "providers.claude.environment": ('{ A_KEY = "x" }', lambda h: h.launch.env.get("A_KEY"), "x"),
    "providers.opencode.max_turns": ("5", lambda h: h.opencode.max_turns, 5),
    "providers.opencode.project_plugins": ("true", lambda h: h.opencode.project_plugins, True),
    "providers.opencode.max_retries": ("5", lambda h: h.opencode.max_retries, 5),
}
"""Each key that claims to count without a new start: another value, where it shows, and what shows then."""

LATER = {
    "control.tcp": '"127.0.0.1:0"',
    "control.allow_users": '[{ name = "root" }]',
    "journal.synchronous": '"normal"',
    "providers.claude.type": '"demo"',
    "providers.opencode.type": '"demo"',
    "providers.demo.type": '"claude"',
    "providers.opencode.opencode_bin": '"/opt/x"',
    "providers.opencode.api_endpoint": '"http://h"',
    "providers.opencode.api_key": '"a-secret-key"',
    "providers.opencode.default_model": '"a/b"',
    "providers.opencode.timeout_seconds": "5",
    "providers.opencode.use_my_setup": "true",
    "providers.opencode.opencode_config": "{ a = 1 }",
    "providers.opencode.environment": '{ A = "x" }',
}
"""Each key that does not."""


def _ways(house: House) -> tuple[str, ...]:
    return tuple(way.name for way in house.owners.notifier.ways)


def _after(house: House, flag: str) -> str | None:
    argv = house.launch.argv
    return argv[argv.index(flag) + 1] if flag in argv else None


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House.built(tmp_path / "c.toml")


def test_every_key_is_in_one_of_both(house: House) -> None:
    entries = house.current._entries.values()

    assert set(CHANGES) == {entry.name for entry in entries if entry.counts is not Counts.RESTART}
    assert set(LATER) == {entry.name for entry in entries if entry.counts is Counts.RESTART}


@pytest.mark.parametrize("key", CHANGES)
async def test_it_counts(house: House, key: str) -> None:
    value, see, expected = CHANGES[key]
    before = see(house)
    counts = next(entry.counts for entry in house.current._entries.values() if entry.name == key)
    house.file.write_text(f"{key} = {value}")
    told = await house.current.reload()

    assert before != expected
    assert see(house) == expected
    applied = [name for name in told.applied if name.startswith(key)]
    assert applied
    assert told.next_run == (tuple(told.applied) if counts is Counts.NEXT_RUN else ())
    assert told.needs_restart == ()

    house.file.write_text("")
    await house.current.reload()
    assert see(house) == before
    assert house.current.settings == Settings()


@pytest.mark.parametrize("key", LATER)
async def test_it_does_not(house: House, key: str) -> None:
    house.file.write_text(f"{key} = {LATER[key]}")
    for _ in range(2):  # it is told for as long as it is so
        told = await house.current.reload()

        assert [name for name in told.needs_restart if name.startswith(key)]
        assert not [name for name in told.applied if name.startswith(key)]
    assert all(setting.origin == "default" for setting in house.current.get() if setting.key.startswith(key))
    house.file.write_text("")
    assert (await house.current.reload()).needs_restart == ()


async def test_what_counts_is_shown_with_its_place(house: House) -> None:
    house.file.write_text('journal.synchronous = "normal"\nload_balancing = true\n[providers.work]\ntype = "demo"\n')
    told = await house.current.reload()
    shown = {setting.key: setting for setting in house.current.get()}

    assert told.applied == ("load_balancing",)
    assert told.needs_restart == ("journal.synchronous", "providers.work")
    assert (shown["load_balancing"].value, shown["load_balancing"].origin) == (True, f"{house.file}:2")
    assert (shown["journal.synchronous"].value, shown["journal.synchronous"].origin) == ("full", "default")
    assert "providers.work.type" not in shown


async def test_a_fault_changes_nothing_and_all_are_told(house: House) -> None:
    before = house.current.get()
    house.file.write_text("load_balancing = true\nmax_total_sessions = 0\nno_such = 1\n")
    with pytest.raises(Refused) as caught:
        await house.current.reload()

    assert caught.value.kind is ErrorKind.CONFIG_INVALID
    places = sorted(fault.partition(": ")[0] for fault in caught.value.data["faults"])
    assert places == [f"{house.file}:2", f"{house.file}:3"]
    assert house.current.get() == before
    assert house.current.settings == Settings()
    assert house.owners.providers.policy.optimize == ()


async def test_new_secrets_are_secrets_from_then_on(house: House) -> None:
    house.file.write_text("providers.claude.environment = { MY_KEY = 'the-new-secret' }")
    await house.current.reload()

    assert house.secrets.hidden("the-old-secret the-new-secret") == "[redacted] [redacted]"
    [shown] = [setting for setting in house.current.get() if setting.key == "providers.claude.environment.MY_KEY"]
    assert shown.value == "[secret]"


async def test_a_provider_that_is_named_later_is_named(house: House) -> None:
    assert not house.spec().named
    house.file.write_text("[providers.claude]")
    await house.current.reload()

    assert house.spec().named
