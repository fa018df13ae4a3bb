"""What is written, and what never is."""

from __future__ import annotations

import io
import json
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import structlog
import trio
from structlog.testing import capture_logs

from jelmored.domain.ids import ProviderName, SessionId
from jelmored.logs import Level, about, configure, in_turn, leads_to_journal
from jelmored.secrecy import Secrets

SECRET = "sk-live-0123456789"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


Lines = Callable[[], list[dict[str, Any]]]


def _pipe(level: Level = Level.INFO, **options: Any) -> Lines:
    stream = io.TextIOWrapper(io.BytesIO())
    configure(level, stream=stream, **options)

    def lines() -> list[dict[str, Any]]:
        return [json.loads(line) for line in stream.buffer.getvalue().splitlines()]

    return lines


log = structlog.get_logger()


@pytest.mark.parametrize("time", [1, 2])
def test_what_a_test_configures_is_gone_with_it(time: int) -> None:
    with capture_logs() as captured:
        log.debug("seen")
    assert [entry["event"] for entry in captured] == ["seen"]
    lines = _pipe()
    log.info("used")
    assert len(lines()) == 1


def test_elsewhere_than_on_a_terminal_a_line_is_a_json_object() -> None:
    lines = _pipe()
    structlog.get_logger().info("run started", pid=7)

    [line] = lines()
    assert line.pop("timestamp").endswith("Z")
    assert line == {"event": "run started", "pid": 7, "level": "info"}


def test_on_a_terminal_it_is_a_line_to_read() -> None:
    terminal = Terminal()
    configure(stream=terminal)
    structlog.get_logger().info("run started", pid=7)

    assert "run started" in terminal.getvalue()
    assert not terminal.getvalue().startswith("{")


def test_in_the_journal_a_line_has_its_priority_before_it(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w+") as stream:
        found = os.fstat(stream.fileno())
        configure(Level.DEBUG, stream=stream, environ={"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"})
        for level in ("debug", "info", "warning", "error", "critical", "exception"):
            getattr(structlog.get_logger(), level)("said")
        stream.seek(0)
        lines = stream.read().splitlines()
    assert [line[:4] for line in lines] == ["<7>{", "<6>{", "<4>{", "<3>{", "<2>{", "<3>{"]
    assert json.loads(lines[0][3:])["event"] == "said"


def test_elsewhere_it_has_none(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w+") as stream:
        for stream_of in ("1:2", ""):
            assert not leads_to_journal(stream, {"JOURNAL_STREAM": stream_of})
        configure(stream=stream, environ={})
        structlog.get_logger().info("said")
        stream.seek(0)
        assert stream.read().startswith("{")
    assert not leads_to_journal(io.StringIO(), {"JOURNAL_STREAM": "1:2"})


def test_what_is_below_the_level_is_not_written() -> None:
    lines = _pipe(Level.WARNING)
    structlog.get_logger().info("no")
    structlog.get_logger().warning("yes")

    assert [line["event"] for line in lines()] == ["yes"]


async def test_lines_tell_what_they_speak_of_also_in_tasks_started_there() -> None:
    lines = _pipe()

    async def work() -> None:
        structlog.get_logger().info("inside")

    async with trio.open_nursery() as nursery:
        with about(session=SessionId("ses_1"), provider=ProviderName("claude")):
            in_turn(3)
            nursery.start_soon(work)
            in_turn(None)
        structlog.get_logger().info("outside")

    inside = next(line for line in lines() if line["event"] == "inside")
    outside = next(line for line in lines() if line["event"] == "outside")
    assert inside.items() >= {"session": "ses_1", "provider": "claude", "turn": 3}.items()
    assert "session" not in outside


@pytest.mark.parametrize("level", list(Level))
def test_a_known_secret_is_never_written(level: Level) -> None:
    lines = _pipe(level, secrets=Secrets([SECRET, ""]))
    try:
        raise ValueError(f"401 for {SECRET}")
    except ValueError:
        structlog.get_logger().exception(f"with {SECRET}", url=f"http://{SECRET}@host", more={"deep": [SECRET]})

    assert SECRET not in json.dumps(lines())
    assert "401 for [redacted]" in lines()[0]["exception"]


def test_what_is_called_a_secret_is_never_written() -> None:
    lines = _pipe(Level.DEBUG)
    structlog.get_logger().debug("x", api_key="abc", headers={"Authorization": "abc"}, input_tokens=4)

    [line] = lines()
    assert "abc" not in json.dumps(line)
    assert line["input_tokens"] == 4


@pytest.mark.parametrize("key", ["prompt", "text", "content", "input", "blocks", "raw"])
def test_a_prompts_text_is_not_written_at_info(key: str) -> None:
    lines = _pipe()
    structlog.get_logger().info("x", **{key: "my diary"})
    structlog.get_logger().info("x", nested={key: ["my diary"]})

    assert "diary" not in json.dumps(lines())
    assert lines()[0][key] == "[8 characters]"


def test_at_debug_it_is() -> None:
    lines = _pipe(Level.DEBUG)
    structlog.get_logger().debug("x", prompt="my diary")

    assert lines()[0]["prompt"] == "my diary"


@pytest.mark.parametrize("terminal", [True, False])
def test_a_traceback_shows_no_local_variables(terminal: bool) -> None:
    stream = Terminal() if terminal else io.TextIOWrapper(io.BytesIO())
    configure(stream=stream)
    prompt = "my diary"
    try:
        raise ValueError(len(prompt))
    except ValueError:
        structlog.get_logger().exception("failed")

    written = stream.getvalue() if isinstance(stream, Terminal) else stream.buffer.getvalue().decode()
    assert "ValueError: 8" in written
    assert "my diary" not in written


def test_what_libraries_warn_of_comes_too_and_no_more() -> None:
    lines = _pipe(Level.DEBUG, secrets=Secrets([SECRET]))
    logging.getLogger("httpx").info("GET /")
    logging.getLogger("trio-websocket").warning("bad frame from %s", SECRET)

    [line] = lines()
    assert line.items() >= {"event": "bad frame from [redacted]", "library": "trio-websocket"}.items()


def test_a_value_that_json_does_not_know_is_shown_as_python_shows_it() -> None:
    lines = _pipe()
    structlog.get_logger().info("x", status=Level.INFO, place=3 + 1j)

    assert lines()[0].items() >= {"status": "info", "place": "(3+1j)"}.items()


def test_what_becomes_a_secret_later_is_hidden_from_then_on() -> None:
    secrets = Secrets(["first-secret"])
    lines = _pipe(secrets=secrets)
    bound = structlog.get_logger()
    bound.info("first-secret second-secret")
    secrets.learn(["second-secret", "short"])
    bound.info("first-secret second-secret short")

    said = [line["event"] for line in lines()]
    assert said == ["[redacted] second-secret", "[redacted] [redacted] short"]
