"""A run at a server that does what the real one does only sometimes: it drops prompts, misses aborts, forgets."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio

from jelmored.config.providers import OpencodeSettings
from jelmored.domain.events import TurnReason
from jelmored.domain.ids import ConnectionId, PromptId, ProviderName, SessionId, new_instance_id
from jelmored.domain.permissions import PermissionMode
from jelmored.domain.prompts import Author, Prompt, TextBlock
from jelmored.domain.sessions import NativeOrigin
from jelmored.errors import ErrorKind, ProviderError
from jelmored.providers.base import RunEvent, RunFacts, SessionChange, SessionConfig, TurnOver
from jelmored.providers.opencode import session as module
from jelmored.providers.opencode.provider import OpencodeProvider
from jelmored.providers.opencode.session import OpencodeSession
from jelmored.providers.unwrapping import provider_errors_bare

from .fake import Asked, FakeServer, Says, serving

NATIVE = {"id": "ses_1", "directory": "/w"}
FORK = {"id": "ses_2", "directory": "/w"}
TOLD = {"providers": [{"id": "fake", "models": {"m": {}, "n": {}}}], "default": {"fake": "m"}}
GONE = Says({"name": "NotFoundError", "data": {"message": "no"}}, 404)
CONFIG = SessionConfig(session_id=SessionId("ses_ours"), cwd="/w")


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server here never ends a turn by itself."""
    monkeypatch.setattr(module, "LEAVING", 0.1)


def _message(name: str, role: str, **more: Any) -> dict[str, Any]:
    info = {"id": name, "sessionID": "ses_1", "role": role, "time": {"created": 1, "completed": 2}, **more}
    return {"info": info, "parts": []}


def _prompt(text: str = "hello") -> Prompt:
    me = Author(connection_id=ConnectionId("con_1"), client="test")
    return Prompt(prompt_id=PromptId("prm_1"), blocks=(TextBlock(text=text),), by=me)


@attrs.define(eq=False)
class Scene:
    server: FakeServer
    session: OpencodeSession
    facts: RunFacts
    lists: trio.MemoryReceiveChannel[Sequence[RunEvent]]

    async def status(self, kind: str, **more: Any) -> None:
        status = {"type": kind, **more}
        await self.server.tell("/w", {"type": "session.status", "properties": {"sessionID": "ses_1", "status": status}})

    async def over(self) -> TurnOver:
        with trio.fail_after(5):
            while True:
                for event in await self.lists.receive():
                    if isinstance(event, TurnOver):
                        return event

    def asked(self, line: str) -> list[Asked]:
        return [asked for asked in self.server.asked if asked.line == line]


@asynccontextmanager
async def _scene(tmp_path: Path, config: SessionConfig = CONFIG, **answers: Any) -> AsyncIterator[Scene]:
    with provider_errors_bare():
        async with serving() as (server, _), trio.open_nursery() as nursery:
            server.answers = {**_answers(), **{name.replace("_", " ", 1): value for name, value in answers.items()}}
            settings = OpencodeSettings(api_endpoint=server.url, api_key="right", max_retries=1)
            provider = OpencodeProvider(
                ProviderName("opencode"), settings, instance_id=new_instance_id(), home=tmp_path / "opencode"
            )
            send, receive = trio.open_memory_channel[Sequence[RunEvent]](100)
            await nursery.start(provider.run)
            session = provider.open(config)
            async with trio.open_nursery() as running:
                facts = await running.start(session.run, send)
                yield Scene(server, session, facts, receive)
                await session.close()
            nursery.cancel_scope.cancel()


def _answers() -> dict[str, Any]:
    return {
        "GET /global/health": Says({"version": "1.18.33"}),
        "GET /config/providers": Says(TOLD),
        "POST /session": Says(NATIVE),
        "GET /session/ses_1": Says(NATIVE),
        "GET /session/ses_1/message": Says([]),
        "GET /permission": Says([]),
        "GET /question": Says([]),
    }


async def test_a_prompt_names_its_model_and_its_agent_and_a_change_counts_from_the_next_one(tmp_path: Path) -> None:
    config = attrs.evolve(CONFIG, system_prompt="Be kind.", permission_mode=PermissionMode.PLAN)
    async with _scene(tmp_path, config) as scene:
        await scene.session.prompt(_prompt())
        await scene.session.change(SessionChange(model="fake/n", permission_mode=PermissionMode.ASK))
        await scene.session.steer(_prompt())

        first, second = (asked.body for asked in scene.asked("POST /session/ses_1/prompt_async"))
        assert first == {
            "parts": [{"type": "text", "text": "hello", "metadata": {"jelmoredPrompt": "prm_1"}}],
            "model": {"providerID": "fake", "modelID": "m"},
            "agent": "plan",
            "system": "Be kind.",
        }
        assert (second["model"]["modelID"], second["agent"]) == ("n", "build")
        assert scene.asked("PATCH /session/ses_1")


async def test_the_stream_is_open_before_anything_is_said(tmp_path: Path) -> None:
    async with _scene(tmp_path) as scene:
        await scene.session.prompt(_prompt())

        lines = scene.server.lines()
        assert lines.index("GET /event") < lines.index("POST /session/ses_1/prompt_async")
        assert scene.facts.native_id == "ses_1"


