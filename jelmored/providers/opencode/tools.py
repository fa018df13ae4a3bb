"""OpenCode's tools in our words: their kind, a line for a person, the places and changes in their input and outcome."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

from jelmored.domain.permissions import Diff, Location, ToolKind
from jelmored.providers.bounds import MAX_RESULT, cut, one_line

from .messages import ToolPart

KINDS: Mapping[str, ToolKind] = {
    "read": ToolKind.READ,
    "edit": ToolKind.EDIT,
    "multiedit": ToolKind.EDIT,
    "write": ToolKind.EDIT,
    "patch": ToolKind.EDIT,
    "apply_patch": ToolKind.EDIT,
    "glob": ToolKind.SEARCH,
    "grep": ToolKind.SEARCH,
    "list": ToolKind.SEARCH,
    "bash": ToolKind.EXECUTE,
    "task": ToolKind.OTHER,  # it has tools of its own, which may change anything
    "todowrite": ToolKind.THINK,
    "todoread": ToolKind.THINK,
    "question": ToolKind.THINK,
    "webfetch": ToolKind.FETCH,
    "websearch": ToolKind.FETCH,
    "codesearch": ToolKind.FETCH,
}
"""A web search tells others what one seeks, so it is no harmless `search`."""

INVALID = "invalid"
"""What a call becomes that names no tool, or one that is denied."""
TASK = "task"

_SUBJECTS = ("command", "filePath", "pattern", "url", "query", "description", "name", "path")
"""The keys of an input that tell best what a tool works on, best first."""

_PATHS = ("filePath", "path", "workdir")


def kind_of(name: str) -> ToolKind:
    return KINDS.get(name, ToolKind.OTHER)


def name_of(part: ToolPart) -> str:
    """As the model called it."""
    if part.tool == INVALID and isinstance(name := part.state.input.get("tool"), str):
        return name
    return part.tool


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
    """The absolute paths that an input names; relative ones lie in the session's directory."""
    line = tool_input.get("offset")
    return tuple(
        Location(path=absolute(path, directory), line=line if type(line) is int and line > 0 else None)
        for key in _PATHS
        if isinstance(path := tool_input.get(key), str) and path
    )


def absolute(path: str, directory: str) -> str:
    return os.path.normpath(os.path.join(directory, path))


def diffs(tool_input: Mapping[str, Any], metadata: Mapping[str, Any], directory: str) -> tuple[Diff, ...]:
    """The changes that a tool wants, or has made: of its patches, which know what is replaced, else of its input."""
    return tuple(_patches(metadata, directory)) or tuple(_of_input(tool_input, directory))


def result(part: ToolPart) -> tuple[str, bool]:
    """The text of a tool's outcome, bounded, and whether something is missing."""
    text, is_cut = cut(part.state.error or part.state.output, MAX_RESULT)
    return text, is_cut or part.state.metadata.get("truncated") is True


def more_of(before: str, now: str) -> str:
    """What is new in an output that is repeated whole. It is capped: once it is longer, only its end is told."""
    if now.startswith(before):
        return now[len(before) :]
    known = before[-_OVERLAP:]
    found = now.rfind(known) if known else -1
    return now if found < 0 else now[found + len(known) :]


_OVERLAP = 512  # characters by which a place in a capped output is known again


def _patches(metadata: Mapping[str, Any], directory: str) -> Iterator[Diff]:
    match metadata:
        case {"files": [*files]}:
            for file in files:
                match file:
                    case {"filePath": str(path), "patch": str(patch)} | {"filePath": str(path), "diff": str(patch)}:
                        yield _of_patch(absolute(path, directory), patch)
        case {"filediff": {"file": str(path), "patch": str(patch)}} | {"filepath": str(path), "diff": str(patch)}:
            yield _of_patch(absolute(path, directory), patch)


def _of_input(tool_input: Mapping[str, Any], directory: str) -> Iterator[Diff]:
    match tool_input:
        case {"filePath": str(path), "oldString": str(old), "newString": str(new)}:
            yield _diff(absolute(path, directory), old, new)
        case {"filePath": str(path), "content": str(new)}:
            yield _diff(absolute(path, directory), "", new)


def _of_patch(path: str, patch: str) -> Diff:
    """The lines of a unified diff's hunks, as they were and as they will be."""
    _, _, hunks = patch.partition("\n@@")
    lines = hunks.splitlines(keepends=True)[1:]
    old = "".join(line[1:] for line in lines if line[:1] in ("-", " "))
    new = "".join(line[1:] for line in lines if line[:1] in ("+", " "))
    return _diff(path, old, new)


def _diff(path: str, old: str, new: str) -> Diff:
    half = MAX_RESULT // 2
    return Diff(path=path, old_text=cut(old, half)[0], new_text=cut(new, half)[0])
