"""The contract of a provider: small enough for a plug-in, wide enough for an agent per process and one behind a server.

A `BaseProvider` is a configured source of agents. It opens a `BaseSession` per run, which tells what it hears as lists
of `RunEvent` on a memory channel. Who calls what: supervision/ alone; nothing else in jelmored touches a provider.
"""

from __future__ import annotations

import abc
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

import attrs
import trio

from jelmored.domain.events import DeltaKind, Draft, TurnCause, TurnReason, UsageNote
from jelmored.domain.failures import Failure
from jelmored.domain.ids import ItemId, PromptId, ProviderName, RequestId, SessionId, ToolUseId
from jelmored.domain.mcp import McpServer
from jelmored.domain.models import ModelInfo, ProviderCapabilities, QuotaWindow
from jelmored.domain.permissions import Answer, PermissionMode, PermissionRequest, Rule
from jelmored.domain.prompts import Prompt
from jelmored.domain.sessions import BackgroundTask, ContextUse, NativeOrigin
from jelmored.errors import ErrorKind, ModelNotSupportedError, SessionError


@attrs.frozen(kw_only=True)
class SessionConfig:
    """What a run needs to know of its session.

    Args:
        session_id: ours; the same for every run.
        cwd: absolute; the agent is started there, also when it is resumed.
        real_cwd: where that leads, links resolved: the agent is started there or not at all. None: wherever it leads.
        model: as the provider names it; None is the provider's default.
        permission_mode: our policy. The answers are given by the session; a provider only needs it to start the
            agent in a mode that asks no less.
        directories: further directories in which the agent may work.
        mcp_servers: by name; for this session alone.
        environment: of the client, for this session alone: over the daemon's own, under the provider's.
        native_id: the agent's own session to resume, None for a new one.
        origin: the agent's own session that this one is a fork of; it has no `native_id` of its own yet.
        rules: what was answered with "always", for agents that act without asking.
        mark: what the agent's own record looked like when our last run of it ended (`RunFacts.mark`); None: not known.
    """

    session_id: SessionId
    cwd: str
    real_cwd: str | None = None
    model: str | None = None
    permission_mode: PermissionMode = PermissionMode.ASK
    system_prompt: str | None = None
    directories: tuple[str, ...] = ()
    mcp_servers: Mapping[str, McpServer] = attrs.field(factory=dict)
    environment: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    max_turns: int | None = None
    native_id: str | None = None
    origin: NativeOrigin | None = None
    rules: tuple[Rule, ...] = ()
    mark: str | None = None


@attrs.frozen(kw_only=True)
class Delta:
    """A piece of text as it streams. The `Draft` that closes its item carries the same `item_id` and all the text.
    What is open when the turn ends is closed by the session with what there is of it."""

    item_id: ItemId
    kind: DeltaKind
    text: str
    parent_tool_use_id: ToolUseId | None = None


@attrs.frozen(kw_only=True)
class ItemVoided:
    """The agent does its answer over: what was shown of this item is void and no event will close it."""

    item_id: ItemId
    reason: str


@attrs.frozen
class TurnBegan:
    """The agent began a turn that was not prompted: by itself, or with messages that were to steer the last turn and
    came too late for it (`prompt_ids`, in their order)."""

    prompt_ids: tuple[PromptId, ...] = ()


@attrs.frozen
class Taken:
    """A message that was to steer has reached the model, in the turn that runs."""

    prompt_id: PromptId


@attrs.frozen
class TakenBack:
    """A message that was to steer will not reach the model: the turn was interrupted before."""

    prompt_id: PromptId


@attrs.frozen(kw_only=True)
class TurnOver:
    """The last of a turn. `usage` is of this turn alone; `failure` says why, where the reason is `failed`. `origin`:
    `agent` for a turn that had its own `TurnBegan`; it may reach a session that has given a prompt meanwhile, whose
    turn is then still to come."""

    reason: TurnReason
    cause: TurnCause | None = None
    failure: Failure | None = None
    usage: UsageNote | None = None
    origin: Literal["prompt", "agent"] = "prompt"


@attrs.frozen
class Asked:
    """The agent waits for `BaseSession.answer(request.request_id, …)`."""

    request: PermissionRequest


@attrs.frozen
class Withdrawn:
    """The agent no longer waits on this request."""

    request_id: RequestId


