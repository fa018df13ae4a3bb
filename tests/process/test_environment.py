from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jelmored.domain.ids import InstanceId
from jelmored.process.environment import GUARDS, INSTANCE, PASSED, PASSED_PREFIXES, child_environment, search_path

ME = InstanceId("ins_me")

SECRETS = (
    *("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"),
    *("CREDENTIALS_DIRECTORY", "STATE_DIRECTORY", "RUNTIME_DIRECTORY", "INVOCATION_ID", "JOURNAL_STREAM"),
    "JELMORE_CONFIG_FILE",
    "ANTHROPIC_API_KEY",
    "PYTHONPATH",
    "LD_PRELOAD",
)


def test_only_what_is_listed_passes() -> None:
    parent = dict.fromkeys([*SECRETS, "PATH", "HOME", "LC_ALL", "XDG_RUNTIME_DIR", "https_proxy"], "x")
    assert set(child_environment(parent, {}, instance_id=ME)) == {
        *GUARDS,
        *("PATH", "HOME", "LC_ALL", "XDG_RUNTIME_DIR", "https_proxy"),
        INSTANCE,
    }


def test_what_is_given_on_purpose_wins() -> None:
    env = child_environment({"LANG": "C", "HOME": "/a"}, {"LANG": "de", "ANTHROPIC_API_KEY": "k"}, instance_id=ME)
    assert env == {**GUARDS, "LANG": "de", "HOME": "/a", "ANTHROPIC_API_KEY": "k", INSTANCE: ME}


@pytest.mark.parametrize("parent", [{}, {"HOME": ""}])
def test_there_is_always_a_home(parent: dict[str, str]) -> None:
    assert child_environment(parent, {}, instance_id=ME)["HOME"] == pwd.getpwuid(os.getuid()).pw_dir


NAMES = st.text(min_size=1) | st.sampled_from([*SECRETS, *PASSED, INSTANCE])


VARIABLES = st.dictionaries(NAMES, st.text())


@given(parent=VARIABLES, extra=VARIABLES, brought=VARIABLES)
def test_nothing_else_ever_passes(parent: dict[str, str], extra: dict[str, str], brought: dict[str, str]) -> None:
    env = child_environment(parent, extra, instance_id=ME, brought=brought)
    assert env[INSTANCE] == ME
    assert {**env, **extra, INSTANCE: ME} == env, "the provider's own wins over all, and the mark over that"
    for name, value in env.items():
        given_for_it = (
            name in extra
            or env.get(name) == GUARDS.get(name)
            or name in {INSTANCE, "HOME", "PATH"}
            or (brought.get(name) == value and name not in GUARDS)
        )
        assert given_for_it or ((name in PASSED or name.startswith(PASSED_PREFIXES)) and parent[name] == value)


def test_what_is_brought_takes_no_guard_away() -> None:
    env = child_environment({}, {}, instance_id=ME, brought={"GIT_CONFIG_COUNT": "0"})
    assert GUARDS.items() <= env.items()


def test_a_path_that_is_brought_goes_before_the_daemons() -> None:
    brought = {"PATH": "/venv/bin:/usr/bin", "VIRTUAL_ENV": "/venv"}
    env = child_environment({"PATH": "/usr/bin:/opt/node", "HOME": "/a"}, {}, instance_id=ME, brought=brought)
    assert env == {
        **GUARDS,
        "PATH": "/venv/bin:/usr/bin:/opt/node",
        "VIRTUAL_ENV": "/venv",
        "HOME": "/a",
        INSTANCE: ME,
    }


@pytest.mark.parametrize("path", ["/a::/b", ":/a:/b", "/a:/b:", "/a:.:/b", "/a:bin:../x:/b", "/a:/b:/a"])
def test_nothing_is_looked_for_in_the_directory_of_a_project(path: str) -> None:
    assert search_path(path) == "/a:/b"
    assert child_environment({"PATH": path}, {}, instance_id=ME)["PATH"] == "/a:/b"


@pytest.mark.parametrize(
    "command", [("status", "--short"), ("log", "--oneline", "-n", "5"), ("ls-files", "--modified")]
)
def test_git_runs_no_program_of_a_repository_when_an_agent_looks_around(tmp_path: Path, command: Sequence[str]) -> None:
    ran = tmp_path / "ran"
    for words in (["init", "-q"], ["config", "core.fsmonitor", f"touch {ran}; false"]):
        subprocess.run(["git", "-C", tmp_path, *words], check=True)
    (tmp_path / "file").write_text("")
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    if command[0] != "log":
        subprocess.run(["git", *command], cwd=tmp_path, env=env, capture_output=True)
        assert ran.exists(), "it would, without"
        ran.unlink()
    subprocess.run(["git", *command], cwd=tmp_path, env=child_environment(env, {}, instance_id=ME), capture_output=True)
    assert not ran.exists()