async def test_a_turn_whose_end_was_not_heard_ends_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "DOUBT", 0.1)
    async with _scene(tmp_path) as scene:
        await scene.session.prompt(_prompt())
        await scene.status("busy")
        scene.server.answers["GET /session/ses_1/message"] = Says([
            _message("msg_1", "user"),
            _message("msg_2", "assistant", parentID="msg_1", finish="stop"),
        ])

        assert (await scene.over()).reason is TurnReason.COMPLETED


async def test_a_prompt_that_the_server_dropped_without_a_word_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "DOUBT", 0.1)
    monkeypatch.setattr(module, "BEGINNING", 0.2)
    async with _scene(tmp_path) as scene:
        await scene.session.prompt(_prompt())
        over = await scene.over()

        assert over.reason is TurnReason.FAILED


async def test_an_abort_that_came_too_early_is_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ABORTING", 0.05)
    async with _scene(tmp_path) as scene:
        scene.server.answers["GET /session/status"] = Says({"ses_1": {"type": "busy"}})
        await scene.session.prompt(_prompt())
        await scene.session.interrupt()
        await scene.status("busy")
        await trio.sleep(0.3)
        assert len(scene.asked("POST /session/ses_1/abort")) > 1
        scene.server.answers["GET /session/status"] = Says({})
        await scene.status("idle")

        assert (await scene.over()).reason is TurnReason.INTERRUPTED


@pytest.mark.parametrize("retry", [{"attempt": 2, "next": 0}, {"attempt": 1, "next": 4e12}])
async def test_a_server_that_tries_too_often_or_waits_too_long_is_stopped(
    tmp_path: Path, retry: dict[str, float]
) -> None:
    async with _scene(tmp_path) as scene:
        await scene.session.prompt(_prompt())
        await scene.status("busy")
        await scene.status("retry", message="Rate limit reached", **retry)
        await scene.status("idle")
        over = await scene.over()

        assert over.failure is not None
        assert over.failure.kind is ErrorKind.RATE_LIMITED
        assert scene.asked("POST /session/ses_1/abort")


async def test_a_session_that_is_gone_says_so(tmp_path: Path) -> None:
    with pytest.raises(ProviderError) as caught:
        async with _scene(tmp_path, attrs.evolve(CONFIG, native_id="ses_1"), **{"GET_/session/ses_1": GONE}):
            pass

    assert caught.value.evidence["native_lost"] is True


@pytest.mark.parametrize(
    ("at", "body"), [(None, {}), ("msg_1", {"messageID": "msg_2"}), ("msg_2", {})], ids=["all", "middle", "last"]
)
async def test_a_fork_has_what_was_said_up_to_a_message(tmp_path: Path, at: str | None, body: dict[str, str]) -> None:
    answers = {
        "GET_/session/ses_1/message": Says([_message("msg_1", "user"), _message("msg_2", "assistant")]),
        "GET_/session/ses_2/message": Says([]),
        "POST_/session/ses_1/fork": Says(FORK),
    }
    config = attrs.evolve(CONFIG, origin=NativeOrigin(native_id="ses_1", at=at))
    async with _scene(tmp_path, config, **answers) as scene:
        (asked,) = scene.asked("POST /session/ses_1/fork")

        assert asked.body == body
        assert scene.facts.native_id == "ses_2"
        assert scene.asked("PATCH /session/ses_2"), "with rules of its own"


async def test_a_fork_at_a_message_that_is_gone_says_so(tmp_path: Path) -> None:
    config = attrs.evolve(CONFIG, origin=NativeOrigin(native_id="ses_1", at="msg_9"))
    with pytest.raises(ProviderError) as caught:
        async with _scene(tmp_path, config):
            pass

    assert caught.value.evidence["native_lost"] is True


async def test_a_model_that_is_not_offered_starts_nothing(tmp_path: Path) -> None:
    with pytest.raises(ProviderError) as caught:
        async with _scene(tmp_path, attrs.evolve(CONFIG, model="fake/none")) as scene:
            assert not scene.asked("POST /session")

    assert caught.value.kind is ErrorKind.MODEL_NOT_SUPPORTED


async def test_a_turn_that_runs_when_its_run_is_closed_is_aborted(tmp_path: Path) -> None:
    async with _scene(tmp_path) as scene:
        await scene.session.prompt(_prompt())
        await scene.session.close()

        assert scene.asked("POST /session/ses_1/abort")


def _list(*names: str) -> dict[str, Any]:
    return {"GET_/session/ses_1/message": Says([_message(name, "user") for name in names])}


MARKED = attrs.evolve(CONFIG, native_id="ses_1", mark="msg_2")


async def test_a_session_that_others_have_gone_on_with_is_refused(tmp_path: Path) -> None:
    """Also one where something was taken back."""
    for names in (("msg_1", "msg_2", "msg_3"), ("msg_1",), ()):
        with pytest.raises(ProviderError) as refused:
            async with _scene(tmp_path, MARKED, **_list(*names)):
                pass
        assert refused.value.kind is ErrorKind.FOREIGN_WRITER
        assert refused.value.evidence["foreign"]


async def test_one_that_is_as_it_was_left_is_resumed_and_marked_anew(tmp_path: Path) -> None:
    async with _scene(tmp_path, MARKED, **_list("msg_1", "msg_2")) as scene:
        scene.server.answers["GET /session/ses_1/message"] = Says([_message("msg_4", "assistant")])
    waiting = scene.lists.statistics().current_buffer_used
    told = [event for _ in range(waiting) for event in scene.lists.receive_nowait()]
    assert RunFacts(mark="msg_4") in told
