from __future__ import annotations

from collections.abc import Iterable

from hypothesis import given, settings
from hypothesis import strategies as st

from jelmored.domain.events import TurnCause, TurnReason, UsageNote
from jelmored.domain.ids import PromptId, RequestId
from jelmored.providers.base import RunEvent, Taken, TakenBack, TurnBegan, TurnOver
from jelmored.providers.claude.normaliser import Normaliser

from . import lines

BACKGROUND = {"origin": {"kind": "task-notification"}}


def marks(events: list[RunEvent]) -> list[type]:
    return [type(event) for event in events if isinstance(event, TurnBegan | TurnOver)]


def test_a_prompt_has_one_turn() -> None:
    normaliser = Normaliser("/work")
    normaliser.prompted("uuid-1")
    assert marks(normaliser.feed([lines.state("running"), lines.init(), lines.result(), lines.state("idle")])) == [
        TurnOver
    ]


def test_the_turn_is_over_when_the_agent_says_idle() -> None:
    normaliser = Normaliser("/work")
    normaliser.prompted("uuid-1")
    assert marks(normaliser.feed([lines.state("running"), lines.init(), lines.result()])) == []
    assert normaliser.turn_runs
    assert marks(normaliser.feed([lines.state("idle")])) == [TurnOver]
    assert not normaliser.turn_runs


def test_an_agent_that_tells_no_state_is_taken_at_its_result() -> None:
    normaliser = Normaliser("/work")
    normaliser.prompted("uuid-1")
    assert marks(normaliser.feed([lines.init(), lines.result()])) == [TurnOver]


def test_the_agent_may_begin_by_itself() -> None:
    normaliser = Normaliser("/work")
    own = [lines.state("running"), lines.init(), lines.result(**BACKGROUND), lines.state("idle")]
    assert marks(normaliser.feed(own)) == [TurnBegan, TurnOver]


def test_it_may_go_straight_on_by_itself() -> None:
    normaliser = Normaliser("/work")
    normaliser.prompted("uuid-1")
    first = [lines.state("running"), lines.init(), lines.result()]
    own = [lines.init(), lines.result(**BACKGROUND), lines.state("idle")]
    assert marks(normaliser.feed([*first, *own])) == [TurnOver, TurnBegan, TurnOver]


def test_a_turn_of_its_own_that_comes_before_that_of_the_prompt_belongs_to_it() -> None:
    normaliser = Normaliser("/work")
    normaliser.feed([lines.state("running")])
    normaliser.prompted("uuid-1")  # the agent was already at work on something else
    own = [lines.init(), lines.result(**BACKGROUND, total_cost_usd=1), lines.state("idle")]
    assert marks(normaliser.feed(own)) == []
    prompts = [lines.state("running"), lines.replayed("uuid-1"), lines.result(total_cost_usd=3), lines.state("idle")]
    (over,) = normaliser.feed(prompts)
    assert isinstance(over, TurnOver)
    assert isinstance(over.usage, UsageNote)
    assert (over.origin, over.usage.cost_usd) == ("prompt", 3)


def test_a_prompt_may_be_taken_up_into_a_turn_of_its_own() -> None:
    normaliser = Normaliser("/work")
    normaliser.feed([lines.state("running"), lines.init()])
    normaliser.prompted("uuid-1")
    taken_up = [lines.replayed("other"), lines.replayed("uuid-1"), lines.result(**BACKGROUND)]
    assert marks(normaliser.feed(taken_up)) == []
    (over,) = normaliser.feed([lines.state("idle")])
    assert isinstance(over, TurnOver)
    assert over.origin == "prompt"


def test_the_end_of_a_turn_says_whose_it_was() -> None:
    normaliser = Normaliser("/work")
    events = normaliser.feed([lines.init(), lines.result(**BACKGROUND)])
    normaliser.prompted("uuid-1")
    events += normaliser.feed([lines.init(), lines.result()])
    assert [event.origin for event in events if isinstance(event, TurnOver)] == ["agent", "prompt"]


def test_a_prompt_that_is_taken_back_behind_a_turn_of_its_own_ends_with_it() -> None:
    normaliser = Normaliser("/work")
    normaliser.feed([lines.state("running"), lines.init()])
    normaliser.prompted("uuid-1")
    assert normaliser.taken_back("uuid-1") == []
    assert marks(normaliser.feed([lines.result(**BACKGROUND), lines.state("idle")])) == [TurnOver]


