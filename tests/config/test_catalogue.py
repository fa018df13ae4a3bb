"""The catalogue's files: the one that is shipped holds, a user's changes it, and faults are told with their lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from jelmored.config.catalogue import files, load, shipped
from jelmored.errors import ConfigError

SHIPPED = load([shipped()])


def test_the_families_are_there() -> None:
    windows = {name: entry.context_length for name, entry in SHIPPED.entries.items()}

    assert max(windows.values()) == 2_000_000
    assert all(windows.values())
    for name in ("claude-opus-4-1", "claude-3-5-sonnet", "claude-3-haiku", "deepseek-v3", "kimi-k2", "qwen2.5-coder"):
        assert SHIPPED.find(name), name


def test_no_successor_and_no_equivalent_is_retired() -> None:
    gone = {name for name, entry in SHIPPED.entries.items() if entry.retired}
    told = {other for entry in SHIPPED.entries.values() for other in (entry.retired, *entry.equivalents)}

    assert gone
    assert not gone & told


def test_a_users_file_changes_key_by_key_and_adds(tmp_path: Path) -> None:
    mine = tmp_path / "models.toml"
    mine.write_text(
        '[models."claude-3-haiku"]\nretired = ""\n[models.mine]\ncontext_length = 5\nnames.claude = ["my"]\n'
        "prices = { input = 1, output = 2 }\n"
    )
    catalogue = load(files(tmp_path / "config.toml"))

    assert catalogue.successor("claude-3-haiku-20240307") is None
    assert catalogue.entries["claude-3-haiku"].context_length == 200_000
    mine_now = catalogue.find("my")
    assert mine_now is not None
    assert mine_now.context_length == 5


def test_which_files_are_read(tmp_path: Path) -> None:
    own = tmp_path / "jelmored" / "models.toml"
    assert own not in files(environ={"XDG_CONFIG_HOME": str(tmp_path)})
    own.parent.mkdir()
    own.touch()
    assert files(environ={"XDG_CONFIG_HOME": str(tmp_path)})[-1] == own
    assert files(tmp_path / "config.toml") == [shipped()]


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ('[models.a]\n[models."b.1"]\ncontext_length = "x"', 3, 'models."b.1".context_length: expected a whole number'),
        ("[models.a]\nprices = { input = -1 }", 2, "models.a.prices.input: expected a number from 0"),
        ("[models.a]\nwindow = 1", 2, "models.a.window: unknown key"),
        ('[models.a]\nequivalents = ["claude-opus-4.8"]', 2, "did you mean claude-opus-4-8?"),
        ('[models.a]\nretired = "gone"', 2, "there is no model 'gone'"),
        ('[models.a]\nretired = "claude-3-haiku"', 2, "claude-3-haiku is retired itself"),
        ('[models.a]\nnames.claude = ["Opus"]', 1, "'Opus' is a name of claude-opus-4-8 already"),
        ("model = 1", 1, "model: unknown key"),
    ],
)
def test_a_fault_is_told_with_its_line(tmp_path: Path, text: str, line: int, said: str) -> None:
    file = tmp_path / "models.toml"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load([shipped(), file])

    (fault,) = caught.value.faults
    assert fault.startswith(f"{file}:{line}: ")
    assert said in fault
