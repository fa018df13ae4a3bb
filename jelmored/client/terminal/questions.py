"""An approval as a person sees it: what is wanted, all of it, and which keys answer it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from jelmored.domain.permissions import Approval, ApprovalKind, ApprovalStatus, Option, OptionKind

from .diffs import changes, unified
from .labels import homely
from .spans import Look, Row, Span
from .text import one_line
from .wrapping import chop, clip, wrap

BAR = "┃ "
SHOWN_LINES = 60  # of a diff or an input; of a command every line is shown

KEYS: Mapping[OptionKind, tuple[str, str]] = {
    OptionKind.ALLOW_ONCE: ("y", "allow"),
    OptionKind.ALLOW_ALWAYS: ("a", "always"),
    OptionKind.REJECT_ONCE: ("n", "reject"),
}
"""The key of the first option of a kind, and what it does in a word. The others have digits."""
ALLOWS = frozenset({OptionKind.ALLOW_ONCE, OptionKind.ALLOW_ALWAYS})
USUAL = frozenset({"Allow", "Always allow", "Reject"})
"""Names that say no more than the word of their key."""


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


def keyed(approval: Approval) -> list[tuple[str, Option]]:
    """Every option with its key."""
    left, found = list(approval.options), []
    for kind, (key, _) in KEYS.items():
        if option := option_of(approval, kind):
            left.remove(option)
            found.append((key, option))
    return [*found, *((str(number), option) for number, option in enumerate(left[:9], 1))]


def answers(approval: Approval, escape: str = "stop the turn") -> list[Span]:
    """The keys that answer it, "always" with its scope in words, and what Esc does."""
    return [Span(BAR, Look.ASKS), *_keys(approval), Span("Esc", Look.KEY), Span(f" {escape}\n")]


def asked(approval: Approval, home: str, columns: int, height: int) -> list[Row]:
    """What is wanted, in rows of a live terminal: at most so many. What is cut is said."""
    head, *rest = _lines(approval, home)
    rows = [row for line in (head, *rest) for row in chop(line, columns - len(BAR), hang=2)]
    if len(rows) > height:
        cut = len(rows) - height + 1
        rows = [*rows[: height - 1], (Span(f"  … {cut} more rows: d shows all", Look.BAD),)]
    return [_barred(row) for row in rows]


def whole(approval: Approval, home: str) -> list[Span]:
    """All of it, to be read at leisure."""
    return [span for line in _lines(approval, home) for span in (*_barred(line), Span("\n"))]


def keys_of(approval: Approval, columns: int, *, editable: bool, escape: str | None) -> list[Row]:
    """The keys that answer it, in rows of a live terminal; with `escape` also what Esc does."""
    more = [("r", " reject and say why")] if option_of(approval, OptionKind.REJECT_ONCE) else []
    more += [("e", " edit")] if editable else []
    spans = [*_keys(approval)]
    more += [("d", " all of it"), *([("Esc", f" {escape}")] if escape else [])]
    for key, word in more:
        spans += [Span(key, Look.KEY), Span(word), Span(" · ", Look.DIM)]
    return [_barred(row) for row in wrap(spans[:-1], columns - len(BAR), hang=2)]


def outcome(approval: Approval, by: str | None) -> list[Span]:
    """How it was settled; `by` names who did it, where that was not us."""
    chosen = approval.resolved_by.option_id if approval.resolved_by else None
    option = next((option for option in approval.options if option.option_id == chosen), None)
    who = f" by {by}" if by else ""
    if approval.status is ApprovalStatus.RESOLVED and approval.kind is ApprovalKind.QUESTION and option is None:
        return _settled("✓", f"answered{who}", Look.GOOD)
    if approval.status is not ApprovalStatus.RESOLVED or option is None:
        return _settled("–", f"{approval.status.value}{who}", Look.DIM)
    if option.kind in ALLOWS:
        return _settled("✓", f"{_verdict(approval, option, 'allowed')}{who}", Look.GOOD)
    return _settled("✗", f"{_verdict(approval, option, 'rejected')}{who}", Look.BAD)


def settled(approval: Approval, by: str | None, words: str | None, columns: int) -> Row:
    """All of that in a row. `words`: what we said beside it."""
    sign, verdict = outcome(approval, by)[-1].text.rstrip("\n").split(" ", 1)
    look = outcome(approval, by)[-1].look
    said = f": {one_line(words)}" if words else ""
    title = _without_command(approval, approval.title)
    what = f"{approval.tool_name or title}: {approval.command}" if approval.command else title
    head = (Span(BAR, Look.ASKS), Span(f"{sign} {verdict}{said}", look))
    return clip((*head, Span(f"  {one_line(what)}", Look.DIM)), columns)


def _settled(sign: str, words: str, look: Look) -> list[Span]:
    return [Span(BAR, Look.ASKS), Span(f"{sign} {words}\n", look)]


def _verdict(approval: Approval, option: Option, word: str) -> str:
    scope = _without_command(approval, option.scope or "")
    return f"{word}, always: {scope}" if scope else word


def _keys(approval: Approval) -> Iterator[Span]:
    for key, option in keyed(approval):
        usual = option.name in USUAL and option.kind in KEYS
        word = KEYS[option.kind][1] if usual else one_line(option.name)
        yield from (Span(key, Look.KEY), Span(f" {word}"), *_scope(approval, option), Span(" · ", Look.DIM))


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


def _lines(approval: Approval, home: str) -> Iterator[Row]:
    title = _without_command(approval, approval.title)
    yield (Span(title, Look.STRONG), *_place(approval, home))
    if approval.diffs:
        diffs = [*unified(approval.diffs, home)]
        yield from ((Span("  "), *line) for line in (diffs if len(approval.diffs) > 1 else diffs[1:]))
    else:
        yield from ((Span(f"  {line}", look),) for line, look in _everything(approval))


def _barred(row: Row) -> Row:
    return (Span(BAR, Look.ASKS), *row)


def _substance(approval: Approval) -> Iterator[tuple[str, Look]]:
    if approval.command is not None or not approval.diffs:
        lines = list(_everything(approval))
        yield from lines if approval.command is not None else _cut(lines)
    else:
        yield from _cut([(line[0].text, line[0].look) for diff in approval.diffs for line in changes(diff)])


def _everything(approval: Approval) -> Iterator[tuple[str, Look]]:
    if approval.kind is ApprovalKind.QUESTION:
        for asked in approval.questions:
            yield one_line(asked.question), Look.PLAIN
            yield from ((f"- {one_line(option.label)}", Look.DIM) for option in asked.options)
    elif approval.command is not None:
        yield from ((line, Look.PLAIN) for line in approval.command.split("\n"))
    elif approval.input:
        for key, value in approval.input.items():
            yield from _member(key, value)


def _member(key: str, value: object) -> Iterator[tuple[str, Look]]:
    """A text of several lines is easier to read as it is than in JSON."""
    if isinstance(value, str) and "\n" in value:
        yield f"{key}:", Look.DIM
        yield from ((f"  {line}", Look.PLAIN) for line in value.split("\n"))
    else:
        text = value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
        first, *rest = text.split("\n")
        yield f"{key}: {first}", Look.PLAIN
        yield from ((line, Look.PLAIN) for line in rest)


def _cut(lines: list[tuple[str, Look]]) -> Iterator[tuple[str, Look]]:
    yield from lines[:SHOWN_LINES]
    if len(lines) > SHOWN_LINES:
        yield f"… {len(lines) - SHOWN_LINES} more lines: `jelmore next --json` has them all", Look.BAD
