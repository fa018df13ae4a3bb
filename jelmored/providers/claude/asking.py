"""May this tool run? Claude's question as ours. Where its paths really lead is for locating.py to find out."""

from __future__ import annotations

from jelmored.domain.permissions import Location, PermissionRequest, ToolKind

from . import tools
from .bounds import bounded_input
from .messages import CanUseTool, ToolRequest


def permission_request(message: CanUseTool, directory: str) -> PermissionRequest:
    """The request of a tool, not yet located.

    Args:
        message: claude's.
        directory: where the agent works, absolute.
    """
    request = message.request
    places = _places(request, directory)
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
        located=False,
        diffs=tools.diffs_wanted(request.input, directory),
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
