"""One conversation that has to change its provider: a secret, a file, and then its endpoint fails.

The second model is one that believes what it is told: it appends a line only if it can't see that this is done. So the
lines of the file count how often the tool ran.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

import attrs
import trio

from tests.eventually import eventually
from tests.invariants import check
from tests.watch import Json, Note, Watch

from .conversation import Conversation
from .pair import SECOND, Agent, Pair, open_pair
from .script import SUBSCRIPTION_SPENT, Fault, Line, LineOf, Script, Silence, breaks, fails, says, when
from .scripts import LONG

SECRET = "plum-4711"
TELL, MAKE, CARRY_ON = f"the secret is {SECRET}", "make the file made.txt", "carry on: add a line, and tell the secret"
MADE, LOG = "made.txt", "log.txt"
APPEND = f"echo line >> {LOG}"
STALL_SECONDS = 3
SECONDS = 5.0
"""From the failure known to the next agent's first words, at most."""
PATIENCE = 60.0


BOTH_CLAUDE = (Agent.CLAUDE, Agent.CLAUDE)
ANSWER = f"The secret is {SECRET}; {MADE} is known."


def next_script(agent: Agent) -> Script:
    """The model of the provider that takes over: it adds the line, unless that is done, and tells what it knows."""

    def carries_on(conversation: Conversation) -> Line:
        told = "\n".join(conversation.human)
        if APPEND not in told and not conversation.answers_a_tool:
            return agent.shell(APPEND)
        known = re.search(r"plum-\d+", told), MADE in told
        return says(ANSWER if all(known) else f"I do not know everything: {known}")

    return Script(when("carry on", carries_on), when("", says("Second here.")))


def first_script(agent: Agent, *lines: Line | LineOf) -> Script:
    """The model of the provider that fails: `lines` are its last turn's."""
    return Script(
        when("the secret is", says("Noted.")),
        when("make the file", agent.shell(f"echo made > {MADE}"), says("Made it.")),
        when("carry on", *lines),
    )


Act = Callable[[Pair], Awaitable[None]]


@attrs.frozen
class Trouble:
    """What befalls the first provider.

    Args:
        name: for a person.
        lines: what its model answers, the last one for ever; none: an answer that takes long enough to be disturbed.
        act: what is done to it, once the turn is under way.
        cause: that the `failover` event tells.
    """

    name: str
    cause: str
    lines: tuple[Line, ...] = ()
    act: Act | None = None

    def script(self, agent: Agent, *, after_a_tool: bool) -> Script:
        failing = self.lines or (says(LONG, pieces=400, pace=0.05),)
        tool = agent.shell(f"{APPEND}; sleep 1" if self.act else APPEND)
        return first_script(agent, *((tool, *failing) if after_a_tool else failing))


async def _refuses(pair: Pair) -> None:
    await pair.first.go_away()


SPENT_IN_200 = attrs.evolve(fails(429), status=200)
"""What claude is told when it asks again, without a stream. It does not pass on what was the matter."""
HALF = says(LONG, pieces=20, pace=0.01)

TROUBLES = (
    Trouble("529", "overloaded", (fails(529),)),
    Trouble("429", "rate-limited", (fails(429),)),
    Trouble("429 with retry-after", "rate-limited", (fails(429, retry_after=1),)),
    Trouble("429 of a subscription, with its reset", "rate-limited", (SUBSCRIPTION_SPENT,)),
    Trouble("429 inside a 200 stream", "unavailable", (breaks(HALF, Fault.THROTTLED), SPENT_IN_200)),
    Trouble("429 inside a 200 stream at once", "unavailable", (breaks(HALF, Fault.THROTTLED, after=0), SPENT_IN_200)),
    Trouble("500", "unavailable", (fails(500),)),
    Trouble("401", "auth-required", (fails(401),)),
    Trouble("connections refused", "network", act=_refuses),
    Trouble("hangs", "turn-stalled", (Silence.HANG,)),
    Trouble("the stream stands still", "turn-stalled", (breaks(HALF, Fault.STALL, after=5),)),
    Trouble("the stream is cut", "network", (breaks(HALF, Fault.CUT, after=5), Silence.HANG_UP)),
)


