"""How turns and runs of the real OpenCode end before their time: aborted, failed, cut, with their server, with ours."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
import trio

from jelmored.domain.events import EventType, TurnReason
from jelmored.domain.permissions import Verdict
from jelmored.errors import ErrorKind, ProviderError
from jelmored.providers.base import BaseProvider, Delta, TurnOver
from tests.eventually import eventually

from . import processes
from .agent_run import new_home, prompt, running
from .model_server import ModelServer, refusing, serving
from .opencode_run import open_provider, open_run, providing
from .script import Fault, Line, Script, Silence, breaks, fails, recalls, says, uses, when
from .scripts import LONG

pytestmark = pytest.mark.real

SLOW = says(LONG, pieces=200, pace=0.05)


@pytest.mark.soak
async def test_an_interrupt_ends_the_turn_and_the_next_one_works() -> None:
    async with open_run(Script(when("long", SLOW), when("", says("Here.")))) as run:
        await run.session.prompt(prompt("long"))
        await run.until(Delta)
        begun = trio.current_time()
        await run.session.interrupt()
        over = await run.until(TurnOver)

        assert over.reason is TurnReason.INTERRUPTED
        assert trio.current_time() - begun < 5
        assert (await run.turn("again")).reason is TurnReason.COMPLETED
        assert run.said()[-1] == "Here."


@pytest.mark.soak
async def test_an_interrupt_that_comes_with_the_prompt_is_not_lost() -> None:
    async with open_run(Script(when("long", SLOW))) as run:
        await run.session.prompt(prompt("long"))
        await run.session.interrupt()
        with trio.fail_after(5):
            over = await run.until(TurnOver)

        assert over.reason is TurnReason.INTERRUPTED


async def test_an_interrupt_ends_a_command_and_all_that_it_started() -> None:
    command = "setsid sleep 600 & sleep 600"
    async with open_run(Script(when("sleep", uses("bash", command=command, description="sleeps")))) as run:
        await run.session.prompt(prompt("sleep"))
        await run.asked(Verdict.ALLOW)
        await eventually(lambda: _sleeping(), 10)
        await run.session.interrupt()
        over = await run.until(TurnOver)

        assert over.reason is TurnReason.INTERRUPTED
    await eventually(lambda: not _sleeping(), 5)


def _sleeping() -> list[processes.Process]:
    return [process for process in processes.descendants(os.getpid()) if process.command == "sleep 600"]


@pytest.mark.soak
async def test_an_interrupt_while_it_asks_ends_the_turn() -> None:
    async with open_run(Script(when("ask", uses("bash", command="true", description="t")))) as run:
        await run.session.prompt(prompt("ask"))
        await run.asked()
        await run.session.interrupt()
        over = await run.until(TurnOver)

        assert over.reason is TurnReason.INTERRUPTED


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        pytest.param(fails(401, "bad key"), ErrorKind.AUTH_REQUIRED, marks=pytest.mark.soak),
        pytest.param(fails(400, "no such field"), ErrorKind.INVALID_REQUEST, marks=pytest.mark.soak),
        pytest.param(fails(429, "Rate limit reached"), ErrorKind.RATE_LIMITED, marks=pytest.mark.soak),
        (fails(429, "Rate limit reached", retry_after=3600), ErrorKind.RATE_LIMITED),
        (fails(500, "down"), ErrorKind.UNAVAILABLE),
        pytest.param(breaks(says(LONG), Fault.CUT), ErrorKind.NETWORK, marks=pytest.mark.soak),
        pytest.param(breaks(says(LONG), Fault.ERROR), ErrorKind.OVERLOADED, marks=pytest.mark.soak),
    ],
    ids=["401", "400", "429", "429-long", "500", "cut", "error-in-stream"],
)
async def test_a_model_that_fails_fails_the_turn_soon_and_with_its_kind(line: Line, kind: ErrorKind) -> None:
    async with open_run(Script(when("go", line), when("", says("Well."))), {"max_retries": 1}) as run:
        begun = trio.current_time()
        over = await run.turn("go")

        assert over.reason is TurnReason.FAILED
        assert over.failure is not None
        assert over.failure.kind is kind
        assert trio.current_time() - begun < 15
        assert (await run.turn("again")).reason is TurnReason.COMPLETED


@pytest.mark.soak
async def test_a_model_that_is_not_there_fails_the_turn() -> None:
    with refusing() as url:
        async with open_run(Script(), {"max_retries": 1, "opencode_config": _at(url)}) as run:
            over = await run.turn("hello")

    assert over.failure is not None
    assert over.failure.kind is ErrorKind.NETWORK


def _at(url: str) -> dict[str, object]:
    return {"provider": {"scripted": {"options": {"baseURL": f"{url}/v1"}}}}


@pytest.mark.soak
async def test_a_model_that_says_nothing_is_given_up_by_the_servers_own_clock() -> None:
    settings = {"max_retries": 0, "timeout_seconds": 2}
    async with open_run(Script(when("", Silence.HANG)), settings) as run:
        begun = trio.current_time()
        over = await run.turn("hello")

        assert over.reason is TurnReason.FAILED
        assert trio.current_time() - begun < 15


@pytest.mark.soak
async def test_a_failure_that_passes_is_only_a_delay() -> None:
    script = Script(when("go", fails(500), says("At last.")))
    async with open_run(script, {"max_retries": 2}) as run:
        over = await run.turn("go")

        assert over.reason is TurnReason.COMPLETED
        assert run.said() == ["At last."]
        assert run.drafts(EventType.ERROR)


@pytest.mark.soak
async def test_a_session_is_resumed_by_its_id_also_by_another_server() -> None:
    script = Script(when("first thing", recalls), when("", says("I will remember.")))
    with new_home() as home:
        async with serving(script) as model:
            async with providing(home, model.url) as provider, running(provider, home, model) as run:
                await run.turn("my colour is red")
                native_id = run.facts.native_id
            async with (
                providing(home, model.url) as provider,
                running(provider, home, model, native_id=native_id) as again,
            ):
                await again.turn("what was the first thing?")

                assert again.facts.native_id == native_id
                assert again.said() == ["The first thing you told me was: my colour is red"]


@pytest.mark.soak
async def test_a_session_that_the_server_has_lost_says_so() -> None:
    async with open_provider(Script()) as (provider, home, model):
        with pytest.raises(ProviderError) as caught:
            async with running(provider, home, model, native_id="ses_000000000000000000000000"):
                pass

        assert caught.value.kind is ErrorKind.STATE_INVALID
        assert caught.value.evidence["native_lost"] is True


async def test_a_server_that_is_killed_ends_its_runs_and_the_next_one_goes_on_with_them() -> None:
    script = Script(when("first thing", recalls), when("long", SLOW), when("", says("I will remember.")))
    async with open_provider(script) as (provider, home, model):
        async with running(provider, home, model) as run:
            native_id = run.facts.native_id
            await run.turn("my colour is red")
        with pytest.raises(ProviderError) as caught:
            await _cut_in_a_long_turn(provider, home, model, native_id)
        async with running(provider, home, model, native_id=native_id) as again:
            await again.turn("what was the first thing?")

            assert caught.value.kind is ErrorKind.AGENT_CRASHED
            assert again.said() == ["The first thing you told me was: my colour is red"]


async def _cut_in_a_long_turn(provider: BaseProvider, home: Path, model: ModelServer, native_id: str | None) -> None:
    async with running(provider, home, model, native_id=native_id) as run:
        await run.session.prompt(prompt("long"))
        await run.until(Delta)
        os.kill(_server().pid, signal.SIGKILL)
        await run.until(TurnOver)


def _server() -> processes.Process:
    (only,) = [process for process in processes.descendants(os.getpid()) if " serve " in process.command]
    return only


async def test_nothing_is_left_of_a_server_that_is_killed_with_a_command_at_work() -> None:
    command = "setsid sleep 600 & sleep 600"
    script = Script(when("sleep", uses("bash", command=command, description="s")))
    async with open_provider(script) as (provider, home, model):
        with pytest.raises(ProviderError):
            await _cut_in_a_command(provider, home, model)
        await eventually(lambda: not _sleeping(), 5)


async def _cut_in_a_command(provider: BaseProvider, home: Path, model: ModelServer) -> None:
    async with running(provider, home, model) as run:
        await run.session.prompt(prompt("sleep"))
        await run.asked(Verdict.ALLOW)
        await eventually(lambda: len(_sleeping()) == 2, 10)
        os.kill(_server().pid, signal.SIGKILL)
        await run.until(TurnOver)


@pytest.mark.soak
async def test_nothing_is_left_when_the_provider_stops_in_a_turn() -> None:
    async with (
        open_provider(Script(when("sleep", uses("bash", command="sleep 600", description="s")))) as (
            provider,
            home,
            model,
        ),
        running(provider, home, model) as run,
    ):
        await run.session.prompt(prompt("sleep"))
        await run.asked(Verdict.ALLOW)
        await eventually(_sleeping, 10)
    assert not [p for p in processes.descendants(os.getpid()) if "sleep" in p.command or "opencode" in p.command]
