"""Whatever clients ask, agents do and befalls the daemon, and whenever: a session's log keeps its promises."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta, tzinfo
from functools import partial
from typing import Any, Self
from unittest import mock

import attrs
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from jelmored.config.settings import FailoverSettings, MidTurn, Return
from jelmored.domain.commands import (
    ConfigureSession,
    ForkSession,
    Interrupt,
    MoveSession,
    ResolveApproval,
    ResumeSession,
    SendPrompt,
    WhenBusy,
)
from jelmored.domain.events import TurnReason
from jelmored.domain.failures import Failure
from jelmored.domain.ids import ProviderName
from jelmored.domain.permissions import PermissionMode, ToolKind
from jelmored.domain.prompts import WhenUnavailable
from jelmored.domain.sessions import BackgroundTask, Limits
from jelmored.errors import ErrorKind, SessionError
from jelmored.providers.base import RunFacts
from jelmored.sessions.agent.failover import GO_ON, STOP
from tests.actors.virtual import run

from .cast import STARTS
from .play import Play
from .stage import ME

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)  # of the wall clock in a script


@attrs.frozen(repr=False)
class Line:
    """A line of a script. `at_once`: the next one does not wait until this one has had its effects."""

    act: Callable[..., Awaitable[None]]
    args: tuple[Any, ...]
    at_once: bool

    async def __call__(self, play: Play) -> None:
        await self.act(play, *self.args)
        if not self.at_once:
            await trio.sleep(0.05)

    def __repr__(self) -> str:
        return f"Line({self.act.__name__}, {self.args}, at_once={self.at_once})"


# Clients


async def prompt(play: Play, who: int, when: WhenBusy, wish: WhenUnavailable | None, key: str | None) -> None:
    directory, session_id = play.directory, play.session(who)
    words = play.words(wish, key and f"{session_id}{key}")
    command = SendPrompt(session_id=session_id, prompt=words, when_busy=when, when_unavailable=wish, request_key=key)
    play.ask(lambda: directory.prompt(command, ME))


async def unqueue(play: Play, who: int, place: int) -> None:
    directory, session_id = play.directory, play.session(who)
    if queue := directory.queue(session_id):
        play.ask(lambda: directory.unqueue(session_id, queue[place % len(queue)].prompt_id, ME))


async def interrupt(play: Play, who: int, drop_queue: bool, turn: int | None) -> None:
    directory = play.directory
    command = Interrupt(session_id=play.session(who), drop_queue=drop_queue, expected_turn=turn)
    play.ask(lambda: directory.interrupt(command, ME))


async def resolve(play: Play, which: int, option: str | None, stop: bool) -> None:
    directory = play.directory
    if approvals := directory.approvals():
        approval_id = approvals[which % len(approvals)].approval_id
        command = ResolveApproval(approval_id=approval_id, option_id=option, cancelled=option is None, interrupt=stop)
        if option in (GO_ON, STOP):
            command = ResolveApproval(approval_id=approval_id, answers={"failover": (option,)}, interrupt=stop)
        play.ask(lambda: directory.resolve(command, ME))


async def configure(play: Play, who: int, mode: PermissionMode | None, max_turns: int | None) -> None:
    limits = None if max_turns is None else Limits(max_turns=max_turns)
    command = ConfigureSession(session_id=play.session(who), permission_mode=mode, limits=limits)
    directory = play.directory
    play.ask(lambda: directory.configure(command, ME))


async def close(play: Play, who: int) -> None:
    directory = play.directory
    play.ask(lambda: directory.close(play.session(who), ME))


async def suspend(play: Play, who: int) -> None:
    directory, session_id = play.directory, play.session(who)

    async def suspended() -> None:
        play.states[session_id] = await directory.suspend(session_id, ME)

    play.ask(suspended)


async def resume(play: Play, who: int, by_state: bool) -> None:
    directory, session_id = play.directory, play.session(who)
    state = play.states.get(session_id) if by_state else None
    command = ResumeSession(session_id=session_id) if state is None else ResumeSession(state=state)
    play.ask(lambda: directory.resume(command, ME))


async def export(play: Play, who: int) -> None:
    directory, session_id = play.directory, play.session(who)
    play.ask(lambda: directory.export(session_id))


async def move(play: Play, who: int, provider: str | None) -> None:
    command = MoveSession(session_id=play.session(who), provider=ProviderName(provider) if provider else None)
    directory = play.directory
    play.ask(lambda: directory.move(command, ME))


async def fork(play: Play, who: int, back: int, provider: str | None) -> None:
    session_id = play.session(who)
    at_seq = max(play.directory.get(session_id).seq - back, 1) if back else None
    where = ProviderName(provider) if provider else None
    play.ask(lambda: play.fork(ForkSession(session_id=session_id, at_seq=at_seq, provider=where)))


async def wait(play: Play, seconds: float) -> None:
    await trio.sleep(seconds)


# Agents


async def agent(play: Play, which: int, act: str, *args: Any) -> None:
    if on_stage := play.on_stage:
        await getattr(on_stage[which % len(on_stage)], act)(*args)


async def starts(play: Play, which: int, how: str) -> None:
    play.casts[which % len(play.casts)].starts = how


# The daemon


async def restart(play: Play) -> None:
    await play.restart()


async def network(play: Play, online: bool) -> None:
    play.company.online = online


async def power_cut(play: Play) -> None:
    await play.power_cut()


async def journal_fails(play: Play, times: int) -> None:
    play.journal.failures = times


def lines(act: Callable[..., Awaitable[None]], *args: st.SearchStrategy[Any]) -> st.SearchStrategy[Line]:
    return st.builds(Line, st.just(act), st.tuples(*args), st.booleans())


def agents(act: str, *args: st.SearchStrategy[Any]) -> st.SearchStrategy[Line]:
    return lines(agent, small, st.just(act), *args)


CRASH = SessionError(ErrorKind.AGENT_CRASHED, "killed by signal 9")
NETWORK = SessionError(ErrorKind.NETWORK, "connection refused")
LOGGED_OUT = SessionError(ErrorKind.AUTH_REQUIRED, "401")
LATER = EPOCH + timedelta(seconds=500)
small = st.integers(0, 2)
who = st.integers(0, 1)
kinds = st.sampled_from([ToolKind.READ, ToolKind.EXECUTE])
wishes = st.sampled_from([None, *WhenUnavailable])
providers = st.sampled_from([None, "puppet", "second", "third"])
failures = st.sampled_from([
    ErrorKind.OVERLOADED,
    ErrorKind.UNAVAILABLE,
    ErrorKind.NETWORK,
    ErrorKind.AUTH_REQUIRED,
    ErrorKind.AGENT_CRASHED,
    ErrorKind.CONTEXT_TOO_LONG,
    ErrorKind.INVALID_REQUEST,
])
endings = st.one_of(
    st.just((TurnReason.COMPLETED, None)),
    st.just((TurnReason.COMPLETED, None)),
    st.just((TurnReason.REFUSED, None)),
    st.builds(lambda kind: (TurnReason.FAILED, Failure(kind=kind, message=kind)), failures),
    st.builds(lambda kind: (TurnReason.FAILED, Failure(kind=kind, message=kind)), failures),
    st.just((TurnReason.FAILED, Failure(kind=ErrorKind.OVERLOADED, message="529", retry_at=LATER))),
)
policies = st.builds(
    FailoverSettings,
    enabled=st.sampled_from([True, True, True, False]),
    mid_turn=st.sampled_from(MidTurn),
    return_=st.sampled_from(Return),
)
from_clients = st.one_of(
    lines(prompt, who, st.sampled_from(WhenBusy), wishes, st.sampled_from([None, None, "a", "b"])),
    lines(prompt, who, st.sampled_from(WhenBusy), wishes, st.none()),
    lines(prompt, who, st.just(WhenBusy.STEER), wishes, st.none()),
    lines(move, who, providers),
    lines(fork, who, st.integers(0, 9), providers),
    lines(unqueue, who, small),
    lines(configure, who, st.sampled_from([None, *PermissionMode]), st.sampled_from([None, 3])),
    lines(interrupt, who, st.booleans(), st.sampled_from([None, None, 1, 2])),
    lines(
        resolve,
        small,
        st.sampled_from([None, "allow", "allow-always", "reject", "?", GO_ON, GO_ON, STOP]),
        st.booleans(),
    ),
    lines(close, who),
    lines(suspend, who),
    lines(suspend, who),
    lines(resume, who, st.booleans()),
    lines(resume, who, st.booleans()),
    lines(export, who),
)
from_agents = st.one_of(
    agents("stream", st.sampled_from("ab"), st.booleans()),
    agents("end_text", st.booleans()),
    agents("use_tool", kinds),
    agents("end_tool"),
    agents("ask", kinds),
    agents("withdraw"),
    agents("begin"),
    agents("take"),
    endings.flatmap(lambda ending: agents("finish", *map(st.just, ending))),
    agents(
        "learn",
        st.sampled_from([
            RunFacts(background_tasks=(BackgroundTask(task_id="t", title="a task"),)),
            RunFacts(directory="/tmp"),
            RunFacts(model="m"),
        ]),
    ),
    agents("end", st.sampled_from([None, CRASH, CRASH, NETWORK, LOGGED_OUT, KeyError("?")])),
    agents("misbehave", st.booleans(), st.booleans()),
)
befalls = st.one_of(
    lines(wait, st.sampled_from([0, 0.3, 1.5, 7, 70, 700])),
    lines(starts, small, st.sampled_from(list(STARTS))),
    lines(starts, small, st.sampled_from(list(STARTS))),
    lines(network, st.booleans()),
    lines(restart),
    lines(power_cut),
    lines(journal_fails, st.integers(1, 2)),
)
opening = [Line(prompt, (0, WhenBusy.QUEUE, None, None), at_once=False)]
scripts = st.lists(st.one_of(from_clients, from_agents, from_agents, befalls), min_size=6, max_size=40).map(
    lambda script: [*opening, *script]
)


class Clock(datetime):
    """The wall clock goes with Trio's, which jumps."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Self:
        then = EPOCH + timedelta(seconds=trio.current_time())
        return cls.fromtimestamp(then.timestamp(), tz)


@settings(max_examples=1000, deadline=None)
@given(scripts, st.integers(1, 3), st.integers(1, 2), policies)
def test_whatever_happens_the_log_keeps_its_promises(
    script: list[Line], number: int, max_runs: int, failover: FailoverSettings
) -> None:
    seeded = mock.patch("random.Random", partial(random.Random, 0))  # jitter, the same each time
    with seeded, mock.patch("jelmored.domain.times.datetime", Clock):
        run(lambda: Play(number, max_runs, failover).play(script))
