from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio

from jelmored.domain.events import Draft, EventType, System, TurnReason
from jelmored.domain.ids import ConnectionId, PromptId, RequestId
from jelmored.domain.mcp import StdioServer
from jelmored.domain.permissions import Answer, PermissionMode, Verdict
from jelmored.domain.prompts import Author, Prompt, TextBlock
from jelmored.errors import ErrorKind, ProviderError, ProviderUnavailableError, SessionError
from jelmored.providers.base import Asked, RunEvent, RunFacts, SessionChange, Taken, TakenBack, TurnOver
from jelmored.providers.claude import session as session_module
from jelmored.providers.claude.launch import Launch
from jelmored.providers.claude.session import ClaudeSession
from jelmored.providers.claude.transcripts import Transcript

AGENT = str(Path(__file__).with_name("agent.py"))
HELLO = Prompt(
    prompt_id=PromptId("prm_1"),
    blocks=(TextBlock(text="hello"),),
    by=Author(connection_id=ConnectionId("con_1"), client="test"),
)


def launch(cwd: Path, *how: str) -> Launch:
    return Launch(
        name="claude",
        argv=(sys.executable, AGENT, *how),
        env={"PATH": os.defpath, "HOME": str(cwd)},
        cwd=str(cwd),
        native_id="native-0",
    )


@attrs.define
class Heard:
    """A run as its supervisor sees it."""

    session: ClaudeSession
    facts: RunFacts
    lists: trio.MemoryReceiveChannel[Sequence[RunEvent]]
    events: list[RunEvent] = attrs.field(factory=list)

    async def until(self, kind: type[Any]) -> Any:
        with trio.fail_after(10):
            async for events in self.lists:
                self.events.extend(events)
                if found := [event for event in events if isinstance(event, kind)]:
                    return found[0]
        raise AssertionError(f"it ended without {kind.__name__}")

    @property
    def words(self) -> list[str]:
        return [e.content for e in self.events if isinstance(e, Draft) and e.event_type is EventType.ASSISTANT]


@asynccontextmanager
async def running(launched: Launch) -> AsyncIterator[Heard]:
    """The run is closed at the end, and must return by itself."""
    session = ClaudeSession(launched)
    send, receive = trio.open_memory_channel[Sequence[RunEvent]](100)
    with trio.fail_after(20), receive:
        async with trio.open_nursery() as nursery:
            facts = await nursery.start(session.run, send)
            yield Heard(session, facts, receive)
            await session.close()


@attrs.frozen
class Prompting:
    """As soon as the run can take a prompt, it gets one."""

    session: ClaudeSession
    prompt: Prompt
    nursery: trio.Nursery

    def started(self, value: RunFacts | None = None) -> None:
        self.nursery.start_soon(self.session.prompt, self.prompt)


async def ending(launched: Launch, prompt: Prompt = HELLO, heard: list[RunEvent] | None = None) -> Exception:
    """The error with which a run ends that gets one prompt and is waited for; what was `heard` of it till then."""
    send, receive = trio.open_memory_channel[Sequence[RunEvent]](100)
    session = ClaudeSession(launched)
    with send, receive, trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            with pytest.raises(ProviderError) as caught:
                await session.run(send, task_status=Prompting(session, prompt, nursery))
        while heard is not None and receive.statistics().current_buffer_used:
            heard.extend(receive.receive_nowait())
    return caught.value


async def test_it_is_ready_when_initialize_is_answered(tmp_path: Path) -> None:
    async with running(launch(tmp_path, "answers")) as run:
        assert run.facts == RunFacts(native_id="native-0", commands=("compact",))
        assert run.session.about is not None
        assert run.session.about.account is not None
        assert run.session.about.account.logged_in


async def test_a_prompt_is_a_turn(tmp_path: Path) -> None:
    async with running(launch(tmp_path, "answers")) as run:
        for _ in range(2):
            await run.session.prompt(HELLO)
            assert (await run.until(TurnOver)).reason is TurnReason.COMPLETED
        assert run.words == [json.dumps([{"type": "text", "text": "hello"}])] * 2
        assert RunFacts(native_id="native-1", used=True, model="model-1", directory=str(tmp_path)) in run.events


async def test_an_interrupt_ends_the_turn_and_outside_of_one_it_is_nothing(tmp_path: Path) -> None:
    async with running(launch(tmp_path, "works")) as run:
        await run.session.interrupt()
        await run.session.prompt(HELLO)
        await run.until(RunFacts)
        await run.session.interrupt()
        assert (await run.until(TurnOver)).reason is TurnReason.INTERRUPTED
        assert sum(isinstance(event, TurnOver) for event in run.events) == 1


async def test_a_prompt_that_was_not_begun_is_taken_back(tmp_path: Path) -> None:
    async with running(launch(tmp_path, "swallows-prompts")) as run:
        await run.session.prompt(HELLO)
        await run.session.interrupt()
        assert (await run.until(TurnOver)).reason is TurnReason.INTERRUPTED


