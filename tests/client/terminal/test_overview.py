from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from jelmored.client.glance import Glance
from jelmored.client.terminal.overview import overview
from jelmored.client.terminal.text import width
from jelmored.domain.permissions import Approval
from jelmored.domain.sessions import SessionView
from jelmored.domain.times import to_rfc3339
from jelmored.wire import codec
from tests.client.daemon import FakeDaemon, approval_of, question
from tests.client.expected import expected

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)


class Day:
    """Sessions of a day, each some seconds old."""

    def __init__(self) -> None:
        self.daemon = FakeDaemon(Path())
        self.glances: list[Glance] = []
        self.approvals: list[Approval] = []

    def session(self, name: str | None, status: str, seconds: int, **more: Any) -> None:
        seen = {key: more.pop(key) for key in ("tool", "said", "trouble") if key in more}
        since = to_rfc3339(NOW - timedelta(seconds=seconds))
        number = len(self.glances) % 16 + 1
        started = {"turnStartedAt": since} if status in {"active", "waiting_input"} else {}
        session = self.daemon.add(number, name=name, status=status, lastActivity=since, **started, **more)
        self.glances.append(Glance(view=codec.from_json(session.view, SessionView), **seen))

    def asks(self, title: str, seconds: int, **more: Any) -> None:
        """The last session does."""
        session = self.daemon.sessions[self.glances[-1].view.session_id]
        approval = approval_of(session, f"apr_{len(self.approvals)}", title, **more)
        created = {"createdAt": to_rfc3339(NOW - timedelta(seconds=seconds))}
        self.approvals.append(codec.from_json(approval | created, Approval))

    def seen(self, columns: int | None = 80, lines: int = 24) -> str:
        return "".join(span.text for span in overview(self.glances, self.approvals, NOW, columns, lines))


@pytest.fixture
def day() -> Day:
    return Day()


def busy(day: Day) -> None:
    day.session("tests", "waiting_input", 400)
    day.asks("Bash: npm test -- --watch=false --reporter=verbose && echo all of it", 130)
    day.session("docs", "waiting_input", 90)
    asked = question("style", "Which style shall the page have?", "Plain", "Rich")
    day.asks("AskUserQuestion", 8, kind="question", questions=[asked])
    day.session("build", "active", 4000, tool="Bash: cargo build --release", queuedPrompts=2)
    day.session(None, "active", 12)
    day.session("cloud", "failed", 300, trouble="not logged in: run `claude /login`")
    day.session("日本語の名前", "idle", 7200, said="The readme is\nshorter now, and says what it is for.")
    day.session("a name that is far too long to be shown", "idle", 90_000, trouble="rate limit reached")
    day.session("old", "idle", 900_000, backgroundTasks=1, said="Started.")


@pytest.mark.parametrize("columns", [80, 40])
def test_who_waits_comes_first(day: Day, columns: int) -> None:
    busy(day)
    seen = day.seen(columns)
    assert seen == expected(__file__, f"overview_{columns}")
    assert all(width(line) <= columns for line in seen.splitlines())


def test_nothing_is_cut_where_there_is_no_terminal(day: Day) -> None:
    busy(day)
    assert "--watch=false --reporter=verbose && echo all of it" in day.seen(None)


@pytest.mark.parametrize(
    ("status", "hint"),
    [
        ("active", "→ jelmore attach 'one job'  watches it\n"),
        ("idle", "→ jelmore attach 'one job'  shows what was said, and goes on\n"),
        ("failed", "→ jelmore logs 'one job'  says more\n"),
        ("suspended", "→ jelmore resume 'one job'  takes it up again\n"),
    ],
)
def test_what_to_type_next(day: Day, status: str, hint: str) -> None:
    day.session("one job", status, 5)
    assert day.seen().endswith(hint)
    day.session("other", "waiting_input", 9)
    day.asks("Bash: ls", 9)
    assert day.seen().endswith("→ jelmore next  answers it\n")


def test_of_many_that_rest_as_many_are_shown_as_there_is_room_for(day: Day) -> None:
    day.session("tests", "active", 400)
    for number in range(15):
        day.session(f"n{number}", "idle", 1000 + number)
    for lines in (12, 24, 3):
        seen = day.seen(lines=lines).splitlines()
        assert len(seen) <= max(lines, 8)
    assert "… 3 more: `jelmore ls`" in day.seen(lines=17)
    assert " more: " not in day.seen(lines=24)


def test_of_many_that_wait_the_oldest_are_shown(day: Day) -> None:
    day.session("tests", "waiting_input", 400)
    for number in range(20):
        day.asks(f"Bash: {number}", 400 - number)
    assert " more: " not in day.seen()
    day.session("docs", "idle", 9)
    seen = day.seen()
    assert "20 wait for you" in seen
    assert "… 12 more: `jelmore ls`" in seen


def test_an_agent_cannot_steer_it(day: Day) -> None:
    day.session("ev\x1b[2Jil", "waiting_input", 1)
    day.asks("Bash: ls\x1b[1A\r\nrm", 1)
    assert "Bash: ls␛[1A rm" in day.seen()
    assert "\x1b" not in day.seen()


def test_a_session_that_is_gone_meanwhile(day: Day) -> None:
    day.session("tests", "waiting_input", 1)
    day.asks("Bash: ls", 1)
    day.glances.clear()
    assert day.seen() == "No sessions yet.\n→ jelmore run PROMPT  starts one\n"
