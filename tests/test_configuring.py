"""`jelmored config`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jelmored.cli import Exit, main


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return tmp_path / "jelmored" / "config.toml"


Said = pytest.CaptureFixture[str]


def test_a_setting_is_set_and_unset_and_when_it_counts_is_said(file: Path, capsys: Said) -> None:
    assert main(["config", "set", "sessions.hibernate_after", "60"]) == Exit.OK
    assert main(["config", "set", "default_provider", "opencode"]) == Exit.OK
    assert main(["config", "set", "providers.claude.max_turns", "9"]) == Exit.OK
    assert main(["config", "set", "journal.synchronous", "normal"]) == Exit.OK
    assert main(["config", "unset", "default_provider"]) == Exit.OK
    assert file.read_text().lstrip() == (
        '[sessions]\nhibernate_after = 60\n\n[providers.claude]\nmax_turns = 9\n\n[journal]\nsynchronous = "normal"\n'
    )
    said = capsys.readouterr().out.splitlines()
    assert [line.partition("; ")[2] for line in said] == [
        "it counts after `jelmore daemon reload`",
        "it counts after `jelmore daemon reload`",
        "after `jelmore daemon reload` it counts for agents that are started from then on",
        "it counts from the next start of the daemon on",
        "it counts after `jelmore daemon reload`",
    ]


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (["set", "max_total_sessions", "0"], "config.toml:4: max_total_sessions: expected a whole number"),
        (["set", "sessions.hibernate_afer", "1"], "hibernate_afer: unknown key; did you mean hibernate_after?"),
        (["set", "a b", "1"], "a b: expected KEY=VALUE"),
        (["unset", "load_balancing"], "load_balancing is not set there"),
        (["unset", "providers.work.type"], "config.toml:2: providers.work: needs a type"),
    ],
)
def test_with_a_fault_nothing_is_written(file: Path, capsys: Said, words: list[str], fault: str) -> None:
    file.parent.mkdir()
    before = '# mine\n[providers.work]\ntype = "demo"\n[sessions]\nexpire_after = 1\n'
    file.write_text(before)

    assert main(["config", *words]) == Exit.CONFIG
    assert fault.replace("config.toml:4: max", "max") in capsys.readouterr().err
    assert file.read_text() == before


def test_what_wins_over_the_file_is_said(file: Path, capsys: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JELMORE_LOAD_BALANCING", "yes")

    assert main(["config", "set", "load_balancing", "false"]) == Exit.OK
    assert "but JELMORE_LOAD_BALANCING says otherwise, and wins" in capsys.readouterr().out


def test_another_file_is_changed_if_it_is_read_instead(file: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.toml"
    other.write_text("")

    assert main(["config", "set", "--config", str(other), "load_balancing", "true"]) == Exit.OK
    assert other.read_text() == "load_balancing = true\n"
    assert not file.exists()


def test_what_a_daemon_would_go_by_is_shown(file: Path, capsys: Said) -> None:
    main(["config", "set", "providers.claude.environment.A_KEY", "sk-secret"])
    main(["config", "set", "budget.per_day_usd", "5"])
    capsys.readouterr()

    assert main(["config", "show", "budget", "--origins"]) == Exit.OK
    assert capsys.readouterr().out.splitlines() == [
        "budget.per_session_usd = 0     # default; live",
        f"budget.per_day_usd = 5         # {file}:5; live",
        "budget.count_notional = false  # default; live",
    ]
    assert main(["config", "show", "--json"]) == Exit.OK
    shown = capsys.readouterr().out
    assert len(json.loads(shown)["settings"]) > 40
    assert "sk-secret" not in shown
    assert main(["config", "show", "nope"]) == Exit.CONFIG


def test_check_is_that_of_check_config(file: Path, capsys: Said) -> None:
    assert main(["config", "check"]) == Exit.OK
    said = capsys.readouterr().out
    assert main(["check-config"]) == Exit.OK
    assert capsys.readouterr().out == said
    file.parent.mkdir()
    file.write_text("x = 1\ny = 2\n")
    assert main(["config", "check"]) == Exit.CONFIG
    assert len(capsys.readouterr().err.splitlines()) == 2


@pytest.mark.parametrize("words", [[], ["set"], ["set", "a"], ["unset"], ["fly"]])
def test_wrong_arguments(words: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["config", *words])
    assert ended.value.code == Exit.USAGE
