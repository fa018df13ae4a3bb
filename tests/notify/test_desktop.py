"""The desktop, as far as notify-send: a program of that name that writes down what it gets."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from jelmored.domain.ids import InstanceId
from jelmored.notify.desktop import Desktop, surroundings
from jelmored.notify.transitions import Transition

from .cases import notice
from .programs import complaints, path_with, program

BUS = "unix:path=/nowhere/bus"


def desktop(tmp_path: Path, *, platform: str = "linux", **environ: str) -> Desktop:
    surely_none = {"XDG_RUNTIME_DIR": str(tmp_path / "no-runtime")}
    return Desktop(
        {"PATH": path_with(tmp_path), "HOME": "/", **surely_none, **environ}, InstanceId("ins_test"), platform=platform
    )


async def test_it_says_which_session_and_what(tmp_path: Path) -> None:
    sender = program(tmp_path, "notify-send")
    with capture_logs() as logged:
        await desktop(tmp_path, DBUS_SESSION_BUS_ADDRESS=BUS).tell(notice())

    assert sender.args == ["--app-name=jelmore", "--urgency=normal", "--", "tidy waits for you", "Bash: ls"]
    assert sender.env["DBUS_SESSION_BUS_ADDRESS"] == BUS
    assert logged == []


async def test_what_need_not_disturb_does_not(tmp_path: Path) -> None:
    sender = program(tmp_path, "notify-send")
    await desktop(tmp_path, DISPLAY=":0").tell(notice(event=Transition.ENDED))
    assert sender.args[1] == "--urgency=low"
    assert sender.env["DISPLAY"] == ":0"


async def test_texts_are_neither_options_nor_markup_nor_escapes(tmp_path: Path) -> None:
    sender = program(tmp_path, "notify-send")
    hostile = notice(r"--icon=/etc/passwd <b>&\033[2J", name="--urgency=critical")
    await desktop(tmp_path, DBUS_SESSION_BUS_ADDRESS=BUS).tell(hostile)
    assert sender.args[2:] == [
        "--",
        "--urgency=critical waits for you",
        r"--icon=/etc/passwd &lt;b&gt;&amp;\\033[2J",
    ]


async def test_without_a_desktop_that_is_said_once(tmp_path: Path) -> None:
    sender, none = program(tmp_path, "notify-send"), desktop(tmp_path)
    with capture_logs() as logged:
        for _ in range(3):
            await none.tell(notice())
    assert [line["log_level"] for line in logged] == ["info", "debug", "debug"]
    assert not sender.called


@pytest.mark.parametrize(
    ("more", "why"), [("echo 'no server' >&2; exit 1", "no server"), (None, "notify-send is not there")]
)
async def test_a_desktop_that_takes_nothing_is_said_once(tmp_path: Path, more: str | None, why: str) -> None:
    if more:
        program(tmp_path, "notify-send", more)
    there = desktop(tmp_path, DBUS_SESSION_BUS_ADDRESS=BUS, **({} if more else {"PATH": str(tmp_path)}))
    with capture_logs() as logged:
        for _ in range(2):
            await there.tell(notice())
    said = complaints(logged)
    assert [line["log_level"] for line in said] == ["info", "debug"]
    assert why in said[0]["why"]


def test_the_bus_is_found_where_systemd_puts_it(tmp_path: Path) -> None:
    environ = {"XDG_RUNTIME_DIR": str(tmp_path), "WAYLAND_DISPLAY": "wayland-0", "TERM": "xterm"}
    assert surroundings(environ) == {"WAYLAND_DISPLAY": "wayland-0"}
    with socket.socket(socket.AF_UNIX) as bus:
        bus.bind(str(tmp_path / "bus"))
        assert surroundings(environ)["DBUS_SESSION_BUS_ADDRESS"] == f"unix:path={tmp_path}/bus"
        assert surroundings({**environ, "DBUS_SESSION_BUS_ADDRESS": BUS})["DBUS_SESSION_BUS_ADDRESS"] == BUS


async def test_on_macos_the_texts_are_arguments_of_the_script(tmp_path: Path) -> None:
    script = program(tmp_path, "osascript")
    await desktop(tmp_path, platform="darwin").tell(notice('" & (do shell script "id") & "'))
    assert script.args[-3:] == ["--", "tidy waits for you", '" & (do shell script "id") & "']
    assert not any("id" in word for word in script.args[:-3])
