"""What the agent says of itself: its session, its model, where it is. Told when it is new."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from jelmored.domain.events import Draft
from jelmored.domain.sessions import ContextUse
from jelmored.providers.base import RunFacts

from . import notes
from .control import ModelUsage
from .messages import CallUsage, Init, Result
from .models import window


@attrs.define
class Known:
    """The state of one run's agent.

    Args:
        directory: where it works, absolute.
    """

    directory: str
    model: str | None = attrs.field(default=None, init=False)
    _home: str = attrs.field(init=False)
    """Where it is again when the turn is over: a `cd` lasts no longer."""
    native_id: str | None = attrs.field(default=None, init=False)
    """The conversation; another one after `/clear`."""
    _said: RunFacts = attrs.field(default=RunFacts(), init=False)
    _servers: set[str] = attrs.field(factory=set, init=False)
    """Those that are known to have failed."""
    _usage: CallUsage = attrs.field(default=CallUsage(), init=False)
    _context: ContextUse | None = attrs.field(default=None, init=False)
    _windows: Mapping[str, ModelUsage] = attrs.field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        self._home = self.directory

    def introduced(self, init: Init) -> list[Draft | RunFacts]:
        """The state that stands at the head of each turn."""
        former, self.native_id = self.native_id, init.session_id
        self.model, self._home = init.model, init.cwd
        facts = RunFacts(
            native_id=init.session_id,
            used=True,
            model=init.model,
            directory=init.cwd,
            commands=init.slash_commands or None,
        )
        events: list[Draft | RunFacts] = [] if facts == self._said and init.cwd == self.directory else [facts]
        self._said, self.directory = facts, init.cwd
        if former not in (None, init.session_id):
            events += [notes.cleared(str(former), init.session_id), *self._holds(CallUsage())]
        return [*events, *self._failed_servers(init)]

    def moved(self, cwd: str) -> list[RunFacts]:
        """It was seen to be elsewhere."""
        if cwd == self.directory:
            return []
        self.directory = cwd
        return [RunFacts(directory=cwd)]

    def settled(self, outcome: Any) -> list[RunFacts]:
        """It has entered a worktree, or left it: there it stays."""
        match outcome:
            case {"originalCwd": str(home), "worktreePath": str()} | {"worktreePath": str(home)}:
                self._home = home
                return self.moved(home)
        return []

    def turn_over(self) -> list[RunFacts]:
        return self.moved(self._home)

    def servers_failed(self, errors: Mapping[str, str]) -> list[Draft]:
        """MCP servers that could not be connected, with the reasons."""
        new = {name: error for name, error in errors.items() if name not in self._servers}
        self._servers.update(new)
        return [notes.server_failed(name, error) for name, error in new.items()]

    def called(self, usage: CallUsage) -> None:
        """A call of the model began."""
        self._usage = usage

    def answered(self, output_tokens: int) -> list[RunFacts]:
        """The call is over."""
        return self._holds(attrs.evolve(self._usage, output_tokens=output_tokens))

    def compacted(self, tokens: int | None) -> list[RunFacts]:
        return [] if tokens is None else self._holds(CallUsage(input_tokens=tokens))

    def ended(self, result: Result) -> list[RunFacts]:
        """A result tells the windows of the models."""
        self._windows = result.model_usage
        return self._holds(self._usage) if self._usage.total else []

    def _holds(self, usage: CallUsage) -> list[RunFacts]:
        self._usage = usage
        context = ContextUse(tokens=usage.total, window=self._window())
        if context == self._context:
            return []
        self._context = context
        return [RunFacts(context=context)]

    def _window(self) -> int | None:
        if self.model is None:
            return None
        told = self._windows.get(self.model)
        if told is not None and told.context_window:
            return told.context_window
        return window(self.model)

    def _failed_servers(self, init: Init) -> list[Draft]:
        return self.servers_failed({
            server.name: f"its state is {server.status}"
            for server in init.mcp_servers
            if server.status in ("failed", "needs-auth")
        })
