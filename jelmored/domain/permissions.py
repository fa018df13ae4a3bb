"""The permission policy: one vocabulary for all agents, enforced by our answers (protocol 1, section 3, Approval)."""

from __future__ import annotations

import enum
import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import attrs

from .ids import ApprovalId, ConnectionId, RequestId, SessionId, ToolUseId
from .paths import lies_in


class PermissionMode(enum.StrEnum):
    """What is answered without asking a person."""

    ASK = "ask"
    ALLOW_READS = "allow-reads"
    ALLOW_EDITS = "allow-edits"
    ALLOW_ALL = "allow-all"
    DENY = "deny"
    PLAN = "plan"


class ToolKind(enum.StrEnum):
    READ = "read"
    EDIT = "edit"
    DELETE = "delete"
    MOVE = "move"
    SEARCH = "search"
    EXECUTE = "execute"
    THINK = "think"
    FETCH = "fetch"
    OTHER = "other"


HARMLESS = frozenset({ToolKind.READ, ToolKind.SEARCH, ToolKind.THINK})
"""Kinds without a side effect: a turn that used only these may be given again."""


class Verdict(enum.StrEnum):
    ALLOW = "allow"
    DENY = "deny"
    ASK = "ask"


class OptionKind(enum.StrEnum):
    ALLOW_ONCE = "allow_once"
    ALLOW_ALWAYS = "allow_always"
    REJECT_ONCE = "reject_once"
    REJECT_ALWAYS = "reject_always"


class ApprovalKind(enum.StrEnum):
    PERMISSION = "permission"
    QUESTION = "question"


class ApprovalStatus(enum.StrEnum):
    OPEN = "open"
    RESOLVED = "resolved"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


@attrs.frozen(kw_only=True)
class Location:
    path: str
    line: int | None = None


@attrs.frozen(kw_only=True)
class Diff:
    path: str
    old_text: str
    new_text: str


@attrs.frozen(kw_only=True)
class QuestionOption:
    label: str
    description: str | None = None


@attrs.frozen(kw_only=True)
class Question:
    """`id` is what an answer names; unique among the questions that are asked together."""

    id: str
    header: str
    question: str
    options: tuple[QuestionOption, ...]
    multi_select: bool = False


@attrs.frozen(kw_only=True)
class PermissionRequest:
    """What an agent asks before it uses a tool. `locations` are absolute paths; where they are not `located`, nobody
    knows where their links lead, and they count as outside of every directory."""

    request_id: RequestId
    tool_name: str
    kind: ToolKind
    title: str
    input: Mapping[str, Any]
    tool_use_id: ToolUseId | None = None
    command: str | None = None
    locations: tuple[Location, ...] = ()
    located: bool = True
    diffs: tuple[Diff, ...] = ()
    questions: tuple[Question, ...] = ()
    """It is no permission that is asked for: the agent wants to know these."""
    guarded: bool = False
    """The agent itself minds it, whatever it was allowed (a hook of git, its own settings): a person decides."""
    leaves_planning: bool = False
    """The agent has made its plan and wants to begin: whoever allows it says how much is asked from then on."""


@attrs.frozen(kw_only=True)
class Rule:
    """An "always" that a person gave. Exactly one of `command` (the same command again), `directory`
    (this tool on paths in it) or neither (this tool on anything) bounds it."""

    tool_name: str
    verdict: Verdict
    command: str | None = None
    directory: str | None = None
    further: Mapping[str, Any] = attrs.field(factory=dict)
    """Of a command: what else its tool was given."""

    def covers(self, request: PermissionRequest) -> bool:
        if request.tool_name != self.tool_name:
            return False
        if self.command is not None:
            return request.command == self.command and _further(request) == self.further
        if self.directory is not None:
            return bool(request.locations) and _within(request, [self.directory])
        return True

    @property
    def scope(self) -> str:
        """In words, as the option that makes this rule says it."""
        if self.command is not None:
            return f"this exact command, in this session: {self.command}"
        if self.directory is not None:
            return f"{self.tool_name} on files in {self.directory}, in this session"
        return f"{self.tool_name} with any input, in this session"


@attrs.frozen(kw_only=True)
class Option:
    option_id: str
    name: str
    kind: OptionKind
    scope: str | None = None


@attrs.frozen(kw_only=True)
class Resolver:
    """Who or what settled an approval: a client, the policy, the session itself."""

    kind: str
    connection_id: ConnectionId | None = None
    client: str | None = None
    uid: int | None = None
    token: str | None = None
    option_id: str | None = None


