"""May this tool run? Claude's question as ours: with real paths, for a policy decides by where they lead."""

from __future__ import annotations

from collections.abc import Callable

from jelmored.domain.permissions import Location, PermissionRequest, ToolKind

from . import tools
from .bounds import bounded_input
from .messages import CanUseTool, ToolRequest


def permission_request(message: CanUseTool, directory: str, resolve: Callable[[str], str]) -> PermissionRequest:
    """The request of a tool.

    Args:
        message: claude's.
        directory: where the agent works, absolute.
        resolve: makes a path real: links followed.
    """
    request = message.request
    places = _places(request, directory, resolve)
    command = request.input.get("command")
    return PermissionRequest(
        request_id=message.request_id,
        tool_name=request.tool_name,
        kind=_kind(request, places),
        title=tools.title(request.tool_name, request.input),
        input=bounded_input(request.input),
        tool_use_id=request.tool_use_id,
        command=command if isinstance(command, str) else None,
        locations=places,
        diffs=tools.diffs_wanted(request.input, directory),
    )


def _kind(request: ToolRequest, places: tuple[Location, ...]) -> ToolKind:
    """What leads outside of the working directories without saying where is no harmless read: a person decides."""
    if request.decision_reason_type == "workingDir" and not places:
        return ToolKind.OTHER
    return tools.kind_of(request.tool_name)


def _places(request: ToolRequest, directory: str, resolve: Callable[[str], str]) -> tuple[Location, ...]:
    named = tools.locations(request.input, directory)
    blocked = request.blocked_path
    found = [Location(path=resolve(place.path), line=place.line) for place in named]
    if blocked and (path := resolve(tools.absolute(blocked, directory))) not in {place.path for place in found}:
        found.append(Location(path=path))
    return tuple(found)
