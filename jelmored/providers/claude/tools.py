"""Claude's tools in our words: their kind, a line for a person, the places and changes in their input and outcome."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

from jelmored.domain.permissions import Diff, Location, ToolKind
from jelmored.providers.bounds import MAX_RESULT, cut, one_line

KINDS: Mapping[str, ToolKind] = {
    "Read": ToolKind.READ,
    "NotebookRead": ToolKind.READ,
    "BashOutput": ToolKind.READ,
    "TaskOutput": ToolKind.READ,
    "Edit": ToolKind.EDIT,
    "MultiEdit": ToolKind.EDIT,
    "Write": ToolKind.EDIT,
    "NotebookEdit": ToolKind.EDIT,
    "Glob": ToolKind.SEARCH,
    "Grep": ToolKind.SEARCH,
    "LS": ToolKind.SEARCH,
    "ToolSearch": ToolKind.SEARCH,
    "Bash": ToolKind.EXECUTE,
    "KillShell": ToolKind.EXECUTE,
    "TaskStop": ToolKind.EXECUTE,
    "Agent": ToolKind.OTHER,  # it has tools of its own, which may change anything
    "Task": ToolKind.OTHER,
    "TaskCreate": ToolKind.THINK,
    "TaskGet": ToolKind.THINK,
    "TaskList": ToolKind.THINK,
    "TaskUpdate": ToolKind.THINK,
    "TodoWrite": ToolKind.THINK,
    "AskUserQuestion": ToolKind.THINK,
    "EnterPlanMode": ToolKind.THINK,
    "WebFetch": ToolKind.FETCH,
    "WebSearch": ToolKind.FETCH,
}
"""A subagent only thinks: each tool that it uses is a tool use of its own. A web search tells others what one seeks, so
it is no harmless `search`."""

_SUBJECTS = (
    "command",
    "file_path",
    "notebook_path",
    "pattern",
    "url",
    "query",
    "subject",
    "description",
    "skill",
    "name",
    "path",
    "plan",
    "taskId",
)
"""The keys of an input that tell best what a tool works on, best first."""

_PATHS = ("file_path", "notebook_path", "path")


def kind_of(name: str) -> ToolKind:
    return KINDS.get(name, ToolKind.OTHER)


def title(name: str, tool_input: Mapping[str, Any]) -> str:
    """A line: what, on what."""
    for key in _SUBJECTS:
        if isinstance(subject := tool_input.get(key), str) and subject.strip():
            return f"{name}: {one_line(subject)}"
    match tool_input:
        case {"questions": [{"question": str(question)}, *_]}:
            return f"{name}: {one_line(question)}"
    return name


def locations(tool_input: Mapping[str, Any], directory: str) -> tuple[Location, ...]:
    """The absolute paths that an input names; relative ones lie in the agent's directory."""
    line = tool_input.get("offset")
    return tuple(
        Location(path=absolute(path, directory), line=line if type(line) is int and line > 0 else None)
        for key in _PATHS
        if isinstance(path := tool_input.get(key), str) and path
    )


def absolute(path: str, directory: str) -> str:
    return os.path.normpath(os.path.join(directory, path))


def diffs_wanted(tool_input: Mapping[str, Any], directory: str) -> tuple[Diff, ...]:
    """The changes that an `Edit` or a `Write` asks for. What a `Write` replaces is not known before it is done."""
    match tool_input:
        case {"file_path": str(path), "old_string": str(old), "new_string": str(new)}:
            return (_diff(absolute(path, directory), old, new),)
        case {"file_path": str(path), "edits": [*edits]}:
            return tuple(_edits(absolute(path, directory), edits))
        case {"file_path": str(path), "content": str(new)}:
            return (_diff(absolute(path, directory), "", new),)
        case _:
            return ()


def diffs_done(outcome: Any) -> tuple[Diff, ...]:
    """The changes that were made, from the structured outcome of an `Edit` or a `Write`."""
    match outcome:
        case {"filePath": str(path), "oldString": str(old), "newString": str(new)}:
            return (_diff(path, old, new),)
        case {"filePath": str(path), "content": str(new), "originalFile": str() | None as old}:
            return (_diff(path, old or "", new),)
        case _:
            return ()


def result_text(content: Any) -> tuple[str, bool]:
    """The text of a tool's outcome, bounded, and whether something was cut."""
    parts = content if isinstance(content, list) else [content]
    return cut("\n".join(_words(part) for part in parts), MAX_RESULT)


def _words(part: Any) -> str:
    match part:
        case str():
            return part
        case {"type": "text", "text": str(text)}:
            return text
        case {"type": str(kind), "source": {"media_type": str(mime_type)}}:
            return f"[{kind} {mime_type}]"
        case {"type": "web_search_result", "title": str(name), "url": str(url)}:
            return f"{name}: {url}"
        case {"type": str(kind)}:
            return f"[{kind}]"
        case _:
            return ""


def _edits(path: str, edits: list[Any]) -> Iterator[Diff]:
    for edit in edits:
        match edit:
            case {"old_string": str(old), "new_string": str(new)}:
                yield _diff(path, old, new)


def _diff(path: str, old: str, new: str) -> Diff:
    half = MAX_RESULT // 2
    return Diff(path=path, old_text=cut(old, half)[0], new_text=cut(new, half)[0])
