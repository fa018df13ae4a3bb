"""A session as its clients hold it: what is known of it, what may be asked of it, and what comes out of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any, Literal

from jelmored.domain.commands import (
    CompactSession,
    ConfigureSession,
    DecideForeign,
    ForkSession,
    Interrupt,
    MoveSession,
    PromptReceipt,
    ResumeSession,
    SendPrompt,
    WhenBusy,
)
from jelmored.domain.handoff import Handoff
from jelmored.domain.ids import PromptId, ProviderName, SessionId
from jelmored.domain.permissions import Approval, PermissionMode
from jelmored.domain.prompts import Block
from jelmored.domain.sessions import BackgroundTask, Limits, SessionView
from jelmored.wire import codec
from jelmored.wire.messages import (
    ApprovalList,
    Compacting,
    Exported,
    Interrupted,
    OneTask,
    Preview,
    PromptQueue,
    QueuedPrompt,
    Suspended,
    TaskList,
    TaskStopped,
)
from jelmored.wire.states import Document

from .known import Known
from .link import Link, new_key
from .outputs import HistoryPage, read_history
from .stream import After, OutputStream


class Session:
    """A handle; it starts and ends nothing by itself. Made by `Client`.

    Every method raises `RpcError` when the daemon refuses and `Disconnected` when it is gone.

    Args:
        link: whose connection is used.
        view: what is known of it.
        cursor: the last event that this handle's owner knows; 0 for a session that is new to them.
    """

    def __init__(self, link: Link, view: SessionView, cursor: int) -> None:
        self._link = link
        self._known = Known(view, cursor)

    @property
    def id(self) -> SessionId:
        return self._known.id

    @property
    def view(self) -> SessionView:
        """As last heard; kept up to date while a stream of it is open."""
        return self._known.view

    @property
    def cursor(self) -> int:
        """The number of the last event that a stream of this handle gave out."""
        return self._known.cursor

    async def refresh(self) -> SessionView:
        """Ask how it is now."""
        return await self._ask_view("session/get")

    async def prompt(
        self,
        prompt: str | Sequence[Block],
        *,
        when_busy: WhenBusy = WhenBusy.QUEUE,
        request_key: str | None = None,
    ) -> PromptReceipt:
        """Say something to the agent. Returns when it is admitted; the answer comes as output.

        Asked again over a reconnect, it still counts once (by its `request_key`, which is made if not given).
        """
        command = SendPrompt(
            session_id=self.id,
            prompt=prompt if isinstance(prompt, str) else tuple(prompt),
            when_busy=when_busy,
            request_key=request_key or new_key(),
        )
        return codec.from_json(await self._link.call("session/prompt", codec.to_json(command)), PromptReceipt)

    async def interrupt(self, *, drop_queue: bool = True, expected_turn: int | None = None) -> bool:
        """End the turn that runs; False if there was none, or another than `expected_turn`."""
        command = Interrupt(session_id=self.id, drop_queue=drop_queue, expected_turn=expected_turn)
        reply = await self._link.call("session/interrupt", codec.to_json(command), again=False)
        return codec.from_json(reply, Interrupted).interrupted

    async def configure(
        self,
        *,
        title: str | None = None,
        name: str | None = None,
        model: str | None = None,
        permission_mode: PermissionMode | None = None,
        limits: Limits | None = None,
        pin: bool | None = None,
    ) -> SessionView:
        """Change it; what is None stays as it is."""
        command = ConfigureSession(
            session_id=self.id,
            title=title,
            name=name,
            model=model,
            permission_mode=permission_mode,
            limits=limits,
            pin=pin,
        )
        return self._learn(await self._link.call("session/configure", codec.to_json(command)))

    async def compact(self, *, request_key: str | None = None) -> PromptId:
        """Have the agent sum up what was said, to make room in its window; returns when it is admitted."""
        command = CompactSession(session_id=self.id, request_key=request_key or new_key())
        reply = await self._link.call("session/compact", codec.to_json(command))
        return codec.from_json(reply, Compacting).prompt_id

    async def fork(
        self,
        *,
        at_seq: int | None = None,
        title: str | None = None,
        name: str | None = None,
        model: str | None = None,
        permission_mode: PermissionMode | None = None,
    ) -> Session:
        """A new session that knows what was said in this one, up to the event `at_seq`; None: up to now."""
        command = ForkSession(
            session_id=self.id,
            at_seq=at_seq,
            title=title,
            name=name,
            model=model,
            permission_mode=permission_mode,
        )
        reply = await self._link.call("session/fork", codec.to_json(command), again=False)
        return Session(self._link, codec.from_json(reply, SessionView), cursor=0)

    async def move(self, *, provider: ProviderName | None = None, model: str | None = None) -> SessionView:
        """Take it to another provider, with its conversation; None: the best other one. Between turns only."""
        command = MoveSession(session_id=self.id, provider=provider, model=model)
        return self._learn(await self._link.call("session/move", codec.to_json(command), again=False))

    async def preview_move(self, *, provider: ProviderName | None = None, model: str | None = None) -> Handoff:
        """What the agent there would be told; nothing moves."""
        command = MoveSession(session_id=self.id, provider=provider, model=model, dry_run=True)
        return codec.from_json(await self._link.call("session/move", codec.to_json(command)), Preview).handoff

    async def suspend(self) -> Document:
        """End its agent cleanly. Returns its state, with which `resume` or `Client.resume` takes it up again, here or
        at another daemon: keep it as it is. Between turns only. Of a suspended session it is the same again."""
        reply = await self._link.call("session/suspend", {"sessionId": self.id})
        return codec.from_json(reply, Suspended).state

    async def resume(self, *, provider: str | None = None) -> SessionView:
        """Open it again, if it was suspended, has failed or was closed; the next prompt gets an agent.

        Args:
            provider: where it goes on; None: where it was.
        """
        command = ResumeSession(session_id=self.id, provider=None if provider is None else ProviderName(provider))
        return self._learn(await self._link.call("session/resume", codec.to_json(command)))

    async def export(self) -> tuple[Document, int]:
        """Its state while it goes on, and the last event that the state knows of."""
        reply = codec.from_json(await self._link.call("session/export", {"sessionId": self.id}), Exported)
        return reply.state, reply.head

    async def raw_events(self, *, until: int) -> AsyncIterator[dict[str, Any]]:
        """All its events up to this one as they are kept, also those of a kind that this client does not know."""
        last, more = 0, True
        while more and last < until:
            reply = await self._link.call("session/history", {"sessionId": self.id, "after": last})
            for event in reply["events"]:
                last = event["seq"]
                if last <= until:
                    yield event
            more = reply["hasMore"]

    async def settle_foreign(self, decision: Literal["accept", "discard"]) -> SessionView:
        """Say what counts where somebody else has gone on with the agent's own session."""
        command = DecideForeign(session_id=self.id, decision=decision)
        return self._learn(await self._link.call("session/settleForeign", codec.to_json(command), again=False))

    async def close(self) -> SessionView:
        """End it; its log stays, and `resume` opens it again."""
        return await self._ask_view("session/close")

    async def delete(self) -> None:
        """Its log goes too. Only a closed session can be deleted."""
        await self._link.call("session/delete", {"sessionId": self.id}, again=False)

    async def tasks(self) -> tuple[BackgroundTask, ...]:
        """What its agent left running in the background."""
        return codec.from_json(await self._link.call("session/tasks", {"sessionId": self.id}), TaskList).tasks

    async def stop_task(self, task_id: str) -> bool:
        """End one of them; False if it had ended by itself."""
        command = OneTask(session_id=self.id, task_id=task_id)
        return codec.from_json(await self._link.call("session/stopTask", codec.to_json(command)), TaskStopped).stopped

    async def queue(self) -> tuple[QueuedPrompt, ...]:
        """The prompts that wait for the turn to end."""
        return _prompts(await self._link.call("session/queue", {"sessionId": self.id}))

    async def unqueue(self, prompt_id: PromptId) -> tuple[QueuedPrompt, ...]:
        """Take a prompt out of the queue; returns those that are left."""
        params = {"sessionId": self.id, "promptId": prompt_id}
        return _prompts(await self._link.call("session/unqueue", params))

    async def approvals(self) -> tuple[Approval, ...]:
        """The questions that its agent waits on, oldest first."""
        reply = await self._link.call("approval/list", {"sessionId": self.id})
        return codec.from_json(reply, ApprovalList).approvals

    async def history(self, *, after: int | None = None, before: int | None = None, limit: int = 500) -> HistoryPage:
        """Events with `after < seq < before`: the first ones, or with `before` the last ones."""
        bounds = {"after": after, "before": before}
        params = {"sessionId": self.id, "limit": limit, **{key: at for key, at in bounds.items() if at is not None}}
        return read_history(await self._link.call("session/history", params))

    def stream_output(self, after: After | None = None) -> OutputStream:
        """Its events, and the text that streams between them.

        Args:
            after: the number of the last event that you know; "start" for all, "now" for what is still to come.
                By default it goes on where this handle's last stream was left; for a session that this client has
                just made that is its start.
        """
        return OutputStream(self._link, self._known, self.cursor if after is None else after)

    async def _ask_view(self, method: str) -> SessionView:
        return self._learn(await self._link.call(method, {"sessionId": self.id}))

    def _learn(self, reply: Any) -> SessionView:
        self._known.view = codec.from_json(reply, SessionView)
        return self._known.view


def _prompts(reply: dict[str, Any]) -> tuple[QueuedPrompt, ...]:
    return codec.from_json(reply, PromptQueue).prompts