@attrs.frozen
class Passage:
    """How a turn came from one provider to another.

    Args:
        seconds: from the failure known to the next agent's first words, or the first that it did.
        failover: the event's metadata.
        lines: how often the tool has run.
        told: all that the next model was told.
    """

    seconds: float
    failover: Json
    lines: int
    told: str

    @property
    def ran_twice(self) -> int:
        return max(self.lines - 1, 0)


async def cross(trouble: Trouble, agents: tuple[Agent, Agent] = BOTH_CLAUDE, *, after_a_tool: bool) -> Passage:
    """The whole story; fails if anything is not as it should be."""
    first = trouble.script(agents[0], after_a_tool=after_a_tool)
    patience = HASTY if trouble.cause == "turn-stalled" else STEADY
    async with open_pair(first, next_script(agents[1]), agents, first=patience, second=STEADY) as pair:
        session = await two_turns(pair)
        await pair.prompt(session, CARRY_ON)
        if trouble.act is not None:
            await under_way(pair, session, after_a_tool=after_a_tool)
            await trouble.act(pair)
        await arrived(session)
        return passage(pair, session)


HASTY = {"max_retries": 1, "timeout_seconds": STALL_SECONDS}
STEADY = {"max_retries": 1}


async def two_turns(pair: Pair) -> Watch:
    """The secret is told, and the file is made. The other provider is ready by then, as if it had run for a while."""
    await until_known(pair, SECOND)
    session = await pair.session(prompt=TELL, permissionMode="allow-all")
    await session.turn_over(1, PATIENCE)
    await pair.turn(session, MAKE)
    assert (pair.place.work / MADE).read_text() == "made\n"
    return session


async def until_known(pair: Pair, provider: str) -> None:
    """It has been looked at; the server of one that has a server is there."""
    with trio.fail_after(PATIENCE):
        while (await pair.provider(provider)).get("version") is None:  # noqa: ASYNC110  a provider is asked
            await trio.sleep(0.1)


async def under_way(pair: Pair, session: Watch, *, after_a_tool: bool) -> None:
    """Its third turn is: the tool runs, or words stream."""
    if after_a_tool:
        await eventually((pair.place.work / LOG).exists, 20)
    else:
        await session.delta(turn=3, count=3)


async def arrived(session: Watch, turn: int = 3) -> None:
    """The turn is completed, by one that knew everything, and nothing is missing in the log."""
    ended = await session.turn_over(turn, PATIENCE)
    assert ended["metadata"]["reason"] == "completed", session.summary()
    assert session.said(turn).endswith(ANSWER), session.said(turn)
    check(session)


def passage(pair: Pair, session: Watch) -> Passage:
    known, failover = _failure_and_failover(session)
    went_on = next(note for note in session.notes if note.time >= failover.time and _goes_on(note))
    return Passage(
        seconds=went_on.time - known.time,
        failover=failover.params["metadata"],
        lines=len((pair.place.work / LOG).read_text().splitlines()),
        told="\n".join(pair.second.model.calls[0].conversation.human),
    )


def _failure_and_failover(session: Watch) -> tuple[Note, Note]:
    (failover,) = (note for note in session.notes if note.is_event and note.params["eventType"] == "failover")
    known = [
        note
        for note in session.notes[: session.notes.index(failover)]
        if note.is_event and note.params["eventType"] == "error"
    ]
    return known[-1], failover


def _goes_on(note: Note) -> bool:
    if note.is_event:
        return note.params["eventType"] in ("assistant", "tool_use")
    return note.method == "session/delta"


def crossings(session: Watch) -> list[tuple[str, str, str]]:
    events = [event["metadata"] for event in session.events if event["eventType"] == "failover"]
    return [(event["from"], event["to"], event["cause"]) for event in events]