@attrs.frozen(kw_only=True)
class RunFacts:
    """What the agent says of itself; None is "nothing new". `native_id`: resume by it from now on. `spent`: what the
    turn in hand has taken up to now, estimated if need be; `TurnOver.usage` has the last word. `mark`: what the agent's
    own record of the session looks like, told last, when the agent has ended: if it is another one before the next run,
    somebody else has written there."""

    native_id: str | None = None
    used: bool | None = None
    model: str | None = None
    directory: str | None = None
    commands: tuple[str, ...] | None = None
    background_tasks: tuple[BackgroundTask, ...] | None = None
    context: ContextUse | None = None
    quota: QuotaWindow | None = None
    spent: UsageNote | None = None
    mark: str | None = None


RunEvent = Draft | Delta | ItemVoided | TurnBegan | Taken | TakenBack | TurnOver | Asked | Withdrawn | RunFacts


@attrs.frozen(kw_only=True)
class SessionChange:
    """What a client changed of its session while an agent is at work; None: nothing. `model` "" is the provider's
    default."""

    model: str | None = None
    permission_mode: PermissionMode | None = None
    rules: tuple[Rule, ...] | None = None


@attrs.frozen(kw_only=True)
class Probe:
    """What a free look at a provider showed. Without a failure, it can start sessions. `notes`: what a person should
    know of it all the same, in words."""

    version: str | None = None
    models: tuple[ModelInfo, ...] = ()
    account: str | None = None
    failure: Failure | None = None
    notes: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class PastSession:
    """A conversation that an agent has had without us, as its own program lists it.

    Args:
        native_id: the agent's id of it.
        cwd: absolute; where it can be resumed.
        title: a line for a person.
        updated_at: of its last message.
    """

    native_id: str
    cwd: str
    title: str
    updated_at: datetime


@attrs.frozen(kw_only=True)
class PastTurn:
    """One turn of such a conversation: what the user said, and what came of it, in order.

    Args:
        prompt: None: the agent began it by itself.
        mark: what the record looks like up to here (`RunFacts.mark`).
    """

    prompt: str | None
    drafts: tuple[Draft, ...]
    began_at: datetime
    ended_at: datetime
    reason: TurnReason = TurnReason.COMPLETED
    mark: str | None = None


