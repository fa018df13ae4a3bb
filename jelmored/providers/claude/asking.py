"""What the agent waits for: claude's questions as ours. Where their paths lead is for locating.py to find out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from jelmored.domain.ids import RequestId, ToolUseId
from jelmored.domain.permissions import Location, PermissionRequest, ToolKind
from jelmored.providers.base import Asked, Withdrawn
from jelmored.providers.bounds import bounded_input, one_line

from . import questions, tools
from .control import CanUseTool, ToolRequest

EXIT_PLANNING = "ExitPlanMode"

SAFETY = "safetyCheck"
"""Why claude asks, whatever rules allow, before it writes what could run later: git's hooks, its own settings, a
shell's start-up files (measured with 2.1.197)."""


@attrs.define
class Asking:
    """The requests that are open."""

    _inputs: dict[RequestId, Mapping[str, Any]] = attrs.field(factory=dict, init=False)
    """Whole, for an allowance repeats it."""

    def ask(self, message: CanUseTool, directory: str) -> Asked:
        self._inputs[message.request_id] = message.request.input
        return Asked(permission_request(message, directory))

    def answer(self, request_id: RequestId) -> Mapping[str, Any] | None:
        """A request gets its answer: the tool's whole input. None: nobody waits for it."""
        return self._inputs.pop(request_id, None)

    def withdraw(self, request_id: RequestId) -> list[Withdrawn]:
        return [Withdrawn(request_id)] if self._inputs.pop(request_id, None) is not None else []

    def withdraw_all(self) -> list[Withdrawn]:
        withdrawn = [Withdrawn(request_id) for request_id in self._inputs]
        self._inputs.clear()
        return withdrawn


def permission_request(message: CanUseTool, directory: str) -> PermissionRequest:
    """The request of a tool, not yet located.

    Args:
        message: claude's.
        directory: where the agent works, absolute.
    """
    request = message.request
    found = tool_request(message.request_id, request.tool_name, request.input, request.tool_use_id, directory)
    places = _places(request, found.locations, directory)
    guarded = request.decision_reason_type == SAFETY
    return attrs.evolve(found, kind=_kind(request, places, found.kind), locations=places, guarded=guarded)


def tool_request(
    request_id: RequestId,
    name: str,
    tool_input: Mapping[str, Any],
    tool_use_id: ToolUseId | None,
    directory: str,
) -> PermissionRequest:
    """What a tool is about to do, as far as its input tells."""
    command = tool_input.get("command")
    asked = questions.questions_of(tool_input) if name == questions.TOOL else ()
    return PermissionRequest(
        request_id=request_id,
        tool_name=name,
        kind=tools.kind_of(name),
        title=one_line(questions.title(asked)) if asked else tools.title(name, tool_input),
        input=bounded_input(tool_input),
        tool_use_id=tool_use_id,
        command=command if isinstance(command, str) else None,
        locations=tools.locations(tool_input, directory),
        located=False,
        diffs=tools.diffs_wanted(tool_input, directory),
        questions=asked,
        leaves_planning=name == EXIT_PLANNING,
    )


def _kind(request: ToolRequest, places: tuple[Location, ...], kind: ToolKind) -> ToolKind:
    """What leads outside of the working directories without saying where is no harmless read: a person decides."""
    return ToolKind.OTHER if request.decision_reason_type == "workingDir" and not places else kind


def _places(request: ToolRequest, named: tuple[Location, ...], directory: str) -> tuple[Location, ...]:
    if not request.blocked_path:
        return named
    return (*named, Location(path=tools.absolute(request.blocked_path, directory)))
