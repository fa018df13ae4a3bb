from __future__ import annotations

from pathlib import Path

import pytest

from jelmored.providers.demo.agent import scenes
from jelmored.providers.demo.agent.scenes import Scene, Use
from jelmored.providers.demo.agent.tools import Outcome


def _played(scene: Scene, outcome: Outcome) -> tuple[list[Use], str]:
    """All uses, each with this outcome, and the last words."""
    uses = []
    try:
        use = next(scene)
        while True:
            uses.append(use)
            use = scene.send(outcome)
    except StopIteration as over:
        return uses, over.value


@pytest.mark.parametrize(
    ("prompt", "wanted"),
    [
        ("Edit this, then ask a question.", [scenes.edit, scenes.question]),
        ("STEPS", [scenes.steps]),
        ("edit, edit", [scenes.edit]),
        ("edited questionable stepstones", []),
    ],
)
def test_a_prompt_names_them(prompt: str, wanted: list[object]) -> None:
    assert list(scenes.named_in(prompt)) == wanted


@pytest.mark.parametrize("scene", [scenes.command, scenes.question, scenes.edit])
def test_a_no_is_understood(scene: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    uses, words = _played(scene(0), Outcome("no", failed=True, denied=True))  # type: ignore[operator]

    assert [use.asks for use in uses] == [True]
    assert "You" in words
    assert "no" in words


def test_an_edit_is_of_its_own_file_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    [written], _ = _played(scenes.edit(0), Outcome("done"))
    (tmp_path / "demo.txt").write_text("old line\nanother\n")
    [edited], _ = _played(scenes.edit(0), Outcome("done"))

    assert written.input["file_path"] == edited.input["file_path"] == str(tmp_path / "demo.txt")
    assert edited.input["old_string"] == "old line"


def test_what_needs_no_permission_does_not_ask() -> None:
    for scene in (scenes.steps, scenes.todos):
        uses, _ = _played(scene(0), Outcome("done"))
        assert len(uses) > 2
        assert not any(use.asks for use in uses)