async def test_what_is_to_steer_is_told_when_it_is_taken_up(tmp_path: Path) -> None:
    async with running(launch(tmp_path, "takes-up")) as run:
        await run.session.prompt(HELLO)
        await run.session.steer(attrs.evolve(HELLO, prompt_id=PromptId("prm_2")))
        assert await run.until(Taken) == Taken(PromptId("prm_2"))
        await run.session.interrupt()
        assert (await run.until(TurnOver)).reason is TurnReason.INTERRUPTED


async def test_what_waits_is_taken_back_before_an_interrupt(tmp_path: Path) -> None:
    async with running(launch(tmp_path, "queues")) as run:
        await run.session.prompt(HELLO)
        await run.until(RunFacts)
        for name in ("prm_2", "prm_3"):
            await run.session.steer(attrs.evolve(HELLO, prompt_id=PromptId(name)))
        await run.session.interrupt()
        await run.until(TurnOver)
        told = [event for event in run.events if isinstance(event, TakenBack | TurnOver)]
        assert told[:2] == [TakenBack(PromptId("prm_2")), TakenBack(PromptId("prm_3"))]


async def test_an_allowance_repeats_the_whole_input_and_paths_are_real(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    async with running(launch(tmp_path, "asks")) as run:
        await run.session.prompt(HELLO)
        asked = await run.until(Asked)
        assert [place.path for place in asked.request.locations] == [str(tmp_path / "real" / "f")]
        assert len(json.dumps(asked.request.input)) < 300_000
        await run.session.answer(asked.request.request_id, Answer(verdict=Verdict.ALLOW))
        await run.session.answer(asked.request.request_id, Answer(verdict=Verdict.DENY, message="too late"))
        await run.until(TurnOver)
        assert [json.loads(words) for words in run.words] == [{"behavior": "allow", "updatedInput": 300_000}]


async def test_a_changed_input_is_what_runs(tmp_path: Path) -> None:
    async with running(launch(tmp_path, "asks")) as run:
        await run.session.prompt(HELLO)
        asked = await run.until(Asked)
        changed = Answer(verdict=Verdict.ALLOW, updated_input={"content": "ab"})
        await run.session.answer(asked.request.request_id, changed)
        await run.until(TurnOver)
        assert json.loads(run.words[0])["updatedInput"] == 2


async def test_a_denial_has_a_message(tmp_path: Path) -> None:
    async with running(launch(tmp_path, "asks")) as run:
        await run.session.prompt(HELLO)
        asked = await run.until(Asked)
        await run.session.answer(RequestId("of nobody"), Answer(verdict=Verdict.DENY))
        await run.session.answer(asked.request.request_id, Answer(verdict=Verdict.DENY, interrupt=True))
        await run.until(TurnOver)
        told = json.loads(run.words[0])
        assert (told["behavior"], told["interrupt"]) == ("deny", True)
        assert told["message"]


async def test_a_request_that_we_do_not_serve_is_answered(tmp_path: Path) -> None:
    async with running(launch(tmp_path, "asks-first")) as run:
        await run.until(Draft)
        assert json.loads(run.words[0]) == {"error": "not supported"}


async def test_a_tool_passes_the_gate_or_not_as_the_session_is_now(tmp_path: Path) -> None:
    async with running(attrs.evolve(launch(tmp_path, "hooks"), permission_mode=PermissionMode.DENY)) as run:
        await run.session.prompt(HELLO)
        await run.until(TurnOver)
        await run.session.change(SessionChange(permission_mode=PermissionMode.ASK))
        await run.session.prompt(HELLO)
        await run.until(TurnOver)
        before, after, *second = [json.loads(words) for words in run.words]
        assert before["hookSpecificOutput"]["permissionDecision"] == "deny"
        assert after == {}
        assert second == [{}, {}]


async def test_a_hook_tells_where_the_agent_is_until_its_turn_is_over(tmp_path: Path) -> None:
    async with running(launch(tmp_path, "hooks")) as run:
        await run.session.prompt(HELLO)
        await run.until(TurnOver)
        places = [event.directory for event in run.events if isinstance(event, RunFacts) and event.directory]
        assert places == [str(tmp_path), str(tmp_path / "sub"), str(tmp_path)]


async def told(run: Heard, *changes: SessionChange) -> list[Any]:
    """What the agent is told of these changes."""
    for change in changes:
        await run.session.change(change)
    await run.session.stop_task("b1")
    while not any("stop_task" in words for words in run.words):
        await run.until(Draft)
    return [json.loads(words) for words in run.words]


async def test_a_change_is_told_as_far_as_the_agent_needs_to_know(tmp_path: Path) -> None:
    async with running(attrs.evolve(launch(tmp_path, "answers"), default_model="usual")) as run:
        assert await told(
            run,
            SessionChange(model="haiku"),
            SessionChange(model=""),
            SessionChange(permission_mode=PermissionMode.ALLOW_ALL),
            SessionChange(permission_mode=PermissionMode.PLAN),
            SessionChange(permission_mode=PermissionMode.DENY, rules=()),
        ) == [
            {"subtype": "set_model", "model": "haiku"},
            {"subtype": "set_model", "model": "usual"},
            {"subtype": "set_permission_mode", "mode": "plan"},
            {"subtype": "set_permission_mode", "mode": "default"},
            {"subtype": "stop_task", "task_id": "b1"},
        ]


async def test_an_older_agent_says_what_it_can_not_be_told(tmp_path: Path) -> None:
    servers = {"a": StdioServer(command="srv")}
    async with running(attrs.evolve(launch(tmp_path, "is-older"), mcp_servers=servers)) as run:
        await run.session.change(SessionChange(model="haiku"))
        for what in ("MCP servers", "the model"):
            draft = await run.until(Draft)
            assert (draft.metadata.subtype, draft.metadata.data["what"]) == ("not_supported", what)


async def test_servers_are_connected_or_have_failed_when_it_is_ready(tmp_path: Path) -> None:
    servers = {"broken": StdioServer(command="srv")}
    async with running(attrs.evolve(launch(tmp_path, "answers"), mcp_servers=servers)) as run:
        failed = await run.until(Draft)
        assert failed.metadata == System(subtype="mcp_server_failed", data={"name": "broken", "error": "ENOENT"})
    assert "srv" not in " ".join(run.session.launch.argv)


async def test_a_line_that_is_too_long_is_told_at_once(tmp_path: Path) -> None:
    async with running(launch(tmp_path, "shouts")) as run:
        await run.session.prompt(HELLO)
        dropped = await run.until(Draft)
        assert dropped.metadata == System(subtype="line_dropped", data={"lines": 1})
        await run.session.interrupt()
        await run.until(TurnOver)


async def test_a_last_line_that_is_too_long_is_told_too(tmp_path: Path) -> None:
    heard: list[RunEvent] = []
    await ending(launch(tmp_path, "shouts-last"), heard=heard)
    assert [event.metadata for event in heard if isinstance(event, Draft)] == [
        System(subtype="line_dropped", data={"lines": 1})
    ]


async def test_close_in_a_turn_interrupts_it_first(tmp_path: Path) -> None:
    async with running(launch(tmp_path, "works")) as run:
        await run.session.prompt(HELLO)
        await run.until(RunFacts)
        await run.session.close()
        assert (await run.until(TurnOver)).reason is TurnReason.INTERRUPTED


async def test_close_ends_an_agent_that_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_module, "CLOSING", 0.2)
    async with running(launch(tmp_path, "stays")) as run:
        await run.session.close()


