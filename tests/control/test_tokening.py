"""`jelmored token`, as an operator types it."""

from __future__ import annotations

from pathlib import Path

import pytest

from jelmored.cli import Exit, main
from jelmored.control.tokens import TokenFiles

Said = pytest.CaptureFixture[str]


@pytest.fixture
def state(tmp_path: Path) -> list[str]:
    return ["--state-dir", str(tmp_path)]


def test_the_life_of_a_token(state: list[str], tmp_path: Path, capsys: Said) -> None:
    file = tmp_path / "tokens" / "ci"
    assert main(["token", "list", *state]) == Exit.OK
    assert "no tokens in" in capsys.readouterr().out
    assert main(["token", "add", "ci", "--scope", "operator", *state]) == Exit.OK
    first = file.read_text()
    assert main(["token", "list", *state]) == Exit.OK
    assert main(["token", "rotate", "ci", *state]) == Exit.OK
    assert (file.read_text() != first, file.read_text()[:9]) == (True, "operator.")
    assert main(["token", "revoke", "ci", *state]) == Exit.OK
    assert not file.exists()
    said = capsys.readouterr().out
    assert f"added: ci (operator) in {file}" in said
    assert f"JELMORE_TOKEN_FILE={file}" in said
    assert "ci                   operator" in said
    assert first.strip() not in said


def test_if_nothing_is_said_it_is_for_observers_and_the_first_one_is_rotated(
    state: list[str], tmp_path: Path, capsys: Said
) -> None:
    assert main(["token", "add", "ci", *state]) == Exit.OK
    assert (tmp_path / "tokens" / "ci").read_text().startswith("observer.")
    assert main(["token", "rotate", *state]) == Exit.PLACE
    assert "there is no" in capsys.readouterr().err
    (TokenFiles(tmp_path / "tokens")).revoke("ci")
    TokenFiles(tmp_path / "tokens").ensure()
    assert main(["token", "rotate", *state]) == Exit.OK
    assert "rotated: admin" in capsys.readouterr().out


def test_what_can_t_be_used_is_in_the_list(state: list[str], tmp_path: Path, capsys: Said) -> None:
    assert main(["token", "add", "ci", *state]) == Exit.OK
    (tmp_path / "tokens" / "ci").chmod(0o644)
    assert main(["token", "list", *state]) == Exit.OK
    assert "unusable: " in (said := capsys.readouterr().out)
    assert "chmod 600" in said


@pytest.mark.parametrize(
    "words",
    [["token"], ["token", "x"], ["token", "add"], ["token", "add", "a/b"], ["token", "add", "a", "--scope", "root"]],
)
def test_what_makes_no_sense(words: list[str], capsys: Said) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == Exit.USAGE
    assert "usage: jelmored token" in capsys.readouterr().err


def test_the_help_names_the_command(capsys: Said) -> None:
    for words in (["--help"], ["token", "--help"], ["token", "add", "--help"]):
        with pytest.raises(SystemExit):
            main(words)
        assert "token" in capsys.readouterr().out
