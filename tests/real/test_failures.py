"""Every way in which the model's endpoint fails, as a client is told of it: the kind, and what to do."""

from __future__ import annotations

import pytest

from tests.invariants import check
from tests.watch import Watch

from .model_server import refusing
from .script import SUBSCRIPTION_SPENT, Failure, Line, Script, Silence, fails, refuses, says, uses, when
from .stage import Stage, open_stage

pytestmark = pytest.mark.real

TOO_LONG = "prompt is too long: 300000 tokens > 200000 maximum"
NO_CREDIT = "Your credit balance is too low to access the Anthropic API."

ROWS: list[tuple[str, Line, str, bool, bool]] = [
    # what, the model's answer, kind, retryable, a remedy is told
    ("500", fails(500), "unavailable", True, False),
    ("429", fails(429), "rate-limited", True, False),
    ("529", fails(529), "overloaded", True, False),
    ("401", fails(401, "invalid x-api-key"), "auth-required", False, True),
    ("403", fails(403), "auth-required", False, True),
    ("400", fails(400, "messages: something is wrong"), "invalid-request", False, False),
    ("400 too long", fails(400, TOO_LONG), "context-too-long", False, True),
    ("400 credit", fails(400, NO_CREDIT), "billing", False, True),
    ("404", fails(404, "model: claude-opus-4-8"), "model-not-supported", False, True),
    ("413", fails(413), "invalid-request", False, False),
    ("hang up", Silence.HANG_UP, "network", True, False),
]


async def failed_turn(stage: Stage, session: Watch, turn: int = 1, status: str = "idle") -> dict[str, object]:
    """How the turn failed; the client was told before, in an event for people, and can go on.

    Args:
        status: of the session afterwards; `failed` when its agent could not be started.
    """
    ended = await session.turn_over(turn)
    assert ended["metadata"]["reason"] == "failed"
    error = dict(ended["metadata"]["error"])
    told = session.of_turn(turn, "error")
    assert told
    assert told[-1]["metadata"]["kind"] == error["kind"]
    assert told[-1]["content"]
    assert (await stage.get(session))["status"] == status
    check(session)
    return error


@pytest.mark.parametrize(("line", "kind", "retryable", "remedy"), [row[1:] for row in ROWS], ids=[r[0] for r in ROWS])
async def test_the_failure_has_its_kind(line: Line, kind: str, retryable: bool, remedy: bool) -> None:
    script = Script(when("fail", line), when("", says("Well again.")))
    async with open_stage(script, claude={"max_retries": 1}) as stage:
        session = await stage.session(prompt="fail please")
        error = await failed_turn(stage, session)
        assert error["kind"] == kind
        assert error["retryable"] is retryable
        assert ("remedy" in error) or not remedy
        await stage.turn(session, "and now?")
        assert session.said(2) == "Well again."
        check(session)


async def test_a_port_that_refuses_is_a_failure_of_the_network() -> None:
    with refusing() as url:
        async with open_stage(Script(), claude={"max_retries": 1, "environment": {"ANTHROPIC_BASE_URL": url}}) as stage:
            session = await stage.session(prompt="hello")
            error = await failed_turn(stage, session)
            assert error["kind"] == "network"
            assert error["retryable"] is True


async def test_a_model_that_refuses() -> None:
    async with open_stage(Script(when("fail", refuses()), when("", says("Well again.")))) as stage:
        session = await stage.session(prompt="fail please")
        ended = await session.turn_over(1)
        assert ended["metadata"]["reason"] == "refused"
        await stage.turn(session, "and now?")
        assert session.said(2) == "Well again."
        check(session)


async def test_a_subscription_that_is_spent_says_until_when() -> None:
    login = {"environment": {"ANTHROPIC_API_KEY": "", "CLAUDE_CODE_OAUTH_TOKEN": "sk-ant-oat01-scripted"}}
    async with open_stage(Script(when("", SUBSCRIPTION_SPENT)), claude=login) as stage:
        session = await stage.session(prompt="hello")
        error = await failed_turn(stage, session)
        assert error["kind"] == "rate-limited"
        assert error["retryAt"] == "2033-05-18T03:33:19.000Z"
        provider = await stage.client.request("provider/get", name="claude")
        assert provider["coolingUntil"] == "2033-05-18T03:33:19.000Z"


@pytest.mark.parametrize(
    ("first", "kind"),
    [(fails(429, retry_after=1), "rate-limited"), (fails(529), "overloaded"), (fails(500), "unavailable")],
    ids=["429", "529", "500"],
)
async def test_a_failure_that_passes_is_told_and_the_turn_is_completed(first: Failure, kind: str) -> None:
    async with open_stage(Script(when("", first, says("At last.")))) as stage:
        session = await stage.session(prompt="hello")
        ended = await session.turn_over(1)
        assert ended["metadata"]["reason"] == "completed"
        (error,) = session.of_turn(1, "error")
        assert error["metadata"]["kind"] == kind
        assert error["metadata"]["retryable"] is True
        assert session.said(1) == "At last."
        check(session)


async def test_the_agent_tries_as_often_as_configured() -> None:
    async with open_stage(Script(when("", fails(500))), claude={"max_retries": 1}) as stage:
        session = await stage.session(prompt="hello")
        await failed_turn(stage, session)
        assert len(stage.model.calls) == 2


async def test_max_turns_end_the_turn() -> None:
    async with open_stage(Script()) as stage:
        stage.model.script = Script(when("", *(_look(number) for number in range(5)), says("Done.")))
        session = await stage.session(prompt="look", permissionMode="allow-all", limits={"maxTurns": 2})
        ended = await session.turn_over(1)
        assert ended["metadata"]["reason"] == "max_turns"
        check(session)


def _look(number: int) -> Line:
    return uses("Bash", command=f"echo {number}")
