"""What the agent waits for: OpenCode's permissions and questions as ours. Where their paths lead is found out later."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from jelmored.domain.ids import RequestId, ToolUseId
from jelmored.domain.permissions import Location, PermissionRequest, Question, QuestionOption, ToolKind
from jelmored.providers.base import Asked, RunEvent, Withdrawn
from jelmored.providers.bounds import bounded_input, cut, one_line

from . import tools
from .messages import PermissionAsked, QuestionAsked, ToolPart

Ask = PermissionAsked | QuestionAsked

OUTSIDE = "external_directory"
MINDED = frozenset({OUTSIDE, "doom_loop"})
"""What OpenCode asks for whatever the tool itself may do: it leaves the directory, or does the same over and over."""

MAX_QUESTION = 16 * 1024
"""Bytes of a question, and of what is said of an option."""


@attrs.define
class Asking:
    """The requests that are open in the turn that runs.

    Args:
        directory: where the agent works, absolute.
    """

    directory: str
    _open: dict[RequestId, Ask] = attrs.field(factory=dict, init=False)
    _early: dict[RequestId, Ask] = attrs.field(factory=dict, init=False)
    """Those whose tool has not told its input: it does a moment later."""
    _answered: set[RequestId] = attrs.field(factory=set, init=False)
    """The server may list one until it has heard the answer."""

    def ask(self, ask: Ask, part: ToolPart | None) -> list[RunEvent]:
        """A request came.

        Args:
            ask: what the server says of it.
            part: the tool that asks, as far as it is known.
        """
        request_id = RequestId(ask.id)
        if request_id in self._open or request_id in self._answered:
            return []
        if part is not None and not part.state.input:
            self._early[request_id] = ask
            return []
        self._early.pop(request_id, None)
        self._open[request_id] = ask
        return [Asked(request_of(ask, part, self.directory))]

    def told(self, part: ToolPart) -> list[RunEvent]:
        """A tool tells its input: what it asked before can be told now."""
        waiting = [ask for ask in self._early.values() if is_of(ask, part)]
        return [event for ask in waiting for event in self.ask(ask, part)]

    def answer(self, request_id: RequestId) -> Ask | None:
        """A request gets its answer. None: nobody waits for it."""
        if ask := self._open.pop(request_id, None):
            self._answered.add(request_id)
        return ask

    def withdraw(self, request_id: RequestId) -> list[RunEvent]:
        """It was settled by somebody else: a rejection settles all that are open in its session."""
        self._early.pop(request_id, None)
        return [Withdrawn(request_id)] if self._open.pop(request_id, None) else []

    def turn_over(self) -> list[RunEvent]:
        """Nobody waits any more, though the server goes on to list what an aborted turn has asked."""
        self._answered.clear()
        return self.withdraw_all_but(())

    def withdraw_all_but(self, kept: Sequence[Ask]) -> list[RunEvent]:
        """These are all that are open."""
        gone = {*self._open, *self._early} - {RequestId(ask.id) for ask in kept}
        return [event for request_id in sorted(gone) for event in self.withdraw(request_id)]


def is_of(ask: Ask, part: ToolPart) -> bool:
    """Is it this tool that asks?"""
    call = ask.tool
    return call is not None and (call.message_id, call.call_id) == (part.message_id, part.call_id)


def request_of(ask: Ask, part: ToolPart | None, directory: str) -> PermissionRequest:
    """The request, not yet located."""
    if isinstance(ask, QuestionAsked):
        return _question(ask, part)
    name = tools.name_of(part) if part else ask.permission
    tool_input = part.state.input if part else {}
    places = _places(ask, tool_input, directory)
    return PermissionRequest(
        request_id=RequestId(ask.id),
        tool_name=name,
        kind=_kind(ask, tools.kind_of(name), places),
        title=tools.title(name, tool_input or ask.metadata),
        input=bounded_input(tool_input or ask.metadata),
        tool_use_id=ToolUseId(part.id) if part else None,
        command=_command(ask, tool_input),
        locations=places,
        located=False,
        diffs=tools.diffs(tool_input, ask.metadata, directory),
        guarded=ask.permission in MINDED,
    )


def answers_of(ask: QuestionAsked, answers: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """The answers in the form in which OpenCode takes them: for each question its labels, or words of one's own.

    Args:
        ask: as it was asked.
        answers: by the ids of the questions.
    """
    return [list(answers.get(_id_at(place), ())) for place, _ in enumerate(ask.questions)]


def _question(ask: QuestionAsked, part: ToolPart | None) -> PermissionRequest:
    questions = tuple(
        Question(
            id=_id_at(place),
            header=_bounded(asked.header),
            question=_bounded(asked.question),
            options=tuple(
                QuestionOption(label=option.label, description=_bounded(option.description) or None)
                for option in asked.options
            ),
            multi_select=asked.multiple,
        )
        for place, asked in enumerate(ask.questions)
    )
    more = len(questions) - 1
    first = questions[0].question if questions else "The agent asks"
    return PermissionRequest(
        request_id=RequestId(ask.id),
        tool_name="question",
        kind=ToolKind.THINK,
        title=one_line(first + (f" (and {more} more)" if more > 0 else "")),
        input=bounded_input(part.state.input if part else {}),
        tool_use_id=ToolUseId(part.id) if part else None,
        questions=questions,
    )


def _kind(ask: PermissionAsked, kind: ToolKind, places: Sequence[Location]) -> ToolKind:
    """What edits or reads without saying where is not taken for harmless: a person decides."""
    if not places and (kind is ToolKind.EDIT or ask.permission == OUTSIDE):
        return ToolKind.OTHER
    return kind


def _command(ask: PermissionAsked, tool_input: Mapping[str, Any]) -> str | None:
    command = tool_input.get("command", ask.metadata.get("command"))
    return command if isinstance(command, str) else None


def _places(ask: PermissionAsked, tool_input: Mapping[str, Any], directory: str) -> tuple[Location, ...]:
    """The paths in the input, those that the permission names, and the directories outside that it is for."""
    named = list(tools.locations(tool_input, directory))
    match ask.metadata:
        case {"files": [*files]}:
            named += [place for file in files for place in _of_file(file, directory)]
        case {"filepath": str(path)}:
            named.append(Location(path=tools.absolute(path, directory)))
    if ask.permission == OUTSIDE and "filepath" not in ask.metadata:
        named += [Location(path=home) for pattern in ask.patterns if os.path.isabs(home := _home(pattern))]
    unique: dict[str, Location] = {}
    for place in named:
        unique.setdefault(place.path, place)
    return tuple(unique.values())


def _of_file(file: Any, directory: str) -> list[Location]:
    paths = (file.get("filePath"), file.get("movePath")) if isinstance(file, Mapping) else ()
    return [Location(path=tools.absolute(path, directory)) for path in paths if isinstance(path, str) and path]


def _home(pattern: str) -> str:
    """`/etc/*` is for `/etc`."""
    return pattern.removesuffix("*").rstrip("/") or "/"


def _id_at(place: int) -> str:
    return f"q{place + 1}"


def _bounded(text: str) -> str:
    return cut(text, MAX_QUESTION)[0]
