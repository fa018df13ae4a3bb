"""What the methods work with: the layers below, as far as a client may reach them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol

import attrs

from jelmored.domain.commands import (
    AdoptSession,
    CompactSession,
    ConfigureSession,
    CreateSession,
    DecideForeign,
    FindPastSessions,
    FindSessions,
    ForkSession,
    Interrupt,
    MoveSession,
    PromptReceipt,
    ResolveApproval,
    ResumeSession,
    SendPrompt,
)
from jelmored.domain.handoff import Handoff
from jelmored.domain.ids import InstanceId, PromptId, ProviderName, SessionId
from jelmored.domain.models import ModelInfo, ProviderView
from jelmored.domain.permissions import Approval
from jelmored.domain.prompts import Author, Prompt
from jelmored.domain.ranking import Ranked
from jelmored.domain.requirements import Requirements
from jelmored.domain.sessions import BackgroundTask, PastSessionView, SessionView
from jelmored.domain.status import Status
from jelmored.journal.base import Journal, Page
from jelmored.sessions.hub import Hub
from jelmored.wire.messages import ImportProgress, ImportSession, Reloaded, Setting
from jelmored.wire.states import Document


class Directory(Protocol):
    """All sessions; `jelmored.sessions.directory` has it. Its methods raise `Refused`."""

    @property
    def hub(self) -> Hub: ...

    @property
    def forwarded(self) -> tuple[str, ...]: ...

    async def create(self, command: CreateSession, by: Author) -> SessionView: ...

    def get(self, session_id: SessionId) -> SessionView: ...

    def find(self, query: FindSessions) -> tuple[tuple[SessionView, ...], str | None]: ...

    async def prompt(self, command: SendPrompt, by: Author) -> PromptReceipt: ...

    def queue(self, session_id: SessionId) -> tuple[Prompt, ...]: ...

    async def unqueue(self, session_id: SessionId, prompt_id: PromptId, by: Author) -> tuple[Prompt, ...]: ...

    async def interrupt(self, command: Interrupt, by: Author) -> bool: ...

    async def suspend(self, session_id: SessionId, by: Author) -> Document: ...

    async def resume(self, command: ResumeSession, by: Author) -> SessionView: ...

    async def export(self, session_id: SessionId) -> Document: ...

    async def import_(self, command: ImportSession, by: Author) -> ImportProgress | SessionView: ...

    async def close(self, session_id: SessionId, by: Author) -> SessionView: ...

    async def fork(self, command: ForkSession, by: Author) -> SessionView: ...

    async def move(self, command: MoveSession, by: Author) -> SessionView: ...

    async def past_sessions(self, query: FindPastSessions) -> tuple[tuple[PastSessionView, ...], str | None]: ...

    async def adopt(self, command: AdoptSession, by: Author) -> SessionView: ...

    async def decide_foreign(self, command: DecideForeign, by: Author) -> SessionView: ...

    async def preview(self, command: MoveSession) -> Handoff: ...

    async def delete(self, session_id: SessionId, by: Author) -> None: ...

    async def clean_up(self, before: datetime, *, dry_run: bool = False) -> tuple[SessionView, ...]: ...

    async def history(
        self, session_id: SessionId, *, after: int = 0, before: int | None = None, limit: int = 500
    ) -> Page: ...

    def approvals(self, session_id: SessionId | None = None) -> tuple[Approval, ...]: ...

    async def resolve(self, command: ResolveApproval, by: Author) -> Approval: ...

    async def compact(self, command: CompactSession, by: Author) -> PromptId: ...

    async def configure(self, command: ConfigureSession, by: Author) -> SessionView: ...

    def tasks(self, session_id: SessionId) -> tuple[BackgroundTask, ...]: ...

    async def end_task(self, session_id: SessionId, task_id: str, by: Author) -> bool: ...

    def counts(self) -> Mapping[Status, int]: ...

    @property
    def draining(self) -> Draining: ...


class Draining(Protocol):
    """Quiet in the daemon; `jelmored.sessions.upkeep.draining` has it."""

    @property
    def under_way(self) -> bool: ...

    def begin(self) -> None: ...

    def end(self) -> None: ...


class Providers(Protocol):
    """All providers; `jelmored.supervision.providers` has it."""

    def views(self) -> tuple[ProviderView, ...]: ...

    def view(self, name: ProviderName) -> ProviderView: ...

    async def check(self, name: ProviderName) -> ProviderView: ...

    async def restart(self, name: ProviderName) -> ProviderView: ...

    def drain(self, name: ProviderName) -> ProviderView: ...

    def undrain(self, name: ProviderName) -> ProviderView: ...

    async def models(self, name: ProviderName | None = None) -> tuple[ModelInfo, ...]: ...

    def rank(self, requirements: Requirements) -> tuple[Ranked, ...]: ...

    @property
    def runs(self) -> int: ...


class Configured(Protocol):
    """The configuration that counts; `jelmored.reloading` has it."""

    def get(self) -> tuple[Setting, ...]: ...

    async def reload(self) -> Reloaded: ...


@attrs.frozen(kw_only=True)
class Instance:
    """This life of the daemon."""

    instance_id: InstanceId
    version: str
    pid: int
    started_at: datetime


@attrs.frozen(kw_only=True)
class Services:
    """`shutdown(grace_seconds)` asks the daemon to stop and returns at once; None: its own grace. `stopping()`: it
    stops, whoever has asked for it, and waits for no turn any more."""

    directory: Directory
    providers: Providers
    journal: Journal
    instance: Instance
    configuration: Configured
    shutdown: Callable[[float | None], None]
    stopping: Callable[[], bool]
