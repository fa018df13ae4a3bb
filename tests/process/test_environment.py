from __future__ import annotations

import os
import pwd

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jelmored.domain.ids import InstanceId
from jelmored.process.environment import INSTANCE, PASSED, PASSED_PREFIXES, child_environment

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
        *("PATH", "HOME", "LC_ALL", "XDG_RUNTIME_DIR", "https_proxy"),
        INSTANCE,
    }


def test_what_is_given_on_purpose_wins() -> None:
    env = child_environment({"LANG": "C", "HOME": "/a"}, {"LANG": "de", "ANTHROPIC_API_KEY": "k"}, instance_id=ME)
    assert env == {"LANG": "de", "HOME": "/a", "ANTHROPIC_API_KEY": "k", INSTANCE: ME}


@pytest.mark.parametrize("parent", [{}, {"HOME": ""}])
def test_there_is_always_a_home(parent: dict[str, str]) -> None:
    assert child_environment(parent, {}, instance_id=ME)["HOME"] == pwd.getpwuid(os.getuid()).pw_dir


NAMES = st.text(min_size=1) | st.sampled_from([*SECRETS, *PASSED, INSTANCE])


@given(parent=st.dictionaries(NAMES, st.text()), extra=st.dictionaries(NAMES, st.text()))
def test_nothing_else_ever_passes(parent: dict[str, str], extra: dict[str, str]) -> None:
    env = child_environment(parent, extra, instance_id=ME)
    assert env[INSTANCE] == ME
    for name, value in env.items():
        given_for_it = name in extra or name in {INSTANCE, "HOME"}
        assert given_for_it or ((name in PASSED or name.startswith(PASSED_PREFIXES)) and parent[name] == value)