async def test_cancelled_it_leaves_no_process(tmp_path: Path) -> None:
    send, receive = trio.open_memory_channel[Sequence[RunEvent]](100)
    with trio.fail_after(15), send, receive:
        async with trio.open_nursery() as nursery:
            session = ClaudeSession(launch(tmp_path, "works"))
            await nursery.start(session.run, send)
            nursery.cancel_scope.cancel()
    pid = session._child.pid
    assert pid is not None
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_an_agent_that_dies_in_a_turn_is_a_crash_with_evidence(tmp_path: Path) -> None:
    error = await ending(launch(tmp_path, "dies"), HELLO)
    assert isinstance(error, SessionError)
    assert (error.kind, error.evidence["signal"]) == (ErrorKind.AGENT_CRASHED, signal.SIGKILL)


async def test_who_is_gone_can_not_be_told_anything(tmp_path: Path) -> None:
    async with running(launch(tmp_path, "answers")) as run:
        await run.session.close()
        await run.session.close()
    with pytest.raises(SessionError):
        await run.session.prompt(HELLO)


@pytest.mark.parametrize(
    ("stderr", "kind", "lost"),
    [
        ("No conversation found with session ID: 4711", ErrorKind.STATE_INVALID, True),
        ("Error: Session ID 4711 is already in use.", ErrorKind.FOREIGN_WRITER, None),
        ("error: unknown option '--no-such-flag'", ErrorKind.NOT_INSTALLED, None),
        ("Segmentation fault", ErrorKind.AGENT_CRASHED, None),
    ],
)
async def test_an_agent_that_ends_at_once_says_why(
    tmp_path: Path, stderr: str, kind: ErrorKind, lost: bool | None
) -> None:
    error = await ending(launch(tmp_path, "stderr", stderr))
    assert isinstance(error, SessionError)
    assert (error.kind, error.evidence.get("native_lost")) == (kind, lost)
    assert error.evidence["stderrTail"] == stderr


async def test_a_missing_program_is_not_installed(tmp_path: Path) -> None:
    missing = attrs.evolve(launch(tmp_path), argv=("/no/such/claude",))
    error = await ending(missing)
    assert isinstance(error, ProviderUnavailableError)
    assert error.kind is ErrorKind.NOT_INSTALLED


async def test_without_its_transcript_a_conversation_is_not_even_tried(tmp_path: Path) -> None:
    transcript = Transcript(projects=str(tmp_path), cwd=str(tmp_path), native_id="gone")
    error = await ending(attrs.evolve(launch(tmp_path, "answers"), transcript=transcript))
    assert isinstance(error, SessionError)
    assert error.evidence["native_lost"] is True
