from __future__ import annotations

from pathlib import Path

from jelmored.client.commands.configuration import lines
from jelmored.client.exits import Exit
from jelmored.wire.messages import Setting
from tests.client.daemon import FakeDaemon
from tests.client.machine import Machine


def _file(machine: Machine) -> Path:
    return machine.root / ".config" / "jelmored" / "config.toml"


async def test_a_daemon_that_runs_is_asked(daemon: FakeDaemon, machine: Machine) -> None:
    assert (await machine.jelmore("config")).out.splitlines() == [
        "load_balancing = true",
        'providers.claude.environment = { "A" = ["é"] }',
        'providers.claude.type = "claude"',
    ]
    assert (await machine.jelmore("config", "show", "--origins", "load_balancing")).out == (
        "load_balancing = true  # /c.toml:1; live\n"
    )
    shown = (await machine.jelmore("config", "show", "providers.claude", "--json")).json["settings"]
    assert [one["key"] for one in shown] == ["providers.claude.environment", "providers.claude.type"]
    assert (await machine.jelmore("config", "show", "provid")).code == Exit.REFUSED


async def test_without_one_it_is_what_the_files_say(machine: Machine) -> None:
    done = await machine.jelmore("config", "set", "budget.per_day_usd", "5")
    assert (done.code, done.err) == (Exit.OK, "")
    assert _file(machine).read_text() == "[budget]\nper_day_usd = 5\n"
    assert (await machine.jelmore("config", "show", "budget.per_day_usd", "--origins")).out == (
        f"budget.per_day_usd = 5  # {_file(machine)}:2; live\n"
    )
    assert not (machine.root / "state").exists(), "no daemon is started for it"


async def test_faults_are_told_and_nothing_is_written(machine: Machine) -> None:
    refused = await machine.jelmore("config", "set", "max_total_sessions", "0")
    assert (refused.code, refused.out) == (Exit.REFUSED, "")
    assert "expected a whole number from 1 to 10000, got 0" in refused.err
    assert not _file(machine).exists()
    (machine.work / "mine.toml").write_text("x = 1")
    checked = await machine.jelmore("config", "check", "--config", "mine.toml")
    assert checked.code == Exit.REFUSED
    assert f"{machine.work}/mine.toml:1: x: unknown key" in checked.err
    assert (await machine.jelmore("config", "check")).code == Exit.OK


async def test_a_setting_is_taken_out(machine: Machine) -> None:
    await machine.jelmore("config", "set", "load_balancing", "true")
    assert (await machine.jelmore("config", "unset", "load_balancing")).code == Exit.OK
    assert _file(machine).read_text() == ""
    assert (await machine.jelmore("config", "set", "load_balancing")).code == Exit.USAGE


def test_origins_stand_in_a_column_unless_a_line_is_long() -> None:
    settings = [
        Setting(key="a", value="x" * 80, origin="default", counts="live"),
        Setting(key="b", value={}, origin="f:1", counts="restart"),
    ]

    assert [line.index("#") for line in lines(settings, origins=True)] == [88, 62]
    assert list(lines([], origins=True)) == []
