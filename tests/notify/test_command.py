"""The user's command: a real process."""

from __future__ import annotations

import os
from pathlib import Path

import orjson
import pytest
from structlog.testing import capture_logs

from jelmored.domain.ids import InstanceId
from jelmored.notify import command
from jelmored.notify.command import NoticeCommand
from jelmored.wire import codec

from .cases import notice
from .programs import complaints, program

US = InstanceId("ins_test")


def way(*argv: str, **environ: str) -> NoticeCommand:
    return NoticeCommand(argv, {"PATH": os.defpath, "HOME": "/", **environ}, US)


async def test_it_gets_the_notice_on_stdin_and_in_its_environment(tmp_path: Path) -> None:
    script = program(tmp_path, "tell-me")
    with capture_logs() as logged:
        await way(str(script.path), "--to", "me", VENDOR_API_KEY="sk-1").tell(notice())

    assert script.args == ["--to", "me"]
    assert orjson.loads(script.stdin) == codec.to_json(notice())
    assert script.stdin.endswith(b"}\n")
    assert (
        script.env.items()
        >= {
            "JELMORE_EVENT": "waiting",
            "JELMORE_SESSION_ID": "ses_1",
            "JELMORE_SESSION_NAME": "tidy",
            "JELMORE_DIRECTORY": "/work",
            "JELMORE_HEADLINE": "tidy waits for you",
            "JELMORE_TEXT": "Bash: ls",
            "PWD": "/",
        }.items()
    )
    assert "VENDOR_API_KEY" not in script.env, "the daemon's environment is not its business"
    assert logged == []


async def test_a_session_without_a_name_has_an_empty_one(tmp_path: Path) -> None:
    script = program(tmp_path, "tell-me")
    await way(str(script.path)).tell(notice(name=None))
    assert script.env["JELMORE_SESSION_NAME"] == ""
    assert script.env["JELMORE_HEADLINE"] == "Tidy the shed waits for you"


@pytest.mark.parametrize(
    ("argv", "fault", "stderr"),
    [
        (("sh", "-c", "echo no net >&2; exit 7"), "exit code 7", "no net\n"),
        (("sh", "-c", "kill -TERM $$"), "ended by signal 15", ""),
        (("no-such-tool",), "no-such-tool is not there, or not executable", None),
    ],
)
async def test_what_goes_wrong_is_logged_once(argv: tuple[str, ...], fault: str, stderr: str | None) -> None:
    with capture_logs() as logged:
        await way(*argv).tell(notice())

    expected = {"event": "notice not told", "log_level": "warning", "way": "command", "by": argv[0], "fault": fault}
    [line] = complaints(logged)
    assert line.items() >= {**expected, "session": "ses_1", "notice": "waiting"}.items()
    assert line.get("stderr") == stderr


async def test_only_the_end_of_what_it_complains_of_is_logged() -> None:
    with capture_logs() as logged:
        await way("sh", "-c", "head -c 9000 /dev/zero | tr '\\0' x >&2; echo last >&2; exit 1").tell(notice())
    [line] = complaints(logged)
    assert (len(line["stderr"]), line["stderr"][-6:]) == (command.STDERR, "xlast\n")


async def test_one_that_hangs_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "SECONDS", 0.3)
    with capture_logs() as logged:
        await way("sleep", "1000").tell(notice())
    assert [line["fault"] for line in logged] == ["not over after 0 s"]
