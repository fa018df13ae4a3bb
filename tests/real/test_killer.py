"""The whole daemon killed at random moments while real agents of both kinds are at work, again and again: what clients
were told is there, and nothing is left running. `KILLS` and `KILLS_SEED` in the environment: how often, and which."""

from __future__ import annotations

import os
import random
import re
from collections.abc import Mapping

import attrs
import pytest
import trio

from tests.client_raw import Closed, RpcError
from tests.invariants import check
from tests.watch import Json, Watch

from .conversation import Conversation
from .pair import FIRST, SECOND, Agent, House, Pair, open_house
from .script import Line, LineOf, Script, says, when

pytestmark = pytest.mark.real

KILLS = int(os.environ.get("KILLS", "3"))
SEED = int(os.environ.get("KILLS_SEED", random.randrange(10**6)))
LEFT_SECONDS = 2.0
AT_WORK = 5.0  # s after its start within which a daemon is killed
WORDS = " ".join(f"word{number}" for number in range(200))
JOB = re.compile(r"job-\d+")
AGENTS = (Agent.CLAUDE, Agent.OPENCODE)


def _script(agent: Agent) -> Script:
    """A job is a line in a file, then many words; whoever is asked says which jobs the conversation has known."""

    def work(conversation: Conversation) -> Line:
        if conversation.answers_a_tool:
            return says(WORDS, pieces=100, pace=0.01)
        (job,) = JOB.findall(conversation.last)[-1:]
        return agent.shell(f"echo {job} >> jobs; sleep 0.2")

    def recall(conversation: Conversation) -> Line:
        known = JOB.findall(" ".join(conversation.human))
        return says("I know " + " ".join(sorted(set(known))))

    lines: Mapping[str, LineOf] = {"recall": recall, "job-": work}
    return Script(*(when(words, line) for words, line in lines.items()), when("", says("Ready.")))


@attrs.define
class Ledger:
    """What clients were told of one session, over all lives of the daemon."""

    session_id: str
    provider: str
    frames: dict[int, str] = attrs.field(factory=dict)
    log_id: str = ""
    receipts: dict[str, Json] = attrs.field(factory=dict)
    """Of the prompts that were acknowledged, by their requestKeys."""
    done: set[str] = attrs.field(factory=set)
    """Jobs whose turn was seen to be completed."""

    def note(self, watch: Watch) -> None:
        self.frames |= watch.frames

    async def confirm(self, pair: Pair) -> Watch:
        """All of it is still so."""
        watch = await pair.client.subscribe(self.session_id)
        await watch.caught_up()
        assert self.log_id in ("", watch.reply["logId"])
        self.log_id = watch.reply["logId"]
        now = watch.frames
        assert list(now) == list(range(1, watch.reply["head"] + 1))
        assert {seq: now.get(seq) for seq in self.frames} == self.frames
        for key, receipt in self.receipts.items():
            assert _event(watch, receipt["seq"])["metadata"]["promptId"] == receipt["promptId"], key
            assert await _asked(pair, self.session_id, key) == receipt
        check(watch)
        return watch


def _event(watch: Watch, seq: int) -> Json:
    return next(event for event in watch.events if event["seq"] == seq)


async def _asked(pair: Pair, session_id: str, job: str) -> Json:
    receipt: Json = await pair.client.request("session/prompt", sessionId=session_id, prompt=job, requestKey=job)
    return receipt


async def test_what_was_told_is_there_and_nothing_runs_on() -> None:
    chance = random.Random(SEED)
    print(f"KILLS={KILLS} KILLS_SEED={SEED}")
    async with open_house(_script(AGENTS[0]), _script(AGENTS[1]), AGENTS) as house:
        ledgers: list[Ledger] = []
        for number in range(KILLS):
            await _life(house, ledgers, number, chance)
        async with house.alive(failover={"enabled": False}) as pair:
            for ledger in ledgers:
                await _settle(pair, ledger)


async def _life(house: House, ledgers: list[Ledger], number: int, chance: random.Random) -> None:
    """From a start to a kill."""
    async with house.alive(failover={"enabled": False}) as pair:
        for ledger in ledgers:
            ledger.note(await ledger.confirm(pair))
        with trio.move_on_after(chance.uniform(0, AT_WORK)):
            for provider in (FIRST, SECOND)[: 1 if number % 2 else 2]:
                created = await pair.client.request(
                    "session/create", cwd=str(pair.place.work), provider=provider, permissionMode="allow-all"
                )
                ledgers.append(Ledger(created["sessionId"], provider))
            async with trio.open_nursery() as nursery:
                for index, ledger in enumerate(ledgers[-4:]):
                    nursery.start_soon(_give_work, pair, ledger, f"job-{number}{index}")
        family = pair.daemon.family()
        await pair.daemon.kill()
        await pair.place.until_empty(family, LEFT_SECONDS)
        for ledger in ledgers:
            for watch in (note for note in pair.client._watches.values() if note.session_id == ledger.session_id):
                ledger.note(watch)


async def _give_work(pair: Pair, ledger: Ledger, job: str) -> None:
    watch = await pair.client.subscribe(ledger.session_id)
    with trio.CancelScope():
        receipt = await _asked(pair, ledger.session_id, job)
        ledger.receipts[job] = receipt
        try:
            started = await watch.event("turn_started", promptId=receipt["promptId"], seconds=60)
            ended = await watch.turn_over(started["turn"], seconds=60)
        except (Closed, RpcError):
            return
        if ended["metadata"]["reason"] == "completed":
            ledger.done.add(job)


async def _settle(pair: Pair, ledger: Ledger) -> None:
    """The session works: what waited has its turn, nothing was done twice, and what was done is known."""
    watch = await ledger.confirm(pair)
    receipt = await pair.client.request("session/prompt", sessionId=ledger.session_id, prompt="recall what you know")
    started = await watch.event("turn_started", promptId=receipt["promptId"], seconds=120)
    ended = await watch.turn_over(started["turn"], seconds=60)
    assert ended["metadata"]["reason"] == "completed", watch.summary()
    known = set(JOB.findall(watch.said(started["turn"])))
    assert known >= ledger.done, f"{ledger.provider} has forgotten {ledger.done - known}"
    begun = {e["metadata"].get("promptId") for e in watch.events if e["eventType"] == "turn_started"}
    dropped = {e["metadata"].get("promptId") for e in watch.events if e["eventType"] == "system"}
    for job, kept in ledger.receipts.items():
        assert kept["promptId"] in begun | dropped, f"{job} was acknowledged, and is lost"
    jobs = (pair.place.work / "jobs").read_text().split() if (pair.place.work / "jobs").exists() else []
    twice = {job for job in jobs if jobs.count(job) > 1}
    assert not twice, f"done twice: {twice}"
    check(watch)
