"""The command: what it says, and how it ends."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import trio

import jelmored
from jelmored.cli import EXITS, Exit, main
from jelmored.config.places import Places
from jelmored.config.sources import Configuration
from jelmored.domain.catalogue import Catalogue
from jelmored.errors import ConfigError, ErrorKind, JournalError, Stopped
from jelmored.secrecy import Secrets
from jelmored.service.handed import Handed

Announce = Callable[[Mapping[str, Any]], None]


@pytest.fixture
def arguments(tmp_path: Path) -> list[str]:
    (tmp_path / "c.toml").write_text("max_total_sessions = 3\n")
    return [
        "--config",
        str(tmp_path / "c.toml"),
        "--state-dir",
        str(tmp_path / "s"),
        "--runtime-dir",
        str(tmp_path / "r"),
    ]


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], None]:
    """Put a function in the place of the whole daemon."""

    def replace(function: Any) -> None:
        module = ModuleType("jelmored.daemon")
        module.serve = function  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "jelmored.daemon", module)
        monkeypatch.setattr("jelmored.logs.configure", lambda *_, **__: None)

    return replace


def test_it_serves_by_settings_and_places_and_tells_when_it_is_ready(
    arguments: list[str], tmp_path: Path, serve: Callable[[Any], None], capsys: pytest.CaptureFixture[str]
) -> None:
    async def daemon(
        configuration: Configuration,
        models: Catalogue,
        places: Places,
        *,
        announce: Announce,
        handed: Handed,
        secrets: Secrets,
    ) -> None:
        assert models.find("opus")
        assert configuration.settings.max_total_sessions == 3
        assert places == Places(state=tmp_path / "s", runtime=tmp_path / "r")
        announce({"pid": 7, "socket": str(places.socket)})
        assert json.loads(places.notice.read_bytes())["pid"] == 7

    serve(daemon)

    assert main(["serve", *arguments]) == Exit.OK
    ready = json.loads(capsys.readouterr().out)
    assert ready["ready"] is True
    assert ready["url"] == f"ws+unix://{tmp_path}/r/control.sock:/v1"
    assert not (tmp_path / "r" / "daemon.json").exists()


def test_serve_is_what_it_does_if_nothing_is_said(arguments: list[str], serve: Callable[[Any], None]) -> None:
    served = []

    async def daemon(*_: Any, **__: Any) -> None:
        served.append(1)

    serve(daemon)

    assert main(arguments) == Exit.OK
    assert served


def test_a_failing_journal_has_its_own_exit_code_also_deep_in_groups(
    arguments: list[str], serve: Callable[[Any], None], capsys: pytest.CaptureFixture[str]
) -> None:
    async def daemon(*_: Any, **__: Any) -> None:
        async def fail() -> None:
            raise JournalError(ErrorKind.JOURNAL_FULL, "the disk is full")

        async with trio.open_nursery() as outer:
            async with trio.open_nursery() as inner:
                inner.start_soon(fail)
            outer.cancel_scope.cancel()

    serve(daemon)

    assert main(arguments) == Exit.JOURNAL
    assert capsys.readouterr().err == "jelmored: the disk is full\n"


def test_what_gave_up_is_told_apart_by_its_cause(arguments: list[str], serve: Callable[[Any], None]) -> None:
    async def daemon(*_: Any, **__: Any) -> None:
        raise Stopped("the journal failed too often") from JournalError(ErrorKind.JOURNAL_FAILED, "no such schema")

    serve(daemon)

    assert main(arguments) == Exit.JOURNAL


def test_a_fault_of_the_program_passes(arguments: list[str], serve: Callable[[Any], None]) -> None:
    async def daemon(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError

    serve(daemon)

    with pytest.raises(ZeroDivisionError):
        main(arguments)


def test_a_second_daemon_is_refused(arguments: list[str], serve: Callable[[Any], None]) -> None:
    status = []

    async def daemon(*_: Any, **__: Any) -> None:
        status.append(await trio.to_thread.run_sync(main, arguments))

    serve(daemon)

    assert main(arguments) == Exit.OK
    assert status == [Exit.RUNNING]


def test_a_place_that_cannot_be_used(arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "r").mkdir(mode=0o755)

    assert main(arguments) == Exit.PLACE
    assert "chmod 700" in capsys.readouterr().err


def test_check_config_says_what_it_read(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check-config", *arguments]) == Exit.OK
    assert "c.toml" in capsys.readouterr().out


def test_settings_of_the_environment_and_of_flags_are_heeded_in_this_order(
    arguments: list[str], serve: Callable[[Any], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    async def daemon(configuration: Configuration, *_: Any, **__: Any) -> None:
        settings = configuration.settings
        seen.append((settings.max_total_sessions, settings.load_balancing, settings.sessions.hibernate_after))

    serve(daemon)
    monkeypatch.setenv("JELMORE_MAX_TOTAL_SESSIONS", "4")
    monkeypatch.setenv("JELMORE_LOAD_BALANCING", "yes")

    assert main([*arguments, "--set", "sessions.hibernate_after=60", "--set", "load_balancing=false"]) == Exit.OK
    assert seen == [(4, False, 60)]


def test_check_config_says_what_does_not_come_from_a_file(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("JELMORE_LOAD_BALANCING", "yes")

    assert main(["check-config", *arguments, "--set", "sessions.hibernate_after=60"]) == Exit.OK
    said = capsys.readouterr().out.splitlines()
    assert "JELMORE_LOAD_BALANCING: load_balancing" in said
    assert "--set: sessions.hibernate_after" in said


def test_check_config_names_every_fault(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "c.toml").write_text("x = 1\ny = 2\n")

    assert main(["check-config", "--config", str(tmp_path / "c.toml")]) == Exit.CONFIG
    assert len(capsys.readouterr().err.splitlines()) == 2


@pytest.mark.parametrize("wrong", [["sreve"], ["--log-level", "loud"], ["--conf", "x"]])
def test_wrong_arguments(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(wrong)
    assert ended.value.code == Exit.USAGE


def test_help_tells_every_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    said = capsys.readouterr().out

    assert all(f"{status.value}  {status.meaning}" in said for status in Exit)
    assert len({status.value for status in Exit}) == len(Exit)
    assert EXITS[ConfigError] is Exit.CONFIG


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out == f"jelmored {jelmored.__version__}\n"
