"""Of a configuration with faults what may be a secret in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from jelmored.config.sources import Sources
from jelmored.config.suspects import suspects

FAULTY = """
no_such = "harmless"
[notify]
webhook = "https://hooks.example/in-the-address"
[providers.claude]
max_concurrent_sessions = -1
environment = { API_KEY = "named", OTHER = { env = "POINTED" }, GIT_AUTHOR_NAME = "A. Person" }
"""


def test_its_keys_tell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POINTED", "pointed at")
    file = tmp_path / "config.toml"
    file.write_text(FAULTY)
    environ = {"JELMORE_OPENCODE_API_KEY": "by the environment", "JELMORE_NO_SUCH": "harmless"}
    found = suspects(Sources(config=file, environ=environ, flags=["providers.opencode.api_key='by a flag'"]))
    assert found == {
        "named",
        "pointed at",
        "https://hooks.example/in-the-address",
        "by the environment",
        "by a flag",
    }


def test_where_they_can_not_be_told_all_that_is_quoted_is_one(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text("""[providers.claude\nenvironment = { API_KEY = "in-the-open", B = 'other' }""")
    assert suspects(Sources(config=file)) == {"in-the-open", "other"}


def test_of_a_file_that_is_not_there_nothing_is_told(tmp_path: Path) -> None:
    assert suspects(Sources(config=tmp_path / "none.toml")) == frozenset()
