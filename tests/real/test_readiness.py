"""What is wrong with a provider before anybody has asked it anything, and what to do about it."""

from __future__ import annotations

import json
import time

import pytest

from tests.invariants import check

from .script import Script, fails, says, when
from .stage import Stage, open_stage
from .test_failures import failed_turn

pytestmark = pytest.mark.real

NO_LOGIN = {"environment": {"ANTHROPIC_API_KEY": ""}}


async def test_ready() -> None:
    async with open_stage(Script(when("", says("Hello!")))) as stage:
        provider = await stage.client.request("provider/check", name="claude")
        assert provider["health"] == "healthy"
        assert provider["version"] == "2.1.197"
        assert provider["runs"] == {"active": 0, "max": 10}
        models = (await stage.client.request("model/list", provider="claude"))["models"]
        names = {model["name"] for model in models}
        assert {"default", "sonnet", "haiku"} <= names
        assert not stage.model.calls, "a probe is free of charge"


async def test_not_installed() -> None:
    async with open_stage(Script(), claude={"claude_bin": "/nowhere/claude"}) as stage:
        provider = await stage.client.request("provider/check", name="claude")
        assert provider["health"] == "unhealthy"
        assert "/nowhere/claude" in provider["reason"]
        assert provider["remedy"]
        session = await stage.session(prompt="hello")
        error = await failed_turn(stage, session, status="failed")
        assert error["kind"] == "not-installed"
        assert error["remedy"]
        check(session)


async def test_not_logged_in() -> None:
    async with open_stage(Script(), claude=NO_LOGIN) as stage:
        provider = await stage.client.request("provider/check", name="claude")
        assert provider["health"] == "unhealthy"
        assert "/login" in provider["remedy"]
        session = await stage.session(prompt="hello")
        error = await failed_turn(stage, session)
        assert error["kind"] == "auth-required"
        assert "/login" in str(error["remedy"])
        assert not stage.model.calls
        check(session)


async def test_a_subscription_is_a_login() -> None:
    async with open_stage(Script(when("", says("Hello!"))), claude=NO_LOGIN) as stage:
        _log_in_by_subscription(stage)
        provider = await stage.client.request("provider/check", name="claude")
        assert provider["health"] == "healthy"
        session = await stage.session(prompt="hello")
        await session.turn_over(1)
        assert session.said(1) == "Hello!"
        (usage,) = session.of_turn(1, "usage")
        assert usage["metadata"]["notional"] is True
        check(session)


def _log_in_by_subscription(stage: Stage) -> None:
    """What `claude /login` leaves in the home directory."""
    login = {
        "accessToken": "sk-ant-oat01-scripted",
        "refreshToken": "sk-ant-ort01-scripted",
        "expiresAt": int((time.time() + 3600) * 1000),
        "scopes": ["user:inference", "user:profile"],
        "subscriptionType": "max",
    }
    directory = stage.place.home / ".claude"
    directory.mkdir(exist_ok=True)
    (directory / ".credentials.json").write_text(json.dumps({"claudeAiOauth": login}))


async def test_a_wrong_model() -> None:
    script = Script(when("", fails(404, "model: nonsense-7")))
    async with open_stage(script, claude={"extra_models": ["nonsense-7"]}) as stage:
        session = await stage.session(prompt="hello", model="nonsense-7")
        error = await failed_turn(stage, session)
        assert error["kind"] == "model-not-supported"
        assert error["remedy"]


async def test_a_model_that_claude_would_silently_replace_is_refused() -> None:
    retired = "claude-opus-4-1-20250805"
    async with open_stage(Script(when("", says("Hello!")))) as stage:
        session = await stage.session(prompt="hello", model=retired)
        error = await failed_turn(stage, session, status="failed")
        assert error["kind"] in {"model-retired", "model-not-supported"}
        assert error["remedy"]
        assert not stage.model.calls


async def test_the_agent_gets_what_is_configured_and_nothing_of_the_daemon() -> None:
    async with open_stage(Script(when("", says("Hello!")))) as stage:
        session = await stage.session(prompt="hello")
        await session.turn_over(1)
        names = _environment_names((await stage.agent()).pid)
        assert {"ANTHROPIC_BASE_URL", "ANTHROPIC_API_KEY", "HOME", "PATH"} <= names
        assert "PYTHONPATH" not in names


def _environment_names(pid: int) -> set[str]:
    with open(f"/proc/{pid}/environ", "rb") as environ:
        return {entry.partition(b"=")[0].decode() for entry in environ.read().split(b"\0") if entry}
