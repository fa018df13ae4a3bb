from __future__ import annotations

import os
from pathlib import Path

import pytest

from jelmored.providers.demo.agent.tools import run_command, use


def _no_wait(_: float) -> None:
    pass


def test_a_command_tells_what_it_wrote_and_whether_it_failed() -> None:
    done = use("Bash", {"command": "echo out; echo err >&2; exit 3"}, _no_wait)

    assert (done.text, done.failed) == ("out\nerr", True)


def test_what_the_wait_raises_ends_the_command(tmp_path: Path) -> None:
    def stop(_: float) -> None:
        if (tmp_path / "pid").exists() and (tmp_path / "pid").read_text():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_command(f"echo $$ > {tmp_path}/pid; sleep 30; true", stop)

    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_a_write_tells_what_was_there_before(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    made = use("Write", {"file_path": str(file), "content": "one"}, _no_wait)
    changed = use("Write", {"file_path": str(file), "content": "two"}, _no_wait)

    assert file.read_text() == "two"
    assert (made.native or {})["originalFile"] is None
    assert (changed.native or {})["originalFile"] == "one"


def test_an_edit_changes_the_first_place_alone(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text("a b a")
    use("Edit", {"file_path": str(file), "old_string": "a", "new_string": "c"}, _no_wait)

    assert file.read_text() == "c b a"


@pytest.mark.parametrize(
    ("tool", "given"),
    [
        ("Edit", {"file_path": "a.txt", "old_string": "nowhere", "new_string": ""}),
        ("Edit", {"file_path": "missing.txt", "old_string": "a", "new_string": "b"}),
        ("Write", {"file_path": "no/such/directory/a.txt", "content": ""}),
        ("Bash", {}),
    ],
)
def test_what_can_not_be_done_is_an_outcome(
    tool: str, given: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.txt").write_text("a")

    assert use(tool, given, _no_wait).failed


def test_answers_are_told_by_their_questions() -> None:
    answers = {"Which?": "Blue", "What else?": "Apples, Plums"}

    told = use("AskUserQuestion", {"answers": answers}, _no_wait).text
    assert told == 'Your questions have been answered: "Which?"="Blue", "What else?"="Apples, Plums".'
