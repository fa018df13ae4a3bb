from __future__ import annotations

import os

import pytest

from jelmored.service.handed import NAMES, take


def test_what_is_taken_is_in_the_environment_no_more() -> None:
    environ = dict.fromkeys(NAMES, "1") | {"PATH": "/bin"}
    take(environ)
    assert environ == {"PATH": "/bin"}


def test_nothing_is_handed_to_who_starts_by_hand() -> None:
    handed = take({"PATH": "/bin"})
    assert not handed.manager.is_there
    assert handed.watchdog is None


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        ({"WATCHDOG_USEC": "1500000"}, 1.5),
        ({"WATCHDOG_USEC": "1500000", "WATCHDOG_PID": str(os.getpid())}, 1.5),
        ({"WATCHDOG_USEC": "1500000", "WATCHDOG_PID": "1"}, None),  # another process is watched, not we
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_watchdog_s_time_if_it_is_ours(given: dict[str, str], seconds: float | None) -> None:
    assert take(given).watchdog == seconds


def test_the_manager_is_where_the_environment_says() -> None:
    assert take({"NOTIFY_SOCKET": "@x"}).manager.address == "@x"
    assert take({"NOTIFY_SOCKET": ""}).manager.address is None