def test_idle_from_before_the_prompt_does_not_end_its_turn() -> None:
    normaliser = Normaliser("/work")
    normaliser.feed([lines.state("running"), lines.init(), lines.result()])
    normaliser.feed([lines.state("idle")])
    normaliser.prompted("uuid-1")
    assert marks(normaliser.feed([lines.state("idle")])) == []
    assert normaliser.turn_runs


def test_a_turn_without_a_result_ends_with_idle() -> None:
    normaliser = Normaliser("/work")
    normaliser.prompted("uuid-1")
    (over,) = normaliser.feed([lines.state("running"), lines.state("idle")])
    assert isinstance(over, TurnOver)
    assert (over.reason, over.cause) == (TurnReason.INTERRUPTED, TurnCause.AGENT)


def test_a_turn_of_its_own_without_a_result_was_not_cut() -> None:
    """A question of a subagent in the background makes one."""
    normaliser = Normaliser("/work")
    asked = lines.asked("r1", "Bash", {"command": "ls"}, agent_id="a1")
    events = normaliser.feed([lines.state("requires_action"), asked])
    normaliser.answered(RequestId("r1"))
    events += normaliser.feed([lines.state("running"), lines.state("idle")])
    assert marks(events) == [TurnBegan, TurnOver]
    over = events[-1]
    assert isinstance(over, TurnOver)
    assert (over.reason, over.origin) == (TurnReason.COMPLETED, "agent")


def test_a_prompt_that_was_taken_back_never_was_a_turn() -> None:
    normaliser = Normaliser("/work")
    assert normaliser.taken_back("uuid-1") == []
    normaliser.prompted("uuid-1")
    assert marks(normaliser.taken_back("uuid-1")) == [TurnOver]
    normaliser.prompted("uuid-2")
    normaliser.feed([lines.state("running")])
    assert normaliser.taken_back("uuid-2") == []


def test_a_result_outside_of_a_turn_ends_none() -> None:
    normaliser = Normaliser("/work")
    stray = lines.result(subtype="error_during_execution", is_error=True, errors=["No conversation found"])
    assert normaliser.feed([stray]) == []
    assert normaliser.stray is not None
    assert "No conversation found" in normaliser.stray.words


def steered(*names: str) -> Normaliser:
    """In the turn of a prompt, after these messages."""
    normaliser = Normaliser("/work")
    normaliser.prompted("uuid-1")
    normaliser.feed([lines.state("running"), lines.init(), lines.replayed("uuid-1")])
    for name in names:
        normaliser.steered(f"uuid-{name}", PromptId(name))
    return normaliser


def turns(events: list[RunEvent]) -> list[RunEvent | type]:
    """What is told of turns; an end without its details."""
    told = [event for event in events if isinstance(event, TurnBegan | TurnOver | Taken | TakenBack)]
    return [TurnOver if isinstance(event, TurnOver) else event for event in told]


def began(*names: str) -> TurnBegan:
    return TurnBegan(tuple(map(PromptId, names)))


def taken(name: str) -> Taken:
    return Taken(PromptId(name))


def test_what_is_taken_up_in_the_turn_has_steered_it() -> None:
    normaliser = steered("b", "c")
    assert turns(normaliser.feed([lines.replayed("uuid-b"), lines.replayed("uuid-c")])) == [taken("b"), taken("c")]
    assert turns(normaliser.feed([lines.result(), lines.state("idle")])) == [TurnOver]


def test_what_comes_too_late_is_one_turn_that_follows() -> None:
    """The CLI tells of all but the last as it begins, of the last with its first words."""
    normaliser = steered("b", "c")
    events = normaliser.feed([lines.result(), lines.replayed("uuid-b"), lines.init()])
    assert turns(events) == [TurnOver, began("b", "c")]
    assert turns(normaliser.feed([lines.replayed("uuid-c"), lines.result(), lines.state("idle")])) == [TurnOver]


def test_what_comes_when_the_turn_is_over_is_not_lost() -> None:
    normaliser = steered()
    normaliser.feed([lines.result(), lines.state("idle")])
    normaliser.steered("uuid-b", PromptId("b"))
    assert turns(normaliser.feed([lines.state("running"), lines.init()])) == [began("b")]
    assert turns(normaliser.feed([lines.replayed("uuid-b"), lines.result(), lines.state("idle")])) == [TurnOver]