class BaseSession(abc.ABC):
    """One run: an agent at work for one session. Made by `BaseProvider.open`; it starts nothing until `run`.

    The methods are called by one task, one after the other, between the `started()` of `run` and its end. They
    return when the agent has been told, not when it has done it; what it does arrives on the channel. They raise
    `SessionError` when the agent can't be told any more; the run is over then.
    """

    @abc.abstractmethod
    async def run(
        self,
        events: trio.MemorySendChannel[Sequence[RunEvent]],
        *,
        task_status: trio.TaskStatus[RunFacts] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Live from the agent's start to its end: `started(facts)` when it can take a prompt, return when it has
        ended as it was asked to. Whoever waits for either has a deadline. Lists are sent as they come, an empty one is
        a sign of life. Cancelled, it stops the agent within 15 s and leaves no process.

        Raises:
            ProviderError: it could not be started, or ended by itself; the kind decides what happens next.
        """

    @abc.abstractmethod
    async def prompt(self, prompt: Prompt) -> None:
        """Begin a turn. Called only while none runs."""

    async def steer(self, prompt: Prompt) -> None:
        """Put a message into the turn that runs. Called only if `ProviderCapabilities.steer`. What becomes of it is
        told by `Taken`, `TakenBack`, or `TurnBegan` with its id."""
        raise NotImplementedError

    async def change(self, change: SessionChange) -> None:  # noqa: B027 - most agents need not know
        """The session is configured otherwise. Default: nothing; the next run is started with it."""

    async def stop_task(self, task_id: str) -> None:  # noqa: B027 - most agents have none
        """End a background task; its end is told as any other. For one that is not there, nothing."""

    @abc.abstractmethod
    async def interrupt(self) -> None:
        """End the turn; its `TurnOver` follows within 5 s. Without a turn, nothing."""

    @abc.abstractmethod
    async def answer(self, request_id: RequestId, answer: Answer) -> None:
        """Settle an `Asked`. For one that the agent withdrew meanwhile, nothing."""

    @abc.abstractmethod
    async def close(self) -> None:
        """End cleanly and leave what `native_id` needs to resume; `run` returns soon after."""


class BaseProvider(abc.ABC):
    """A configured source of agents.

    Args:
        name: as configured, `claude` or `claude-work`.
        remote: its model is somewhere else, so that it can't work without a network.
    """

    name: ProviderName
    remote: bool = True

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Hold what all runs share (a server, an event stream). It is restarted when it fails. Default: nothing."""
        task_status.started()
        await trio.sleep_forever()

    @property
    @abc.abstractmethod
    def capabilities(self) -> ProviderCapabilities:
        """What sessions here can do."""

    @abc.abstractmethod
    async def probe(self) -> Probe:
        """Look whether it is there, logged in, and which models it has. Free of charge, ≤ 10 s; failures are in the
        answer, nothing is raised for them."""

    async def reachable(self) -> bool | None:
        """Does the model's server answer, as far as one sees free of charge (it takes a connection)? Asked again and
        again after failures by the network, until something answers; ≤ 10 s. Default: not known."""
        return None

    def heed(self, settings: Any) -> None:  # noqa: B027 - most have nothing to do
        """The configuration was read again, and says this of the provider: an object of the class of its settings.
        What counts only from a new start on is in it as it was. Runs that are there go on as they began. Default:
        nothing is made of it."""

    def check_model(self, model: str, known: Sequence[ModelInfo]) -> None:
        """Is this a model that a session here may ask for? Default: one of those that the last probe saw, by its name
        or an equivalent; any, as long as none was seen.

        Raises:
            ModelNotSupportedError: it is not.
        """
        names = {name for info in known for name in (info.name, *info.equivalents)}
        if names and model not in names:
            told = ", ".join(info.name for info in known)
            raise ModelNotSupportedError(
                ErrorKind.MODEL_NOT_SUPPORTED, f"{self.name} has no model {model!r}", remedy=f"choose one of: {told}"
            )

    async def pack(self, config: SessionConfig) -> bytes | None:
        """The agent's own record of the session `config.native_id`, to be carried to another state directory or
        machine. Called while no turn of it runs. None, and by default: it can't be carried, or is not there; then
        the agent at the other place is told what was said.

        Raises:
            SessionError: it is there and can't be read.
        """
        return None

    async def unpack(self, config: SessionConfig, record: bytes) -> bool:
        """Put such a record where the agent finds it when it resumes `config.native_id` in `config.cwd`. To what is
        there already only that is added which came behind it: if the record does not go on from it, false. One that
        has grown since is left, and its mark tells. True: it can be resumed. Called while no run of it is there. By
        default false.

        Raises:
            SessionError: the record is damaged, or the disk refuses it.
        """
        return False

    async def remembers(self, config: SessionConfig, ids: Sequence[str]) -> Collection[str] | None:
        """Which of these the agent will know when it resumes `config.native_id`, by its own record. Asked before a run
        is opened, where the mark of the last one is not known, for that may have been killed before all was written
        down; the agent is told what is missing. ≤ 20 s, so look at the end of the record only.

        Args:
            ids: the `native_id`s of what it has said and done, and the ids of the prompts that it was given.

        Returns:
            None, and by default: it can't be told. Then a turn that was cut is told again, as one that the agent may
            know; a turn that has ended is taken for kept.
        """
        return None

    async def past_sessions(self, cwd: str | None = None) -> Sequence[PastSession]:
        """Conversations that the agent has had without us, the latest first; of one directory, or of all. Default:
        none.

        Raises:
            ProviderError: they can't be read.
        """
        return ()

    async def recall(self, past: PastSession, after: str | None = None) -> AsyncGenerator[PastTurn, None]:
        """What was said in one of them, turn by turn, for it may be long; an async generator. Called only for what
        `past_sessions` has named, and for sessions of ours. Default: nothing.

        Args:
            after: a mark; only what came behind it. None: all.

        Raises:
            ProviderError: it can't be read.
        """
        nothing: tuple[PastTurn, ...] = ()
        for turn in nothing:
            yield turn

    @abc.abstractmethod
    def open(self, config: SessionConfig) -> BaseSession:
        """A run for this session: new, or resumed by `config.native_id`. Starts nothing yet.

        Raises:
            ModelNotSupportedError: for a model that it certainly does not have.
        """


@attrs.frozen(kw_only=True)
class RunTimeouts:
    """Seconds. `model`: without a sign of life while the model's answer is awaited. `tool`: for one tool, 0 = none."""

    model: float = 240
    tool: float = 0


def foreign_writer(message: str, evidence: Mapping[str, Any]) -> SessionError:
    """Somebody else has gone on with the agent's own session: a person decides. `evidence["foreign"]` marks it."""
    return SessionError(ErrorKind.FOREIGN_WRITER, message, remedy=DECIDE, evidence={**evidence, "foreign": True})


DECIDE = (
    "`jelmore resume --accept-foreign` goes on with all that the agent knows now, `--discard-foreign` begins anew with "
    "what jelmored knows"
)


def native_lost(message: str, evidence: Mapping[str, Any]) -> SessionError:
    """The agent's own memory of the session is gone: it can only begin anew. `evidence["native_lost"]` marks it."""
    return SessionError(ErrorKind.STATE_INVALID, message, evidence={**evidence, "native_lost": True})
