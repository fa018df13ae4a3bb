"""What an agent is told of a conversation that it did not have: from the session's own log, bounded, the cuts named.

Pure. `compose` makes the text that stands before the prompt in the first message to the next agent (design 2).
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator, Sequence

import attrs

from .events import (
    Carried,
    Event,
    EventType,
    Plan,
    Said,
    System,
    ToolResult,
    ToolUse,
    TurnEnded,
    TurnReason,
    TurnStarted,
    UserNote,
)
from .ids import PromptId
from .permissions import HARMLESS, ToolKind

CHARACTERS_PER_TOKEN = 3  # of code and English, on the safe side
WINDOW = 128_000  # tokens, of a model whose window is not known
SHARE = 3  # of the window a handoff takes one part at most: the agent's own prompt, tools and work need the others
MOST = 450_000  # characters, however large the window is
OUTPUT = 4_000  # characters of one tool's output; what matters of it the agent reads again
INPUT = 1_000  # characters of one tool's input
FILES = 100  # that are named
BEFORE = 20_000  # characters of a conversation that was had in another daemon, where not all has room
DONE = 30  # tools of a cut turn that are named once more; the latest
FRAME = 200  # characters around what is told
DONE_BY_YOU = "Take it as your own; the effects of the tools are on the disk, so do not do them again."
WRITES = frozenset({ToolKind.EDIT, ToolKind.DELETE, ToolKind.MOVE})


class Gap(enum.Enum):
    """Why an agent is told what it has said and done itself: it was killed before it had written all of it down."""

    LACKED = "its own record lacks it"
    DOUBTED = "nobody can tell how much of it its own record has"


@attrs.frozen(kw_only=True)
class Handoff:
    """`text` stands before the prompt; `carried` says how much of the conversation is in it."""

    text: str
    carried: Carried


@attrs.frozen(kw_only=True)
class Reminder(Handoff):
    """What the agent is told that it has said and done itself."""

    gap: Gap


NOTHING_TO_TELL = Handoff(text="", carried=Carried(turns=0, characters=0))


@attrs.frozen(kw_only=True)
class Cut:
    """The turn in hand was cut, and is gone on with. `same_agent`: it knows what was said before."""

    why: str
    same_agent: bool = False


@attrs.frozen(kw_only=True)
class Scene:
    """Where the conversation stands, beside its events.

    Args:
        directory: in which the agent worked last.
        system_prompt: what the client added to the agent's own.
        returning: the agent had an earlier part of the conversation, and is told only what it missed.
        skipped: earlier events are not among those given.
        cut: of the turn in hand, that is to be gone on with.
        prompt_turn: the number of the turn in hand: its prompt is given behind the handoff, not in it.
        portable: no agent is told it as it is: it is put into the state of the session, and told later, in another one.
        begun_after: the last event before the work on that prompt began, where an earlier turn had it already.
        gap: the agent is told what it has said and done itself.
        known_until: it knows all up to this event, but for those in `lost`.
    """

    directory: str
    system_prompt: str | None = None
    returning: bool = False
    skipped: bool = False
    cut: Cut | None = None
    prompt_turn: int | None = None
    portable: bool = False
    begun_after: int | None = None
    gap: Gap | None = None
    known_until: int = 0
    lost: frozenset[int] = frozenset()


def room(window: int | None) -> int:
    """Characters that a handoff may have for a model with this window, in tokens."""
    return min((window or WINDOW) // SHARE * CHARACTERS_PER_TOKEN, MOST)


def compose(events: Sequence[Event], scene: Scene, characters: int) -> Handoff | None:
    """The handoff, or None if there is nothing to tell.

    Args:
        events: in order, of everything that the agent does not know.
        characters: that the text may have. The oldest output of tools is cut first, then the oldest turns.
    """
    events = _since_cleared(events)
    entries = list(_entries(events, scene))
    if all(entry.ends for entry in entries) and scene.cut is None:
        return None
    head, tail = _head(scene, events), _tail(scene, events)
    kept, truncated = _fitted(entries, characters - len(head) - len(tail) - FRAME)
    told = _told(kept, truncated or scene.skipped, framed=not scene.portable)
    text = "\n\n".join(part for part in (head, told, tail) if part)
    turns = {entry.turn for entry in kept if entry.turn is not None}
    carried = Carried(turns=len(turns), characters=len(text), truncated=truncated or scene.skipped)
    if scene.gap is not None and entries:
        return Reminder(text=text, carried=carried, gap=scene.gap)
    return Handoff(text=text, carried=carried)


def _since_cleared(events: Sequence[Event]) -> Sequence[Event]:
    """What the user had the agent forget is not told to another one."""
    marks = (isinstance(event.metadata, System) and event.metadata.subtype == "cleared" for event in events)
    last = max((index for index, cleared in enumerate(marks) if cleared), default=-1)
    return events[last + 1 :]


@attrs.frozen
class _Entry:
    """One thing that was said or done. `brief` is what is left of it when its output is cut. `ends`: it only tells how
    its turn did."""

    turn: int | None
    full: str
    brief: str
    ends: bool = False


def _entries(events: Sequence[Event], scene: Scene) -> Iterator[_Entry]:
    missed = None if scene.returning else next(iter(events), None)  # what is behind it tells what was before it
    results = {event.metadata.tool_use_id: event for event in events if isinstance(event.metadata, ToolResult)}
    prompts: dict[PromptId, str] = {}
    for event in events:
        in_hand = event.turn is not None and event.turn == scene.prompt_turn
        if in_hand and scene.cut is None:
            continue  # it is done over: half an answer would only confuse
        match event.event_type, event.metadata:
            case EventType.USER, UserNote(disposition="steered") if not in_hand and event.seq > scene.known_until:
                yield _same(event.turn, f"USER, meanwhile: {event.content}")
            case EventType.USER, UserNote(prompt_id=prompt_id):
                prompts[prompt_id] = event.content  # told where its turn begins: it may have waited
            case _ if event.seq <= scene.known_until and event.seq not in scene.lost:
                continue
            case EventType.TURN_STARTED, TurnStarted(prompt_id=prompt_id) if prompt_id in prompts and not in_hand:
                yield _same(event.turn, f"USER: {prompts[prompt_id]}")
            case EventType.ASSISTANT, Said(parent_tool_use_id=None):
                yield _same(event.turn, f"ASSISTANT: {event.content}")
            case EventType.TOOL_USE, ToolUse(parent_tool_use_id=None) as use:
                yield _used(event, use, results.get(use.tool_use_id))
            case EventType.SYSTEM, System(subtype="restored", data={"handoff": str(before)}) if event is missed:
                yield _Entry(None, before, _cut(before, BEFORE))
            case EventType.TURN_ENDED, TurnEnded(reason=reason) if reason is not TurnReason.COMPLETED:
                told = f"[that turn did not complete: {reason}]"
                yield _Entry(event.turn, told, told, ends=True)


def _same(turn: int | None, text: str) -> _Entry:
    return _Entry(turn, text, text)


def _used(event: Event, use: ToolUse, result: Event | None) -> _Entry:
    line = f"TOOL {event.content or use.name}"
    if result is None:
        return _same(event.turn, f"{line}\n[its outcome is not known: it was cut]")
    failed = isinstance(result.metadata, ToolResult) and result.metadata.is_error
    outcome = "[failed]" if failed else "[done]"
    output = _cut(result.content, OUTPUT)
    return _Entry(event.turn, f"{line}\n{outcome} {output}".rstrip(), f"{line}\n{outcome} [output left out]")


def _cut(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    half = limit // 2
    return f"{text[:half]}\n[… {len(text) - 2 * half} characters left out …]\n{text[-half:]}"


def _fitted(entries: Sequence[_Entry], characters: int) -> tuple[list[_Entry], bool]:
    """The oldest output goes first, then the oldest entries; the very first prompt is kept as long as it may."""
    texts = list(entries)
    spare = characters - sum(len(entry.full) + 2 for entry in texts)
    truncated = spare < 0
    for index, entry in enumerate(texts):
        if spare >= 0:
            break
        spare += len(entry.full) - len(entry.brief)
        texts[index] = _Entry(entry.turn, entry.brief, entry.brief)
    while spare < 0 and len(texts) > 1:
        spare += len(texts.pop(1).full) + 2
    if spare < 0:
        texts = [_same(only.turn, _cut(only.full, max(characters, 0))) for only in texts]
    return texts, truncated


def _told(entries: Iterable[_Entry], truncated: bool, *, framed: bool) -> str:
    told = [entry.full for entry in entries]
    if truncated and told:
        told.insert(1, "[… earlier parts, or the output of earlier tools, are left out here: read files again …]")
    if told and framed:
        told = ["--- the conversation ---", *told, "--- end of it ---"]
    return "\n\n".join(told)


def _head(scene: Scene, events: Sequence[Event]) -> str:
    if scene.cut is not None and scene.cut.same_agent:
        return ""
    lines = [] if scene.portable else _greeting(scene)
    if files := _files(events):
        lines.append("Files changed so far: " + ", ".join(files))
    if plan := _plan(events):
        lines.append(f"The plan as it stands:\n{plan}")
    return "\n".join(lines)


def _greeting(scene: Scene) -> list[str]:
    lines = [_standing(scene), f"Working directory: {scene.directory}"]
    if scene.system_prompt and not scene.returning:
        lines.append(f"Instructions of the user for the whole conversation: {scene.system_prompt}")
    return lines


def _standing(scene: Scene) -> str:
    """What the agent is to make of what it is told."""
    if not scene.returning:
        return (
            "You take over a conversation that another coding agent has had with the user so far. What it said is told "
            "as ASSISTANT; take it as your own. Tools that it used are listed with their outcome: their effects are on "
            "the disk, so do not do them again."
        )
    match scene.gap:
        case Gap.LACKED:
            return f"You were stopped before all of it was in your own record, which lacks this. {DONE_BY_YOU}"
        case Gap.DOUBTED:
            return (
                f"You were stopped in the middle of a turn, and may not remember all of it: it follows. {DONE_BY_YOU}"
            )
    return (
        "You have had the first part of this conversation. Meanwhile another agent went on with it; this is what you "
        "missed."
    )


def _tail(scene: Scene, events: Sequence[Event]) -> str:
    if scene.portable:
        return ""
    if scene.cut is None:
        return "The user's next message follows."
    done = [event.content for event in events if _changed(event, scene)]
    told = "\n".join(f"- {_cut(line, INPUT)}" for line in done[-DONE:])
    begun = f"Already done, or at least begun, in it:\n{told}\n" if told else ""
    return (
        f"The work on the user's last message was cut off: {scene.cut.why}.\n{begun}"
        "Look at how things stand, do not repeat what is done, and go on with the message, which follows again."
    )


def _changed(event: Event, scene: Scene) -> bool:
    in_hand = event.turn == scene.prompt_turn or (scene.begun_after is not None and event.seq > scene.begun_after)
    return in_hand and isinstance(event.metadata, ToolUse) and event.metadata.kind not in HARMLESS


def _files(events: Iterable[Event]) -> list[str]:
    found: dict[str, None] = {}
    for event in events:
        if isinstance(event.metadata, ToolUse) and event.metadata.kind in WRITES:
            found.update(dict.fromkeys(location.path for location in event.metadata.locations))
    return list(found)[-FILES:]


def _plan(events: Sequence[Event]) -> str:
    plans = [event.metadata for event in events if isinstance(event.metadata, Plan)]
    return "\n".join(f"- [{entry.status}] {entry.content}" for entry in plans[-1].entries) if plans else ""
