"""How a server of ours is started."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from jelmored.config.providers import OpencodeSettings
from jelmored.providers.opencode.launch import PLUGIN, Home, configuration, launch_of, with_plugin

MINE = {"provider": {"mine": {"options": {"apiKey": "sk-secret", "chunkTimeout": 7}}, "other": {}}}


def _home(tmp_path: Path) -> tuple[Home, dict[str, str]]:
    return Home(tmp_path / "state" / "opencode"), {"HOME": str(tmp_path / "home"), "PATH": "/bin"}


def test_what_it_keeps_is_in_a_place_of_its_own_for_the_user_alone(tmp_path: Path) -> None:
    home, env = _home(tmp_path)
    settings = OpencodeSettings(opencode_config=MINE)
    home.furnish(settings, env)
    launch = launch_of(settings, home, env)

    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
        directory = Path(launch.command.env[name])
        assert directory.parent == home.root
        assert stat.S_IMODE((directory / "opencode").stat().st_mode) == 0o700
    written = Path(launch.command.env["OPENCODE_CONFIG"])
    assert stat.S_IMODE(written.stat().st_mode) == 0o600
    assert json.loads(written.read_text()) == with_plugin(configuration(settings), home.surroundings.plugin)
    assert stat.S_IMODE(home.surroundings.plugin.stat().st_mode) == 0o600


def test_it_listens_on_loopback_with_a_password_that_is_new_each_time_and_shown_nowhere(tmp_path: Path) -> None:
    home, env = _home(tmp_path)
    one, two = (launch_of(OpencodeSettings(), home, env) for _ in range(2))

    assert one.password != two.password
    assert len(one.password) >= 43
    assert one.command.env["OPENCODE_SERVER_PASSWORD"] == one.password
    assert one.password not in repr(one)
    assert one.command.argv[:4] == ("opencode", "serve", "--hostname", "127.0.0.1")
    assert one.url == f"http://127.0.0.1:{one.command.argv[-1]}"


def test_a_repository_has_no_say_and_the_network_is_left_alone(tmp_path: Path) -> None:
    home, env = _home(tmp_path)
    told = launch_of(OpencodeSettings(), home, env).command.env

    assert told["OPENCODE_DISABLE_PROJECT_CONFIG"] == "1"
    assert told["OPENCODE_DISABLE_MODELS_FETCH"] == "1"
    assert (
        launch_of(OpencodeSettings(), home, {**env, "OPENCODE_DISABLE_MODELS_FETCH": ""}).command.env[
            "OPENCODE_DISABLE_MODELS_FETCH"
        ]
        == ""
    ), "the provider's own environment wins"


def test_its_plugin_looks_as_if_it_were_installed(tmp_path: Path) -> None:
    home, env = _home(tmp_path)
    home.furnish(OpencodeSettings(), env)
    home.settle_plugin("1.18.33")
    home.settle_plugin("1.18.34")

    directory = home.root / "config" / "opencode"
    wanted = {"dependencies": {PLUGIN: "1.18.34"}}
    assert json.loads((directory / "package.json").read_text()) == wanted
    assert json.loads((directory / "package-lock.json").read_text())["packages"] == {"": wanted}
    assert (directory / "node_modules").is_dir()


def test_plugins_of_the_user_stay() -> None:
    told = with_plugin(configuration(OpencodeSettings(opencode_config={"plugin": ["theirs"]})), Path("/ours.js"))
    assert told["plugin"] == ["theirs", "file:///ours.js"]


def test_each_provider_in_its_configuration_has_time_outs_and_the_users_word_counts() -> None:
    told = configuration(
        OpencodeSettings(timeout_seconds=5, default_model="mine/large", opencode_config={**MINE, "lsp": True})
    )

    assert told["provider"]["mine"]["options"] == {"apiKey": "sk-secret", "headerTimeout": 5000, "chunkTimeout": 7}
    assert told["provider"]["other"]["options"] == {"headerTimeout": 5000, "chunkTimeout": 5000}
    assert (told["model"], told["lsp"], told["share"], told["autoupdate"]) == ("mine/large", True, "disabled", False)


def test_the_users_logins_are_taken_over_on_request_and_let_go_again(tmp_path: Path) -> None:
    home, env = _home(tmp_path)
    ours = home.root / "data" / "opencode" / "auth.json"
    home.furnish(OpencodeSettings(use_my_setup=True), env)

    assert ours.readlink() == tmp_path / "home" / ".local" / "share" / "opencode" / "auth.json"
    assert "XDG_CONFIG_HOME" not in home.environment(OpencodeSettings(use_my_setup=True))
    home.furnish(OpencodeSettings(use_my_setup=True), {**env, "XDG_DATA_HOME": "/elsewhere"})
    assert ours.readlink() == Path("/elsewhere/opencode/auth.json")
    home.furnish(OpencodeSettings(), env)
    assert not ours.is_symlink()


@pytest.mark.parametrize(
    ("settings", "there"),
    [
        (OpencodeSettings(), False),
        (OpencodeSettings(default_model="acme/one"), False),
        (OpencodeSettings(default_model="opencode/free"), True),
        (OpencodeSettings(opencode_config={"provider": {"opencode": {}}}), True),
        (OpencodeSettings(use_my_setup=True), True),
    ],
)
def test_the_vendors_own_models_are_there_only_for_who_wants_them(settings: OpencodeSettings, there: bool) -> None:
    assert ("disabled_providers" not in configuration(settings)) is there