def test_a_prompt_behind_what_came_too_late_shares_its_turn() -> None:
    normaliser = steered()
    normaliser.feed([lines.result(), lines.state("idle")])
    normaliser.steered("uuid-b", PromptId("b"))
    normaliser.prompted("uuid-2")
    first = [lines.state("running"), lines.init(), lines.replayed("uuid-b"), lines.result()]
    assert turns(normaliser.feed([*first, lines.state("idle")])) == [taken("b")]
    second = [lines.state("running"), lines.init(), lines.replayed("uuid-2"), lines.result(), lines.state("idle")]
    assert turns(normaliser.feed(second)) == [TurnOver]


def test_a_slash_command_is_never_told_and_has_a_result_of_its_own() -> None:
    normaliser = steered("slash", "c")
    events = normaliser.feed([lines.result(), lines.init(), lines.result(), lines.init(), lines.replayed("uuid-c")])
    assert turns(events) == [TurnOver, began("slash", "c")]
    assert turns(normaliser.feed([lines.result(), lines.state("idle")])) == [TurnOver]
    own = [lines.state("running"), lines.init(), lines.result(**BACKGROUND), lines.state("idle")]
    assert turns(normaliser.feed(own)) == [began(), TurnOver]


def test_what_is_taken_back_is_told_once_and_an_interrupt_ends_the_turn() -> None:
    normaliser = steered("b", "c")
    assert normaliser.untaken == ("uuid-b", "uuid-c")
    assert normaliser.taken_back("uuid-b") == [TakenBack(PromptId("b"))]
    assert normaliser.taken_back("uuid-b") == []
    aborted = lines.result(subtype="error_during_execution", is_error=True, terminal_reason="aborted_streaming")
    assert turns(normaliser.feed([aborted, lines.init()])) == [TurnOver, began("c")]
    assert normaliser.taken_back("uuid-c") == []


def test_an_interrupted_turn_is_over_whatever_was_not_taken_up() -> None:
    """Of several messages the last may never be told."""
    normaliser = steered("b", "c")
    normaliser.feed([lines.result(), lines.init(), lines.replayed("uuid-b")])
    aborted = lines.result(subtype="error_during_execution", is_error=True, terminal_reason="aborted_streaming")
    assert turns(normaliser.feed([aborted, lines.state("idle")])) == [TurnOver]


STEPS = st.sampled_from([
    *(lines.state("running"), lines.state("idle"), lines.state("requires_action")),
    *(lines.init(), lines.result(), lines.result(**BACKGROUND), lines.whole("m", lines.text("x"))),
    *(lines.replayed(f"uuid-{number}") for number in range(4)),
    *(b"prompt", b"steer", b"cancel"),
])


@given(st.lists(STEPS, max_size=40))
def test_whatever_is_said_there_is_one_turn_at_a_time_and_no_message_is_settled_twice(steps: list[bytes]) -> None:
    client = Client()
    for step in steps:
        match step:
            case b"prompt":
                client.prompt()
            case b"steer":
                client.steer()
            case b"cancel":
                for uuid in client.normaliser.untaken[:1]:
                    client.hear(client.normaliser.taken_back(uuid))
            case _:
                client.hear(client.normaliser.feed([step]))


class Client:
    """A session's view of the turns: it fails when one begins in another, or a message is settled twice."""

    def __init__(self) -> None:
        self.normaliser = Normaliser("/work")
        self.runs = False
        self.open: set[str] = set()
        self._given = 0

    def prompt(self) -> str | None:
        """Gives a prompt if no turn runs; the id of its message."""
        if self.runs:
            return None
        self.runs = True
        uuid = self._next()
        self.normaliser.prompted(uuid)
        return uuid

    def steer(self) -> str:
        uuid = self._next()
        self.open.add(uuid)
        self.normaliser.steered(uuid, PromptId(uuid))
        return uuid

    def hear(self, events: list[RunEvent]) -> None:
        for event in events:
            match event:
                case TurnBegan(prompt_ids=prompt_ids):
                    assert not self.runs
                    self.runs = True
                    self._settle(prompt_ids)
                case TurnOver():
                    assert self.runs
                    self.runs = False
                case Taken(prompt_id=prompt_id) | TakenBack(prompt_id=prompt_id):
                    self._settle([prompt_id])
        assert self.normaliser.turn_runs is self.runs

    def _next(self) -> str:
        self._given += 1
        return f"uuid-{self._given}"

    def _settle(self, prompt_ids: Iterable[str]) -> None:
        for prompt_id in prompt_ids:
            self.open.remove(prompt_id)


