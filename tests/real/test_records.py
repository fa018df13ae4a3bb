"""The agents' own records: gone, damaged, gone on with by somebody else, taken over. With the real programs."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import trio

from jelmored.domain.permissions import Answer, PermissionMode, Verdict
from jelmored.domain.prompts import Prompt, TextBlock
from jelmored.providers.base import Asked, Delta, PastTurn, RunFacts, TurnOver
from tests.eventually import eventually
from tests.invariants import check
from tests.watch import Json, Watch

from . import agent_run, agents, claude_run, opencode_run
from .agent_run import ME, AgentRun, new_home, prompt
from .model_server import serving
from .script import Script, ToolUse, recalls, says, uses, uses_all, when
from .scripts import LONG
from .stage import Stage, alive, open_place, open_stage

pytestmark = pytest.mark.real

ASLEEP = {"hibernate_after": 1}
FACT = "my parrot is called Coco"
ASK = "what was the first thing I told you?"
REMEMBERS = f"The first thing you told me was: {FACT}"


def _script() -> Script:
    return Script(
        when("first thing", recalls),
        when("parrot", says("Noted.")),
        when("inner", uses("Bash", command="echo inner"), says("inner done")),
        when("Your task is to create a detailed summary", says("<summary>They spoke of a parrot.</summary>")),
        when("subagent", uses_all(_agent()), says("Sub done.")),
        when("in the background", uses_all(_agent(run_in_background=True)), says("Launched.")),
        when("task", uses("Bash", command="sleep 2; echo bye", run_in_background=True), says("It runs.")),
        when("large", uses("Bash", command="seq 1 100000"), says("That was large.")),
        when("talk", says(LONG, pieces=200, pace=0.05)),
        when("", says("Noted.")),
    )


def _agent(**more: Any) -> ToolUse:
    return ToolUse("Agent", {"description": "inner", "prompt": "inner", "subagent_type": "general-purpose", **more})


# A daemon, and claude in a terminal beside it


async def _terminal(stage: Stage, *arguments: str, cwd: Path | None = None) -> None:
    """The user runs claude without us."""
    environment = {**agents.environment(stage.place.home, stage.model.url)}
    command = [str(agents.claude()), "-p", *arguments]
    with trio.fail_after(30):
        await trio.run_process(
            command, env=environment, cwd=cwd or stage.place.work, stdin=b"", stdout=subprocess.DEVNULL
        )


async def _past(stage: Stage) -> list[Json]:
    page = await stage.client.request("provider/pastSessions", name="claude")
    found: list[Json] = page["sessions"]
    return found


async def _native_id(stage: Stage, session: Watch) -> str:
    [native_id] = [one["nativeId"] for one in await _past(stage) if one.get("sessionId") == session.session_id]
    return str(native_id)


async def _asleep(stage: Stage, session: Watch) -> None:
    await eventually(lambda: not stage.agents(), 20, stage.agents)
    for _ in range(100):
        if not (await stage.get(session))["attached"]:
            return
        await trio.sleep(0.1)
    raise AssertionError("it does not sleep")


async def _told(stage: Stage, fact: str = FACT) -> Watch:
    """A session that knows this, and sleeps."""
    session = await stage.session(prompt=fact)
    await session.turn_over(1)
    await _asleep(stage, session)
    return session


def _transcript(stage: Stage) -> Path:
    [path] = (stage.place.home / ".claude" / "projects").glob("*/*.jsonl")
    return path


def _systems(session: Watch, subtype: str) -> list[Json]:
    return [e for e in session.events if e["eventType"] == "system" and e["metadata"]["subtype"] == subtype]


async def _taken_over(session: Watch, stage: Stage) -> None:
    """The next agent has lost its own record, and knows what was said all the same."""
    await stage.turn(session, ASK)
    assert FACT in str(stage.model.calls[-1].body["messages"])
    assert len(_systems(session, "native_lost")) == 1
    await _asleep(stage, session)
    await stage.turn(session, ASK)
    assert len(_systems(session, "native_lost")) == 1, "the new record is sound"
    check(session)


async def test_a_record_that_vanishes_while_its_session_sleeps() -> None:
    async with open_stage(_script(), sessions=ASLEEP) as stage:
        session = await _told(stage)
        _transcript(stage).unlink()
        await _taken_over(session, stage)


@pytest.mark.parametrize(
    "damage", ["half", *(pytest.param(how, marks=pytest.mark.soak) for how in ("empty", "garbage", "holes", "changed"))]
)
async def test_a_damaged_record_is_not_resumed_in_silence(damage: str) -> None:
    async with open_stage(_script(), sessions=ASLEEP) as stage:
        session = await _told(stage)
        await stage.turn(session, "and it is green")
        await _asleep(stage, session)
        whole = _transcript(stage).read_bytes()
        _transcript(stage).write_bytes(
            {
                "empty": b"",
                "garbage": b"\x01garbage\n" * 40,
                "half": whole[: len(whole) // 2],
                "holes": whole[: len(whole) // 2].ljust(len(whole), b"\0"),
                "changed": whole.replace(b"Coco", b"Loro"),
            }[damage]
        )
        await _taken_over(session, stage)


@pytest.mark.soak
async def test_where_the_directory_was_moved_the_agent_is_told() -> None:
    async with open_stage(_script(), sessions=ASLEEP) as stage:
        old, new = stage.place.root / "old", stage.place.root / "new"
        old.mkdir()
        session = await stage.session(prompt=FACT, cwd=str(old))
        await session.turn_over(1)
        await _asleep(stage, session)
        old.rename(new)
        old.symlink_to(new)
        await _taken_over(session, stage)


@pytest.mark.soak
async def test_a_fork_whose_source_is_gone_is_told() -> None:
    async with open_stage(_script(), sessions=ASLEEP) as stage:
        session = await _told(stage)
        forked = await stage.client.request("session/fork", sessionId=session.session_id)
        _transcript(stage).unlink()
        fork = await stage.client.subscribe(forked["sessionId"])
        await stage.prompt(fork, ASK)
        await fork.turn_over(2)
        assert FACT in str(stage.model.calls[-1].body["messages"])
        assert len(_systems(fork, "native_lost")) == 1


async def _foreign(stage: Stage) -> Watch:
    """The user has gone on in a terminal; the next prompt waits."""
    session = await _told(stage)
    await _terminal(stage, "--resume", await _native_id(stage, session), "theirs: it is green")
    await stage.prompt(session, ASK)
    ended = await session.turn_over(2)
    assert ended["metadata"]["error"]["kind"] == "foreign-writer"
    queue = await stage.client.request("session/queue", sessionId=session.session_id)
    assert [one["prompt"] for one in queue["prompts"]] == [ASK]
    provider = await stage.client.request("provider/get", name="claude")
    assert provider["health"] == "healthy"
    return session


async def test_what_the_user_said_in_a_terminal_is_accepted() -> None:
    async with open_stage(_script(), sessions=ASLEEP) as stage:
        session = await _foreign(stage)
        await stage.client.request("session/settleForeign", sessionId=session.session_id, decision="accept")
        await session.turn_over(4)
        assert session.said(4) == REMEMBERS
        assert "theirs: it is green" in stage.model.calls[-1].conversation.human
        said = [(e["turn"], e["content"]) for e in session.events if e["eventType"] == "user"]
        assert said == [(1, FACT), (2, ASK), (3, "theirs: it is green")]
        assert session.said(3) == "Noted."
        await _asleep(stage, session)
        await stage.turn(session, ASK)
        assert session.said(5) == REMEMBERS


@pytest.mark.soak
async def test_what_the_user_said_in_a_terminal_is_discarded() -> None:
    async with open_stage(_script(), sessions=ASLEEP) as stage:
        session = await _foreign(stage)
        await stage.client.request("session/settleForeign", sessionId=session.session_id, decision="discard")
        await session.turn_over(3)
        told = str(stage.model.calls[-1].body["messages"])
        assert FACT in told
        assert "theirs" not in told
        await _asleep(stage, session)
        await stage.turn(session, ASK)
        assert not _systems(session, "native_lost")


@pytest.mark.soak
async def test_after_the_daemon_was_killed_in_a_turn_nothing_is_refused() -> None:
    async with open_place(_script()) as (place, model):
        async with alive(place, model, sessions=ASLEEP) as stage:
            session = await _told(stage)
            await stage.prompt(session, "talk")
            await session.note(lambda note: note.method == "session/delta")
            session_id = session.session_id
            await stage.daemon.kill()
        await place.until_empty((), 10)
        async with alive(place, model, sessions=ASLEEP) as stage:
            session = await stage.client.subscribe(session_id, after="start")
            await stage.prompt(session, ASK)
            ended = await session.turn_over(3)
            assert ended["metadata"]["reason"] == "completed"
            assert session.said(3) == REMEMBERS
            assert not _systems(session, "native_lost")


async def test_a_conversation_of_the_users_own_is_adopted() -> None:
    async with open_stage(_script(), sessions=ASLEEP) as stage:
        await _terminal(stage, FACT)
        await _terminal(stage, "--continue", "and it is green")
        [past] = await _past(stage)
        assert (past["title"], past["cwd"]) == (FACT, str(stage.place.work))
        assert "sessionId" not in past
        adopted = await stage.client.request("session/adopt", provider="claude", nativeId=past["nativeId"])
        again = await stage.client.request("session/adopt", provider="claude", nativeId=past["nativeId"])
        assert again["sessionId"] == adopted["sessionId"]
        session = await stage.client.subscribe(adopted["sessionId"])
        history = await stage.history(session)
        said = [(e["turn"], e["content"]) for e in history if e["eventType"] in ("user", "assistant")]
        assert said == [(1, FACT), (1, "Noted."), (2, "and it is green"), (2, "Noted.")]
        await stage.turn(session, ASK)
        assert session.said(3) == REMEMBERS
        assert (await _past(stage))[0]["sessionId"] == adopted["sessionId"]


@pytest.mark.soak
async def test_what_the_user_goes_on_with_after_an_adoption_is_seen() -> None:
    async with open_stage(_script(), sessions=ASLEEP) as stage:
        await _terminal(stage, FACT)
        [past] = await _past(stage)
        adopted = await stage.client.request("session/adopt", provider="claude", nativeId=past["nativeId"])
        session = await stage.client.subscribe(adopted["sessionId"])
        await _terminal(stage, "--continue", "theirs")
        await stage.prompt(session, ASK)
        ended = await session.turn_over(2)
        assert ended["metadata"]["error"]["kind"] == "foreign-writer"


# Runs without a daemon


def _last_mark(run: AgentRun[Any]) -> str | None:
    """What was told when the run had ended."""
    while True:
        try:
            run.events.extend(run.lists.receive_nowait())
        except (trio.WouldBlock, trio.EndOfChannel):
            break
    marks = [event.mark for event in run.events if isinstance(event, RunFacts) and event.mark]
    return marks[-1] if marks else None


async def _turn(run: AgentRun[Any], words: str) -> None:
    """A turn; what is asked in it is allowed."""
    await run.session.prompt(prompt(words))
    over = False
    while not over:
        event = await run.until(object, lambda event: isinstance(event, Asked | TurnOver))
        over = isinstance(event, TurnOver)
        if isinstance(event, Asked):
            await run.session.answer(event.request.request_id, Answer(verdict=Verdict.ALLOW))


async def _do(run: AgentRun[Any], what: str) -> None:
    match what:
        case "nothing":
            pass
        case "compact":
            compact = Prompt(prompt_id=prompt("").prompt_id, blocks=(TextBlock(text="/compact"),), by=ME, compacts=True)
            await run.session.prompt(compact)
            await run.until(TurnOver)
        case "closed while it talks":
            await run.session.prompt(prompt("talk"))
            await run.until(Delta)
        case "interrupted":
            await run.session.prompt(prompt("talk"))
            await run.until(Delta)
            await run.session.interrupt()
            await run.until(TurnOver)
        case _:
            await _turn(run, what)


KINDS = (
    "hello",
    "nothing",
    "a subagent",
    "one in the background",
    "a task",
    "something large",
    "interrupted",
    "closed while it talks",
    "compact",
    "/cost",
)


async def _cycles(kinds: Sequence[str]) -> int:
    """Each is a life of an agent that sleeps then; how often one was resumed."""
    native_id: str | None = None
    mark: str | None = None
    resumed = 0
    with new_home() as home:
        async with serving(_script()) as model:
            for kind in kinds:
                known = {"native_id": native_id, "mark": mark} if native_id else {}
                async with claude_run.running(
                    home, model, permission_mode=PermissionMode.ALLOW_ALL, **known
                ) as run:  # it raises where the record is refused
                    resumed += native_id is not None
                    await _do(run, kind)
                native_id, mark = run.told("native_id")[-1], _last_mark(run)
                assert mark is not None, kind
    return resumed


@pytest.mark.soak
async def test_a_record_that_only_its_own_agent_writes_is_never_refused() -> None:
    assert await _cycles(KINDS) == len(KINDS) - 1


@pytest.mark.soak
async def test_nor_in_many_lives() -> None:
    assert await _cycles(KINDS * 5) == 5 * len(KINDS) - 1


@pytest.mark.soak
async def test_opencode_whose_session_is_gone_begins_anew() -> None:
    script = Script(when("first thing", recalls), when("", says("Noted.")))
    async with opencode_run.open_provider(script) as (provider, home, model):
        async with agent_run.running(provider, home, model) as run:
            await run.turn(FACT)
            native_id = run.told("native_id")[-1]
        server = await provider._berth.server(10)
        await server.client._ask("DELETE", f"/session/{native_id}")
        with pytest.raises(Exception, match="no session with this id") as lost:
            async with agent_run.running(provider, home, model, native_id=native_id):
                pass
        assert lost.value.evidence["native_lost"]  # type: ignore[attr-defined]


@pytest.mark.soak
async def test_opencode_tells_what_was_said_in_its_sessions() -> None:
    script = Script(when("first thing", recalls), when("", says("Noted.")))
    async with opencode_run.open_provider(script) as (provider, home, model):
        async with agent_run.running(provider, home, model) as run:
            await run.turn(FACT)
            await run.turn("and it is green")
        [past] = await provider.past_sessions(str(home / "work"))
        assert await provider.past_sessions("/elsewhere") == []
        turns: list[PastTurn] = [turn async for turn in provider.recall(past)]
        assert [turn.prompt for turn in turns] == [FACT, "and it is green"]
        assert [[draft.content for draft in turn.drafts] for turn in turns] == [["Noted."], ["Noted."]]
        behind = [turn async for turn in provider.recall(past, turns[0].mark)]
        assert [turn.prompt for turn in behind] == ["and it is green"]
