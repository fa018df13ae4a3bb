"""An approval as a person sees it: what is wanted, all of it, and which keys answer it."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping

from jelmored.domain.permissions import Approval, ApprovalKind, ApprovalStatus, Diff, Option, OptionKind

from .labels import homely
from .spans import Look, Span
from .text import one_line

BAR = "┃ "
SHOWN_LINES = 60  # of a diff or an input; of a command every line is shown

KEYS: Mapping[OptionKind, tuple[str, str]] = {
    OptionKind.ALLOW_ONCE: ("y", "allow"),
    OptionKind.ALLOW_ALWAYS: ("a", "always"),
    OptionKind.REJECT_ONCE: ("n", "reject"),
}
"""The key of an option, and what it does in a word."""


def option_of(approval: Approval, kind: OptionKind) -> Option | None:
    """The option of this kind, if the approval has one."""
    return next((option for option in approval.options if option.kind is kind), None)


def question(approval: Approval, home: str) -> list[Span]:
    """What is wanted."""
    title = _without_command(approval, approval.title)
    spans = [Span(BAR, Look.ASKS), Span(title, Look.STRONG), *_place(approval, home), Span("\n")]
    for line, look in _substance(approval):
        spans += [Span(BAR, Look.ASKS), Span(f"  {line}", look), Span("\n")]
    return spans


def answers(approval: Approval, escape: str = "stop the turn") -> list[Span]:
    """The keys that answer it, "always" with its scope in words, and what Esc does."""
    spans = [Span(BAR, Look.ASKS)]
    for kind, (key, word) in KEYS.items():
        if option := option_of(approval, kind):
            spans += [Span(key, Look.KEY), Span(f" {word}"), *_scope(approval, option), Span(" · ", Look.DIM)]
    return [*spans, Span("Esc", Look.KEY), Span(f" {escape}\n")]


def outcome(approval: Approval, by: str | None) -> list[Span]:
    """How it was settled; `by` names who did it, where that was not us."""
    chosen = approval.resolved_by.option_id if approval.resolved_by else None
    option = next((option for option in approval.options if option.option_id == chosen), None)
    who = f" by {by}" if by else ""
    if approval.status is not ApprovalStatus.RESOLVED or option is None:
        return _settled("–", f"{approval.status.value}{who}", Look.DIM)
    if option.kind in {OptionKind.ALLOW_ONCE, OptionKind.ALLOW_ALWAYS}:
        return _settled("✓", f"{_verdict(approval, option, 'allowed')}{who}", Look.GOOD)
    return _settled("✗", f"{_verdict(approval, option, 'rejected')}{who}", Look.BAD)


def _settled(sign: str, words: str, look: Look) -> list[Span]:
    return [Span(BAR, Look.ASKS), Span(f"{sign} {words}\n", look)]


def _verdict(approval: Approval, option: Option, word: str) -> str:
    scope = _without_command(approval, option.scope or "")
    return f"{word}, always: {scope}" if scope else word


def _scope(approval: Approval, option: Option) -> list[Span]:
    words = _without_command(approval, option.scope or "")
    return [Span(f": {words}", Look.DIM)] if words else []


def _without_command(approval: Approval, words: str) -> str:
    """The command that they may end with is shown whole, on lines of its own."""
    return one_line(words if approval.command is None else words.removesuffix(f": {approval.command}"))


def _place(approval: Approval, home: str) -> list[Span]:
    places = [
        homely(place.path, home) + (f":{place.line}" if place.line is not None else "") for place in approval.locations
    ]
    return [Span("  " + one_line(", ".join(places)), Look.DIM)] if places else []


def _substance(approval: Approval) -> Iterator[tuple[str, Look]]:
    if approval.kind is ApprovalKind.QUESTION:
        for asked in approval.questions:
            yield one_line(asked.question), Look.PLAIN
            yield from ((f"- {one_line(option.label)}", Look.DIM) for option in asked.options)
    elif approval.command is not None:
        yield from ((line, Look.PLAIN) for line in approval.command.split("\n"))
    elif approval.diffs:
        yield from _cut([line for diff in approval.diffs for line in _diff(diff)])
    elif approval.input:
        shown = json.dumps(approval.input, indent=2, ensure_ascii=False)
        yield from _cut([(line, Look.PLAIN) for line in shown.splitlines()])


def _diff(diff: Diff) -> Iterator[tuple[str, Look]]:
    old, new = diff.old_text.split("\n"), diff.new_text.split("\n")
    for line in list(difflib.unified_diff(old, new, n=2, lineterm=""))[2:]:
        yield line, {"+": Look.GOOD, "-": Look.BAD}.get(line[:1], Look.DIM)


def _cut(lines: list[tuple[str, Look]]) -> Iterator[tuple[str, Look]]:
    yield from lines[:SHOWN_LINES]
    if len(lines) > SHOWN_LINES:
        yield f"… {len(lines) - SHOWN_LINES} more lines: `jelmore next --json` has them all", Look.BAD