@attrs.frozen(kw_only=True)
class Approval:
    """A question that an agent waits on. The first answer wins."""

    approval_id: ApprovalId
    session_id: SessionId
    turn: int | None
    kind: ApprovalKind
    title: str
    tool_use_id: ToolUseId | None = None
    tool_name: str | None = None
    input: Mapping[str, Any] | None = None
    command: str | None = None
    locations: tuple[Location, ...] = ()
    diffs: tuple[Diff, ...] = ()
    questions: tuple[Question, ...] = ()
    options: tuple[Option, ...]
    created_at: datetime
    expires_at: datetime | None = None
    answers: Mapping[str, tuple[str, ...]] | None = None
    message: str | None = None
    status: ApprovalStatus = ApprovalStatus.OPEN
    resolved_by: Resolver | None = None


@attrs.frozen(kw_only=True)
class Answer:
    """What the agent is told. A denial always carries a message; `interrupt` ends the turn with it. `answers`: to its
    questions, by their ids: labels of options, or words of one's own."""

    verdict: Verdict
    message: str | None = None
    answers: Mapping[str, tuple[str, ...]] | None = None
    updated_input: Mapping[str, Any] | None = None
    interrupt: bool = False


def decide(
    mode: PermissionMode, rules: Iterable[Rule], request: PermissionRequest, directories: Sequence[str]
) -> Verdict:
    """What the policy says to a request; `ASK` means that a person decides.

    A rule that denies wins over everything, `DENY` and `PLAN` win over a rule that allows: no "always" outlives a
    stricter mode.

    Args:
        mode: the session's mode.
        rules: what was answered with "always" in this session.
        request: what the agent wants to do.
        directories: absolute directories in which the session works; reads and edits outside of them are asked.
    """
    if request.questions:
        return Verdict.ASK  # nobody else knows what a person thinks
    verdicts = {rule.verdict for rule in rules if rule.covers(request)}
    if Verdict.DENY in verdicts or mode is PermissionMode.DENY:
        return Verdict.DENY
    if request.leaves_planning and mode is not PermissionMode.ALLOW_ALL:
        return Verdict.ASK
    reads = request.kind in HARMLESS and _within(request, directories)
    if mode is PermissionMode.PLAN:
        return Verdict.ALLOW if reads else Verdict.DENY
    if request.guarded and mode is not PermissionMode.ALLOW_ALL:
        return Verdict.ASK
    if mode is PermissionMode.ALLOW_ALL or Verdict.ALLOW in verdicts:
        return Verdict.ALLOW
    edits = request.kind is ToolKind.EDIT and bool(request.locations) and _within(request, directories)
    match mode:
        case PermissionMode.ALLOW_READS if reads:
            return Verdict.ALLOW
        case PermissionMode.ALLOW_EDITS if reads or edits:
            return Verdict.ALLOW
        case _:
            return Verdict.ASK


ALLOW = Option(option_id="allow", name="Allow", kind=OptionKind.ALLOW_ONCE)
REJECT = Option(option_id="reject", name="Reject", kind=OptionKind.REJECT_ONCE)
DECLINE = Option(option_id="reject", name="Decline to answer", kind=OptionKind.REJECT_ONCE)
BEGIN = (
    Option(option_id="allow", name="Begin, and ask before changes", kind=OptionKind.ALLOW_ONCE),
    Option(
        option_id="allow-edits",
        name="Begin, and edit without asking",
        kind=OptionKind.ALLOW_ALWAYS,
        scope="edits in this session's directories, from now on",
    ),
    Option(option_id="reject", name="Go on planning", kind=OptionKind.REJECT_ONCE),
)


def options_for(request: PermissionRequest, cwd: str) -> tuple[tuple[Option, ...], Rule | None]:
    """The options of an approval, and the rule that its "always" would make. Of a question the only one is to leave it:
    else it takes answers."""
    if request.questions:
        return (DECLINE,), None
    if request.leaves_planning:
        return BEGIN, None
    if request.guarded:
        return (ALLOW, REJECT), None
    rule = _always(request, cwd)
    always = Option(option_id="allow-always", name="Always allow", kind=OptionKind.ALLOW_ALWAYS, scope=rule.scope)
    return (ALLOW, always, REJECT), rule


def _always(request: PermissionRequest, cwd: str) -> Rule:
    bound = Rule(tool_name=request.tool_name, verdict=Verdict.ALLOW)
    if request.command is not None:
        return attrs.evolve(bound, command=request.command, further=_further(request))
    if request.locations:
        inside = _within(request, [cwd])
        home = cwd if inside else os.path.dirname(request.locations[0].path)
        return attrs.evolve(bound, directory=home)
    return bound


def _further(request: PermissionRequest) -> Mapping[str, Any]:
    """What a command is run with beside its words: in the background, without a sandbox. A description only says."""
    return {name: value for name, value in request.input.items() if name not in ("command", "description")}


def _within(request: PermissionRequest, directories: Sequence[str]) -> bool:
    """By the text of the paths: links were resolved by whoever made the request."""
    return request.located and all(lies_in(place.path, directories) for place in request.locations)
