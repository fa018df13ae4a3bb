"""The model of a session, its window, and what a subscription has left."""

from __future__ import annotations

import pytest

from jelmored.domain.sessions import ContextUse
from jelmored.providers.base import RunFacts, SessionChange

from .claude_run import open_run
from .script import SUBSCRIPTION_SPENT, Script, says, when

pytestmark = pytest.mark.real

YES = Script(when("", says("Yes.")))


async def test_another_model_counts_from_the_next_turn_and_can_be_given_back() -> None:
    async with open_run(YES) as run:
        await run.turn("one")
        await run.session.change(SessionChange(model="haiku"))
        await run.turn("two")
        await run.session.change(SessionChange(model=""))
        await run.turn("three")
        models = [call.body["model"] for call in run.model.calls]
        assert models[0] == models[2] != models[1]
        assert "haiku" in models[1]
        assert run.told("model")[1].startswith("claude-haiku")


async def test_what_the_cli_knows_is_what_is_let_through() -> None:
    async with open_run(YES) as run:
        probe = await run.provider.probe()
        assert (probe.failure, probe.notes) == (None, ())
        for model in ("default", "opus", "sonnet[1m]", "best", "claude-opus-4-8", "claude-haiku-4-5-20251001"):
            run.provider.check_model(model, probe.models)


async def test_the_window_and_how_full_it_is() -> None:
    async with open_run(YES, model="haiku") as run:
        await run.turn("one")
        assert run.told("context") == [ContextUse(tokens=120, window=200_000)]
        await run.turn("two")
        assert run.told("context") == [ContextUse(tokens=120, window=200_000)]


async def test_a_subscription_that_is_spent_is_a_full_quota() -> None:
    token = {"ANTHROPIC_API_KEY": "", "CLAUDE_CODE_OAUTH_TOKEN": "sk-ant-oat-scripted"}
    async with open_run(Script(when("", SUBSCRIPTION_SPENT)), {"environment": token}) as run:
        over = await run.turn("one")
        assert over.failure is not None
        (quota,) = [event.quota for event in run.events if isinstance(event, RunFacts) and event.quota]
        assert (quota.window, quota.used_percent, quota.resets_at) == ("five_hour", 100.0, over.failure.retry_at)
