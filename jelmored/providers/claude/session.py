"""A run of claude: one process, told by lines on its stdin, heard by lines from its stdout."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

import attrs
import trio

from jelmored.domain.ids import RequestId
from jelmored.domain.permissions import Answer, PermissionMode
from jelmored.domain.prompts import Prompt
from jelmored.errors import SessionError
from jelmored.process.child import Child, Exit
from jelmored.providers.base import BaseSession, RunEvent, RunFacts, SessionChange, foreign_writer, native_lost
from jelmored.providers.locating import Locator
from jelmored.providers.unwrapping import provider_errors_bare

from . import failures, notes, protocol
from .asking import tool_request
from .control import HookCall, OtherRequest, Reply, ReplyBody, Unanswered
from .gate import Gate
from .keeping import message_id
from .launch import Launch, native_mode
from .normaliser import Control, Normaliser
from .transcripts import Record

CLOSING = 7.0  # s to end after its input was closed: with a background task it waits 5 s
TERMINATING = 3.0  # s after SIGTERM
LINGERING = 2.0  # s from the end of its output to its own

TOO_LATE = "The turn is over: nobody can be asked any more."

INITIALIZE = "initialize"
INTERRUPT = "interrupt"
CANCEL = "cancel:"  # and the id of the message
SET_MODEL = "the model"
SET_MODE = "the permission mode"
SET_SERVERS = "MCP servers"
STOP_TASK = "to stop a task"
COST = "what it took"
CHANGES = (SET_MODEL, SET_MODE, SET_SERVERS, STOP_TASK)
"""The ids of what another version of claude may not know; they say in words what it could not be told."""

EventChannel = trio.MemorySendChannel[Sequence[RunEvent]]


class ClaudeSession(BaseSession):
    """One process that speaks claude's stream-json: the real CLI, or another program that does (the demo agent).

    Args:
        launch: how it is started.
    """

    def __init__(self, launch: Launch) -> None:
        self.launch = launch
        self._child = Child(launch.command, name=launch.name)
        self._normaliser = Normaliser(launch.cwd)
        self._locator = Locator()
        self._gate = Gate(launch.permission_mode, launch.rules, launch.plans)
        self._connected = not launch.mcp_servers
        self._closing = trio.Event()
        self._dropped = 0
        self._tells_cost = True
        self.about: ReplyBody | None = None
        """What the agent said of itself when it was ready: models, account, commands."""

    async def run(
        self, events: EventChannel, *, task_status: trio.TaskStatus[RunFacts] = trio.TASK_STATUS_IGNORED
    ) -> None:
        await self._check_transcript()
        self._gate.plans = await self._locator.real(self.launch.plans)
        with provider_errors_bare():
            async with trio.open_nursery() as nursery:
                await nursery.start(self._child.run)
                nursery.start_soon(self._see_out)
                await self._live(events, task_status)
                nursery.cancel_scope.cancel()

    async def prompt(self, prompt: Prompt) -> None:
        uuid = message_id(prompt.prompt_id)
        self._normaliser.prompted(uuid)
        await self._child.write(protocol.user(prompt, uuid))

    async def steer(self, prompt: Prompt) -> None:
        """The CLI takes it up before its next call of the model, or else in a turn that follows at once."""
        uuid = message_id(prompt.prompt_id)
        self._normaliser.steered(uuid, prompt.prompt_id)
        await self._child.write(protocol.user(prompt, uuid))

    async def interrupt(self) -> None:
        """The messages first: what the CLI has not begun with would only run later."""
        if self._normaliser.turn_runs or self._normaliser.untaken:
            await self._child.write(self._take_back() + protocol.interrupt(INTERRUPT))

    async def answer(self, request_id: RequestId, answer: Answer) -> None:
        asked = self._normaliser.answered(request_id)
        if asked is not None:
            first = self._take_back() if answer.interrupt else b""
            await self._child.write(first + protocol.answer(request_id, asked, answer))

    async def change(self, change: SessionChange) -> None:
        told = b""
        if change.model is not None:
            told += protocol.set_model(SET_MODEL, change.model or self.launch.default_model)
        if change.rules is not None:
            self._gate.rules = change.rules
        if change.permission_mode is not None:
            told += self._change_mode(change.permission_mode)
        if told:
            await self._child.write(told)

    async def stop_task(self, task_id: str) -> None:
        await self._child.write(protocol.stop_task(STOP_TASK, task_id))

    async def close(self) -> None:
        """An interrupt before the end of input, or the CLI would finish its turn first."""
        with contextlib.suppress(SessionError):  # it is gone already: so much the better
            await self.interrupt()
        self._closing.set()
        await self._child.close_stdin()

    def _change_mode(self, mode: PermissionMode) -> bytes:
        """The CLI hears of it where its own mode is another; it may have begun to plan by itself, and is left to it."""
        former, self._gate.mode = self._gate.mode, mode
        if native_mode(former) == native_mode(mode):
            return b""
        return protocol.set_permission_mode(SET_MODE, native_mode(mode))

    def _take_back(self) -> bytes:
        return b"".join(protocol.cancel_message(CANCEL + uuid, uuid) for uuid in self._normaliser.untaken)

    async def _check_transcript(self) -> None:
        transcript = self.launch.transcript
        if transcript is None:
            return
        evidence = {"nativeId": transcript.native_id}
        match await transcript.look(self.launch.mark):
            case Record.GONE:
                raise native_lost("claude's own record of the conversation is gone", evidence)
            case Record.DAMAGED:
                raise native_lost("claude's own record of the conversation is damaged", evidence)
            case Record.GROWN:
                raise foreign_writer("Somebody has gone on with the conversation in claude itself", evidence)

    async def _live(self, events: EventChannel, task_status: trio.TaskStatus[RunFacts]) -> None:
        early = await self._get_ready()
        task_status.started(self._facts())
        await events.send(early)
        while lines := await self._child.read_lines():
            await events.send(await self._hear(lines))
        if dropped := self._note_dropped():  # its last line
            await events.send(dropped)
        exit_ = await self._end()
        if not self._closing.is_set():
            raise self._ended_by_itself(exit_)
        await events.send(await self._last_words())

    async def _last_words(self) -> list[RunEvent]:
        """Nothing of it writes any more, however it has ended."""
        transcript = self.launch.own_transcript
        if transcript is None:
            return []
        mark = await attrs.evolve(transcript, native_id=self._normaliser.native_id or transcript.native_id).mark()
        return [RunFacts(mark=mark)]

    def _facts(self) -> RunFacts:
        commands = self.about.commands if self.about else ()
        return RunFacts(native_id=self.launch.native_id, commands=tuple(command.name for command in commands))

    async def _get_ready(self) -> list[RunEvent]:
        """Until `initialize` is answered, after 0.5 to 0.9 s, and the MCP servers are connected or are not, which the
        CLI gives 30 s; what else was heard meanwhile. Whoever waits has a deadline."""
        heard: list[RunEvent] = []
        with contextlib.suppress(SessionError):  # it has ended at once: its output tells why
            await self._child.write(protocol.initialize(INITIALIZE, self.launch.system_prompt))
            if not self._connected:
                await self._child.write(protocol.set_mcp_servers(SET_SERVERS, self.launch.mcp_servers))
        while self.about is None or not self._connected:
            lines = await self._child.read_lines()
            if not lines:
                raise self._ended_by_itself(await self._end())
            heard.extend(await self._hear(lines))
        return heard

    async def _hear(self, lines: Sequence[bytes]) -> list[RunEvent]:
        heard: list[RunEvent] = []
        for line in lines:
            heard.extend(self._normaliser.feed([line]))
            for message in self._normaliser.take_control():
                heard.extend(await self._serve(message))
        await self._ask_cost()
        return [*self._note_dropped(), *await self._locator.located(heard)]

    async def _ask_cost(self) -> None:
        """After each call of the model, for its turn may have a limit."""
        if self._normaliser.take_call() and self._tells_cost:
            ask = protocol.get_session_cost if self._normaliser.subscribed else protocol.get_usage
            with contextlib.suppress(SessionError):  # it has ended; the last line is still to be told
                await self._child.write(ask(COST))

    async def _serve(self, message: Control) -> list[RunEvent]:
        match message:
            case Reply():
                return self._replied(message)
            case HookCall():
                await self._child.write(protocol.pass_hook(message.request_id, await self._objection(message)))
            case Unanswered():
                await self._child.write(protocol.deny(message.request_id, TOO_LATE, interrupt=False))
            case OtherRequest():
                await self._child.write(protocol.refuse(message.request_id, "not supported"))
        return []

    async def _objection(self, call: HookCall) -> str | None:
        if call.request.callback_id != protocol.BEFORE_TOOL:
            return None
        tool = call.request.input
        request = tool_request(call.request_id, tool.tool_name, tool.tool_input, call.request.tool_use_id, tool.cwd)
        return self._gate.objection(await self._locator.follow(request))

    def _note_dropped(self) -> list[RunEvent]:
        """The lines that were too long since the last look."""
        new, self._dropped = self._child.dropped_lines - self._dropped, self._child.dropped_lines
        return [notes.line_dropped(new)] if new else []

    def _replied(self, reply: Reply) -> list[RunEvent]:
        request_id, body, error = reply.response.request_id, reply.response.response, reply.response.error
        if request_id == INITIALIZE:
            self.about = body
        if request_id == SET_SERVERS:
            self._connected = True
        if request_id == COST:
            self._tells_cost = error is None
            return self._normaliser.cost_told(body)
        if request_id in CHANGES and error is not None:
            return [notes.not_known(request_id, error)]
        if request_id.startswith(CANCEL) and body.cancelled:
            return self._normaliser.taken_back(request_id.removeprefix(CANCEL))
        return self._normaliser.servers_failed(body.errors)

    async def _end(self) -> Exit:
        if self._closing.is_set():
            return await self._child.wait()
        return await self._child.stop(grace=LINGERING, terminate=TERMINATING)

    async def _see_out(self) -> None:
        """Beside the reader, for an agent that is told to end and does not."""
        await self._closing.wait()
        await self._child.stop(grace=CLOSING, terminate=TERMINATING)

    def _ended_by_itself(self, exit_: Exit) -> SessionError:
        return failures.of_exit(exit_.code, exit_.signal, exit_.stderr_tail, self._normaliser.stray)
