"""A run of OpenCode: one of the sessions of a server, told by calls, heard by the event stream of its directory."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Sequence
from typing import Any

import trio

from jelmored.actors.running import grace, open_plain_nursery
from jelmored.config.providers import OpencodeSettings
from jelmored.domain.ids import ProviderName, RequestId
from jelmored.domain.permissions import Answer
from jelmored.domain.prompts import Prompt
from jelmored.domain.sessions import NativeOrigin
from jelmored.errors import ErrorKind, ProviderError, SessionError
from jelmored.providers.base import (
    BaseSession,
    RunEvent,
    RunFacts,
    SessionChange,
    SessionConfig,
    TurnOver,
    foreign_writer,
    native_lost,
)
from jelmored.providers.locating import Locator
from jelmored.providers.unwrapping import provider_errors_bare

from . import models, projects, rules
from .asks import Asks
from .client import Model, Native, OpencodeClient
from .limits import Limits
from .messages import MessageWithParts, ServerEvent, SessionCreated, read_messages, read_permissions, read_questions
from .normaliser import Normaliser, unfinished
from .parts import parts_of
from .server import Berth, Server
from .streams import Feed

SERVER = 30.0  # s to wait for a server that is being started (again); measured: 3, and 15 on a machine that is busy
SETTLING = 0.15  # s after the last event of a turn: some of it comes after the server has said that it is idle
SETTLINGS = 6  # looks at a last answer that has no end yet
DOUBT = 10.0  # s without an event in a turn, after which the server is asked whether it works at all
BEGINNING = 4.0  # s from a prompt until the server works on it, or never will
ABORTING = 0.3  # s until an abort is repeated: one that comes before the work began is void
LEAVING = 5.0  # s for a turn to end when its run does
MESSAGES = 200  # of the last ones a turn is read from

EventChannel = trio.MemorySendChannel[Sequence[RunEvent]]


class OpencodeSession(BaseSession):
    """One session at a server.

    Args:
        name: the provider's.
        config: what the session wants.
        settings: the provider's.
        berth: where its server is.
    """

    def __init__(self, name: ProviderName, config: SessionConfig, settings: OpencodeSettings, berth: Berth) -> None:
        self._name = name
        self._config = config
        self._settings = settings
        self._berth = berth
        self._mode = config.permission_mode
        self._closing = trio.Event()
        self._over = trio.Event()
        self._over.set()
        self._aborting = False
        self._begun_at = self._look_at = 0.0
        self._server: Server
        self._client: OpencodeClient
        self._native: Native
        self._offer: models.Offer
        self._model: Model
        self._normaliser: Normaliser
        self._limits: Limits
        self._asks: Asks
        self._locator = Locator()
        self._feed: Feed
        self._nursery: trio.Nursery

    async def run(
        self, events: EventChannel, *, task_status: trio.TaskStatus[RunFacts] = trio.TASK_STATUS_IGNORED
    ) -> None:
        self._server = await self._berth.server(SERVER)
        if self._server.ours and not self._settings.project_plugins:
            await projects.check(self._config.cwd)
        self._client = self._server.client
        self._offer = models.offered(self._name, await self._client.providers())
        self._model = self._choose(self._config.model)
        self._native = await self._take_up()
        await self._check_place()
        await self._surround(self._native.native_id)
        self._normaliser = Normaliser(self._native.native_id, self._native.directory, windows=self._offer.windows)
        messages = await self._messages(self._native.native_id)
        self._check_mark(messages)
        self._normaliser.recalled(messages)
        self._limits = Limits(
            self._native.native_id, self._settings.max_retries, self._config.max_turns or self._settings.max_turns
        )
        self._asks = Asks(self._client, self._native.directory)
        with provider_errors_bare():
            async with self._server.directories.lease(self._native.directory) as self._feed:
                await self._live(events, task_status)

    async def prompt(self, prompt: Prompt) -> None:
        self._over = trio.Event()
        self._begun_at = trio.current_time()
        if prompt.compacts:
            self._normaliser.compacting()
            self._nursery.start_soon(self._compact)
            return
        self._normaliser.prompted(prompt.prompt_id)
        await self._say(prompt)

    async def steer(self, prompt: Prompt) -> None:
        """The server takes it up before its next call of the model, or else answers it after the first."""
        self._normaliser.steered(prompt.prompt_id)
        await self._say(prompt)

    async def interrupt(self) -> None:
        if not self._over.is_set():
            self._asks.forget()
            self._normaliser.aborted()
            await self._abort()

    async def answer(self, request_id: RequestId, answer: Answer) -> None:
        if answer.interrupt:
            await self.interrupt()
        elif self._normaliser.answered(request_id) is not None:
            await self._asks.answer(request_id, answer)

    async def change(self, change: SessionChange) -> None:
        """The model of the next prompt, and the rules from now on."""
        if change.model is not None:
            self._model = self._choose(change.model)
        if change.permission_mode is not None:
            self._mode = change.permission_mode
            await self._client.set_rules(self._native.native_id, self._rules())

    async def close(self) -> None:
        await self.interrupt()
        self._closing.set()

    async def _live(self, events: EventChannel, task_status: trio.TaskStatus[RunFacts]) -> None:
        try:
            async with open_plain_nursery() as self._nursery:
                self._nursery.start_soon(self._listen, events)
                task_status.started(RunFacts(native_id=self._native.native_id))
                await self._closing.wait()
                with trio.move_on_after(LEAVING):
                    await self._over.wait()
                    await self._tell_last_words(events)
                self._nursery.cancel_scope.cancel()
        finally:
            with grace(LEAVING):
                await self._leave()

    def _check_mark(self, messages: Sequence[MessageWithParts]) -> None:
        """Has somebody else gone on with it, or taken something back? At our own server nobody else is."""
        mark = self._config.mark
        if mark is not None and not self._server.ours and _last(messages) != mark:
            evidence = {"nativeId": self._native.native_id, "messageId": mark}
            raise foreign_writer("Somebody has gone on with the session in OpenCode itself", evidence)

    async def _tell_last_words(self, events: EventChannel) -> None:
        if not self._server.ours:
            with contextlib.suppress(ProviderError):  # what is not known is not told
                await events.send([RunFacts(mark=_last(await self._messages(self._native.native_id)))])

    async def _take_up(self) -> Native:
        """The session that is resumed, a fork of another, or a new one; with our rules."""
        config, client = self._config, self._client
        if config.native_id is not None:
            native = await self._find(config.native_id)
        elif config.origin is not None:
            native = await self._fork(config.origin)
        else:
            return await client.create(config.cwd, f"jelmored {config.session_id}", self._rules())
        await client.set_rules(native.native_id, self._rules())
        return native

    async def _check_place(self) -> None:
        """The server works where its own session says that it is, whatever we ask."""
        real, there = self._config.real_cwd, self._native.directory
        if real is not None and await self._locator.real(there) != real:
            told = f"OpenCode's own session is in {there}, and not in {self._config.cwd}"
            raise SessionError(ErrorKind.FORBIDDEN, told)

    async def _surround(self, native_id: str) -> None:
        """Its tools, or those of a subagent, get the environment of the session; not at a server that is not ours."""
        if (surroundings := self._server.surroundings) is None:
            return
        try:
            await trio.to_thread.run_sync(surroundings.put, native_id, self._config.environment)
        except OSError as error:
            told = f"the environment of the session can't be kept: {error.strerror}"
            raise SessionError(ErrorKind.INVALID_REQUEST, told) from error

    async def _find(self, native_id: str) -> Native:
        native = await self._client.find(native_id)
        if native is None:
            raise native_lost("OpenCode has no session with this id (any more)", {"nativeId": native_id})
        return native

    async def _fork(self, origin: NativeOrigin) -> Native:
        """The server copies what was said *before* a message, so that after ours is looked for."""
        await self._find(origin.native_id)
        if origin.at is None:
            return await self._client.fork(origin.native_id, None)
        ids = [message.info.id for message in await self._messages(origin.native_id)]
        if origin.at not in ids:
            raise native_lost("OpenCode has no such message in its session", {"messageId": origin.at})
        following = ids[ids.index(origin.at) + 1 :]
        return await self._client.fork(origin.native_id, following[0] if following else None)

    async def _listen(self, events: EventChannel) -> None:
        """From the server to the session, for as long as the run lasts."""
        while True:
            heard: Sequence[ServerEvent] | None = ()
            with trio.move_on_at(self._look_at) as waiting:
                heard = await self._feed.take()
            if waiting.cancelled_caught:
                told = await self._look()
            elif heard is None:
                told = await self._reconcile()
            else:
                told = await self._hear(heard)
            if told is not None:
                await self._tell(events, told)
            self._look_at = self._next_look(looked=waiting.cancelled_caught)

    def _next_look(self, *, looked: bool) -> float:
        """Until when to wait for events. While an abort goes unheard they may well go on to come."""
        now = trio.current_time()
        if self._normaliser.is_settling:
            return now + SETTLING
        if not self._aborting:
            return now + DOUBT
        return now + ABORTING if looked else min(self._look_at, now + ABORTING)

    async def _tell(self, events: EventChannel, told: list[RunEvent]) -> None:
        told = [self._limits.told(event) if isinstance(event, TurnOver) else event for event in told]
        told = await self._locator.located(told)
        self._asks.note(told)
        await events.send(told)
        if not self._normaliser.in_turn:
            self._aborting = False
            self._over.set()

    async def _hear(self, heard: Sequence[ServerEvent]) -> list[RunEvent] | None:
        """None if it was all of others: no sign of life of ours."""
        ours: list[ServerEvent] = []
        told: list[RunEvent] = []
        for event in heard:  # one by one: that of a subagent's beginning says whose the next ones are
            if self._normaliser.is_ours(event):
                ours.append(event)
                told.extend(self._normaliser.take([event]))
            if ours and ours[-1] is event and isinstance(event, SessionCreated):
                self._nursery.start_soon(self._bind_child, event.session_id)
        if not ours:
            return None
        if self._normaliser.in_turn and self._limits.exceeded(ours):
            self._normaliser.aborted(self._limits.failure)
            await self._abort()
        return told

    async def _bind_child(self, native_id: str) -> None:
        """A subagent has none of our rules by itself. At our own server the configuration has them."""
        with contextlib.suppress(ProviderError):
            await self._surround(native_id)
            if not self._server.ours:
                await self._client.set_rules(native_id, self._rules())

    async def _look(self) -> list[RunEvent] | None:
        """Nothing has come for a while. In a turn: is it over, and was that missed?"""
        native = self._native
        if self._over.is_set():
            return None
        if native.native_id in await self._client.busy(native.directory):  # also when what steered came late
            if self._aborting:
                await self._abort()
            return None
        if self._normaliser.has_begun or trio.current_time() > self._begun_at + BEGINNING:
            return await self._settle()
        return None

    async def _settle(self) -> list[RunEvent]:
        """The end of a turn, when the server has kept it; after an abort that is a moment later."""
        messages: Sequence[MessageWithParts] = ()
        for _ in range(SETTLINGS):
            messages = await self._messages(self._native.native_id)
            if not unfinished(messages):
                break
            await trio.sleep(SETTLING)
        untaken = self._normaliser.untaken if self._aborting else ()
        told = self._normaliser.settled(messages)
        for message_id in untaken:  # else the next prompt would bring them along
            await self._client.delete_message(self._native.native_id, message_id)
        return told

    async def _reconcile(self) -> list[RunEvent]:
        """What was missed, from what the server has kept."""
        native, client = self._native, self._client
        of_children = [await self._messages(child) for child in sorted(self._normaliser.children)]
        return self._normaliser.reconciled(
            [*await self._messages(native.native_id), *itertools.chain(*of_children)],
            native.native_id in await client.busy(native.directory),
            read_permissions(await client.permissions(native.directory)),
            read_questions(await client.questions(native.directory)),
        )

    async def _say(self, prompt: Prompt) -> None:
        """The model and the agent are always named: the server keeps to those that were named last."""
        body: dict[str, Any] = {
            "parts": parts_of(prompt),
            "model": self._model.words,
            "agent": rules.agent_for(self._mode),
        }
        if self._config.system_prompt:
            body["system"] = self._config.system_prompt
        await self._client.prompt(self._native.native_id, body, self._native.directory)

    async def _compact(self) -> None:
        with contextlib.suppress(SessionError):  # how it ended is told by its events
            await self._client.compact(self._native.native_id, self._model, self._native.directory)

    async def _abort(self) -> None:
        self._aborting = True
        self._feed.put((), 0)  # whoever waits for events looks sooner
        await self._client.abort(self._native.native_id, self._native.directory)

    async def _leave(self) -> None:
        """A turn that still runs is ended: nothing of it goes on without us."""
        if self._over.is_set():
            return
        with contextlib.suppress(ProviderError):  # a server that is gone does nothing more
            while self._native.native_id in await self._client.busy(self._native.directory):
                await self._abort()
                await trio.sleep(SETTLING)

    async def _messages(self, native_id: str) -> tuple[MessageWithParts, ...]:
        return read_messages(await self._client.messages(native_id, MESSAGES))

    def _choose(self, wanted: str | None) -> Model:
        return self._offer.choose(wanted or self._settings.default_model)

    def _rules(self) -> list[dict[str, str]]:
        return rules.rules_for(self._mode, self._config.directories)


def _last(messages: Sequence[MessageWithParts]) -> str | None:
    return messages[-1].info.id if messages else None