class Cli:
    """How the CLI was seen to go about its queue: one step at a time, told by the lines that it writes."""

    def __init__(self) -> None:
        self.unread: list[tuple[str, str]] = []
        self.queue: list[str] = []
        self.tasks_ended = 0
        self.written: list[bytes] = []
        self._at_work = False
        self._now: list[str] | None = None
        self._own = False

    @property
    def done(self) -> bool:
        return not (self.unread or self.queue or self.tasks_ended or self._at_work or self.written)

    def read(self) -> None:
        """The next line of its stdin."""
        if not self.unread:
            return
        what, uuid = self.unread.pop(0)
        match what:
            case "user":
                self.queue.append(uuid)
            case "cancel":
                cancelled = uuid in self.queue
                if cancelled:
                    self.queue.remove(uuid)
                self.written.append(f"{uuid if cancelled else ''}".encode())
            case "interrupt" if self._now is not None:
                self._speak()
                self._finish("aborted_streaming")

    def work(self) -> None:
        """Begin with all that is queued, or else say a word of the turn that runs."""
        if self._now is None:
            self._begin()
        else:
            self._speak()

    def inject(self) -> None:
        """A tool has run: what is queued goes into the turn."""
        if self._now is not None:
            self._speak()
            self.written += [lines.replayed(uuid) for uuid in self.queue]
            self.queue.clear()

    def finish(self) -> None:
        if self._now is not None:
            self._speak()
            self._finish("completed")

    def rest(self) -> None:
        if self._at_work and self._now is None and not self.queue and not self.tasks_ended:
            self._at_work = False
            self.written.append(lines.state("idle"))

    def _begin(self) -> None:
        if not self.queue and not self.tasks_ended:
            return
        if not self._at_work:
            self._at_work = True
            self.written.append(lines.state("running"))
        if not self.queue:
            self.tasks_ended -= 1
            self._own, self._now = True, []
        else:
            self._own, self._now = False, self.queue[-1:]
            self.written += [lines.replayed(uuid) for uuid in self.queue[:-1]]
            self.queue.clear()
        self.written.append(lines.init())

    def _speak(self) -> None:
        self.written += [lines.replayed(uuid) for uuid in self._now or ()]
        self._now = []
        self.written.append(lines.whole("m", lines.text("x")))

    def _finish(self, reason: str) -> None:
        own = BACKGROUND if self._own else {}
        self.written.append(lines.result(**own, terminal_reason=reason))
        self._now = None


MOVES = st.sampled_from([
    *("prompt", "steer", "steer", "interrupt", "hear", "hear", "task"),
    *("read", "read", "work", "work", "inject", "finish", "rest"),
])


@settings(max_examples=400)
@given(st.lists(MOVES, max_size=60))
def test_with_the_queue_of_the_cli_each_message_is_settled_once_and_every_turn_ends(moves: list[str]) -> None:
    client, cli = Client(), Cli()
    for move in moves:
        match move:
            case "prompt" if (uuid := client.prompt()) is not None:
                cli.unread.append(("user", uuid))
            case "steer":
                cli.unread.append(("user", client.steer()))
            case "interrupt" if client.runs or client.normaliser.untaken:
                cli.unread += [*(("cancel", uuid) for uuid in client.normaliser.untaken), ("interrupt", "")]
            case "task":
                cli.tasks_ended += 1
            case "hear":
                hear(client, cli)
            case "read" | "work" | "inject" | "finish" | "rest":
                getattr(cli, move)()
    while not cli.done:
        for step in (cli.read, cli.work, cli.finish, cli.rest):
            step()
        hear(client, cli)
    assert client.open == set()
    assert not client.runs


def hear(client: Client, cli: Cli) -> None:
    for line in cli.written:
        told = line.decode()
        replied = told == "" or told.startswith("uuid-")
        client.hear(client.normaliser.taken_back(told) if replied else client.normaliser.feed([line]))
    cli.written.clear()
