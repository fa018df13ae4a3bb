"""How our own OpenCode server is started: places of its own for what it keeps, its configuration, its environment."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import orjson

from jelmored import secrecy
from jelmored.config.documents import overlaid
from jelmored.config.providers import OpencodeSettings
from jelmored.process.command import Command

from . import rules
from .surroundings import Surroundings

LOOPBACK = "127.0.0.1"
USER = "opencode"
HOUSE = "opencode"
"""The vendor of models that OpenCode's maker is himself."""
PLUGIN = "@opencode-ai/plugin"
QUIET = (
    "AUTOUPDATE",
    "CLAUDE_CODE",  # it would take over what is configured for claude
    "DEFAULT_PLUGINS",
    "EXTERNAL_SKILLS",
    "LSP_DOWNLOAD",
    "MODELS_FETCH",
    "PROJECT_CONFIG",  # a repository's own opencode.json may widen what is allowed
)
"""What it would do of itself, over the network or with the files of a repository: `OPENCODE_DISABLE_…`."""


@attrs.frozen(kw_only=True)
class Launch:
    """A server to be.

    Args:
        command: what to run.
        home: where it keeps its things.
        url: where it will be.
        password: it answers nobody without.
    """

    command: Command
    home: Home
    url: str
    password: str = attrs.field(repr=False)


@attrs.frozen
class Home:
    """Where a server of ours keeps its things: private, and the same at each start, for its sessions are in it."""

    root: Path

    def environment(self, settings: OpencodeSettings) -> dict[str, str]:
        """What leads it there. With the user's setup, the user's configuration is read before ours."""
        own = {"XDG_DATA_HOME": "data", "XDG_STATE_HOME": "state", "XDG_CACHE_HOME": "cache"}
        if not settings.use_my_setup:
            own["XDG_CONFIG_HOME"] = "config"
        places = {name: str(self.root / directory) for name, directory in own.items()}
        return {**places, "OPENCODE_CONFIG": str(self._configuration)}

    def furnish(self, settings: OpencodeSettings, user: Mapping[str, str]) -> None:
        """Make what must be there when it starts. Blocks: call it in a thread.

        Args:
            settings: the provider's.
            user: the environment that says where the user's own things are.
        """
        for directory in ("config", "data", "state", "cache"):
            _private(self.root / directory / "opencode")
        told = with_plugin(configuration(settings), self.surroundings.plugin)
        _write(self.surroundings.plugin, self.surroundings.plugin_text())
        _write(self._configuration, orjson.dumps(told, option=orjson.OPT_INDENT_2))
        self._take_logins(user if settings.use_my_setup else None)

    @property
    def surroundings(self) -> Surroundings:
        return Surroundings(self.root)

    @property
    def _configuration(self) -> Path:
        return self.root / "opencode.json"

    def settle_plugin(self, version: str) -> None:
        """What must be there before it works in any directory: else it installs a plug-in of 63 MB by npm there, and
        can't be stopped meanwhile. Blocks: call it in a thread.

        Args:
            version: of the program that runs.
        """
        wanted = {"dependencies": {PLUGIN: version}}
        lock = {"name": "opencode", "lockfileVersion": 3, "requires": True, "packages": {"": wanted}}
        directory = self.root / "config" / "opencode"
        _private(directory / "node_modules")
        _write(directory / "package.json", orjson.dumps(wanted))
        _write(directory / "package-lock.json", orjson.dumps(lock))

    def _take_logins(self, user: Mapping[str, str] | None) -> None:
        """As a link: what is renewed on one side would be void on the other."""
        link = self.root / "data" / "opencode" / "auth.json"
        if link.is_symlink():
            link.unlink()
        if user is not None and not link.exists():
            home = user.get("XDG_DATA_HOME") or os.path.join(user["HOME"], ".local", "share")
            link.symlink_to(os.path.join(home, "opencode", "auth.json"))


def launch_of(settings: OpencodeSettings, home: Home, env: Mapping[str, str]) -> Launch:
    """A server on a free port of its own, with a new password.

    Args:
        settings: the provider's.
        home: it is furnished already.
        env: its environment, without what leads it to its things.
    """
    port, password = _free_port(), secrecy.make("server")
    known = {"OPENCODE_SERVER_PASSWORD": password, "OPENCODE_SERVER_USERNAME": USER}
    return Launch(
        command=Command(
            argv=(settings.opencode_bin, "serve", "--hostname", LOOPBACK, "--port", str(port)),
            cwd=str(home.root),
            env={**place_environment(settings, home, env), **known},
        ),
        home=home,
        url=f"http://{LOOPBACK}:{port}",
        password=password,
    )


def place_environment(settings: OpencodeSettings, home: Home, env: Mapping[str, str]) -> dict[str, str]:
    """What leads a program of OpenCode to the things of our server, and keeps it quiet."""
    quiet = {f"OPENCODE_DISABLE_{what}": "1" for what in QUIET}
    return {**quiet, **env, **home.environment(settings)}


def configuration(settings: OpencodeSettings) -> dict[str, Any]:
    """Ours, and the user's `opencode_config` over it; each provider in it gets time-outs where it has none."""
    ours: dict[str, Any] = {
        "autoupdate": False,
        "share": "disabled",
        "snapshot": False,
        "lsp": False,
        "formatter": False,
        "permission": rules.configured(),
        "agent": {"explore": {"permission": rules.EXPLORER}},
    }
    if settings.default_model:
        ours["model"] = settings.default_model
    if not _wants_house_models(settings):
        ours["disabled_providers"] = [HOUSE]
    whole = overlaid(ours, settings.opencode_config)
    milliseconds = round(settings.timeout_seconds * 1000)
    bounds = {"options": {"headerTimeout": milliseconds, "chunkTimeout": milliseconds}}
    bounded = {name: overlaid(bounds, table) for name, table in whole.get("provider", {}).items()}
    return {**whole, "provider": bounded} if bounded else whole


def with_plugin(whole: Mapping[str, Any], plugin: Path) -> dict[str, Any]:
    """The same, with a plug-in of ours beside those of the user."""
    return {**whole, "plugin": [*whole.get("plugin", ()), plugin.as_uri()]}


def _wants_house_models(settings: OpencodeSettings) -> bool:
    """The vendor's own free models are there without any login: nobody's words go there unless that is wanted."""
    named = settings.default_model.startswith(f"{HOUSE}/") or HOUSE in settings.opencode_config.get("provider", {})
    return settings.use_my_setup or named


def _private(directory: Path) -> None:
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)


def _write(file: Path, content: bytes) -> None:
    """For the user alone: it may have keys in it."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        number: int = probe.getsockname()[1]
        return number
