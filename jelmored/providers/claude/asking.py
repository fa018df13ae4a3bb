"""What the agent waits for: claude's questions as ours. Where their paths lead is for locating.py to find out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from jelmored.domain.ids import RequestId
from jelmored.domain.permissions import Location, PermissionRequest, ToolKind
from jelmored.providers.base import Asked, Withdrawn

from . import questions, tools
from .bounds import bounded_input, one_line
from .messages import CanUseTool, ToolRequest


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
    places = _places(request, directory)
    command = request.input.get("command")
    asked = questions.questions_of(request.input) if request.tool_name == questions.TOOL else ()
    return PermissionRequest(
        request_id=message.request_id,
        tool_name=request.tool_name,
        kind=_kind(request, places),
        title=one_line(questions.title(asked)) if asked else tools.title(request.tool_name, request.input),
        input=bounded_input(request.input),
        tool_use_id=request.tool_use_id,
        command=command if isinstance(command, str) else None,
        locations=places,
        located=False,
        diffs=tools.diffs_wanted(request.input, directory),
        questions=asked,
    )


def _kind(request: ToolRequest, places: tuple[Location, ...]) -> ToolKind:
    """What leads outside of the working directories without saying where is no harmless read: a person decides."""
    if request.decision_reason_type == "workingDir" and not places:
        return ToolKind.OTHER
    return tools.kind_of(request.tool_name)


def _places(request: ToolRequest, directory: str) -> tuple[Location, ...]:
    named = tools.locations(request.input, directory)
    if not request.blocked_path:
        return named
    return (*named, Location(path=tools.absolute(request.blocked_path, directory)))
