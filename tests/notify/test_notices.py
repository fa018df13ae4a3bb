"""What is told says enough to decide whether to come, in a line that steers nothing."""

from __future__ import annotations

import unicodedata

import attrs
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jelmored.domain.events import ErrorNote, Event, TurnCause, TurnReason
from jelmored.errors import ErrorKind
from jelmored.notify.notices import LINE, line, notice_of
from jelmored.notify.transitions import Transition
from jelmored.wire import codec

from .cases import VIEW, asked, ended, moved, notice

LOGIN = ErrorNote(kind=ErrorKind.AUTH_REQUIRED, retryable=False, remedy="run `claude /login`")


def test_on_the_wire() -> None:
    assert orjson.loads(codec.encode(notice())) == {
        "event": "waiting",
        "sessionId": "ses_1",
        "name": "tidy",
        "title": "Tidy the shed",
        "provider": "puppet",
        "directory": "/work",
        "turn": 3,
        "status": "idle",
        "text": "Bash: ls",
        "approval": {"approvalId": "a", "kind": "permission", "toolName": "Bash"},
        "at": "2026-11-27T10:00:00.000Z",
    }


@pytest.mark.parametrize(
    ("happened", "text", "more"),
    [
        (ended(TurnReason.COMPLETED), "turn 3 is done", {"reason": "completed"}),
        (
            ended(TurnReason.INTERRUPTED, TurnCause.DAEMON_RESTART),
            "turn 3 was interrupted: the daemon stopped",
            {"reason": "interrupted"},
        ),
        (ended(TurnReason.FAILED), "turn 3 failed", {"reason": "failed"}),
        (
            ended(TurnReason.FAILED, error=LOGIN),
            "turn 3: auth-required; run `claude /login`",
            {"reason": "failed", "error": "auth-required"},
        ),
        (moved(), "claude → other: rate-limited", {}),
    ],
)
def test_the_words(happened: Event, text: str, more: dict[str, str]) -> None:
    told = orjson.loads(codec.encode(notice_of(Transition.ENDED, happened, VIEW)))

    assert told["text"] == text
    assert {key: told[key] for key in ("reason", "error", "approval") if key in told} == more


@pytest.mark.parametrize("reason", TurnReason)
def test_every_reason_has_words(reason: TurnReason) -> None:
    assert len(notice_of(Transition.ENDED, ended(reason), VIEW).text) > len("turn 3 ")


@pytest.mark.parametrize("transition", Transition)
def test_the_headline_names_the_session_as_well_as_it_can(transition: Transition) -> None:
    told = notice(event=transition)

    assert told.headline.startswith("tidy has " if transition is not Transition.WAITING else "tidy waits ")
    assert attrs.evolve(told, name=None).headline.startswith("Tidy the shed ")
    assert attrs.evolve(told, name=None, title=None).headline.startswith("ses_1 ")


def test_texts_of_agents_and_clients_are_lines() -> None:
    view = attrs.evolve(VIEW, name="a\x1b[2Jb", title="x\n" * 300)
    told = notice_of(Transition.WAITING, asked("a", "rm\u202e -rf\r\n" + "y" * 5000), view)

    assert (told.name, told.title) == ("a [2Jb", "x " * 99 + "x…")
    assert told.text == "rm -rf " + "y" * (LINE - 8) + "…"


def test_emoji_stay_whole() -> None:
    assert line("👩\u200d💻 done") == "👩\u200d💻 done"


@given(st.text(max_size=300))
def test_a_line_is_short_and_steers_nothing(text: str) -> None:
    made = line(text, 50)

    assert len(made) <= 50
    assert made == " ".join(made.split())
    assert all(unicodedata.category(one)[0] != "C" or one == "\u200d" for one in made)
    assert line(made, 50) == made
