"""Conversations that claude has had without us, from its transcripts: which there are, and what was said in one.

A transcript is a tree, for a user may go back and say something else: told is the branch that claude would resume. It
may be large. It is read twice, line by line, and no more of it is held than one turn, bounded. A line that can't be
read is passed over, as claude does, and a `system` event says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import attrs
import orjson

from jelmored.domain.events import Draft, ErrorNote, EventType, Said, ToolResult, TurnReason, UserNote
from jelmored.domain.ids import ItemId, ToolUseId, new_prompt_id
from jelmored.domain.prompts import ELSEWHERE
from jelmored.errors import RETRYABLE
from jelmored.providers.base import PastSession, PastTurn, RunEvent
from jelmored.providers.bounds import one_line
from jelmored.providers.turn_room import TurnRoom

from . import failures, notes, tools
from .known import Known
from .messages import Assistant, Compacted, CompactMetadata, User
from .reading import load, read
from .speech import Speech
from .transcripts import NATIVE_ID, Tally, Transcript, cut_name, is_message, lines_of

HEAD = 256 * 1024  # bytes of a transcript in which its first prompt is looked for
TAIL = 32 * 1024
MOST = 2000  # transcripts that are looked at, the latest ones
UNTITLED = "(no title)"
INTERRUPTED = "[Request interrupted by user"
SILENT = "No response requested."
TITLES = {"custom-title": "customTitle", "ai-title": "aiTitle", "summary": "summary"}
"""Claude's own lines that name a conversation, best first."""
_COMMAND = re.compile(r"<command-name>(.*?)</command-name>.*?<command-args>(.*?)</command-args>", re.DOTALL)
_OUTPUT = re.compile(r"<local-command-std(?:out|err)>(.*)</local-command-std(?:out|err)>", re.DOTALL)

Line = Mapping[str, Any]


# Which there are


def past_sessions(projects: str, cwd: str | None) -> Iterator[PastSession]:
    """The latest first. Blocks.

    Args:
        cwd: of one directory, links resolved; None: of all.
    """
    folder = cut_name(cwd) if cwd is not None else "*"
    found = [(_changed(path), path) for path in Path(projects).glob(f"{folder}/*.jsonl") if _is_ours(path)]
    for changed, path in sorted(found, reverse=True)[:MOST]:
        if changed and (past := _past(path, changed)) is not None:
            yield past


def _is_ours(path: Path) -> bool:
    return NATIVE_ID.fullmatch(path.stem) is not None


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:  # it went just now
        return 0


def _past(path: Path, changed: float) -> PastSession | None:
    """None: nobody has said anything in it, or it can't be read."""
    try:
        with path.open("rb") as file:
            head = _until_prompt(file)
            file.seek(max(0, path.stat().st_size - TAIL))
            lines = [*head, *map(_line, file.read(TAIL).splitlines(keepends=True))]
    except OSError:
        return None
    prompt = prompt_of(head[-1]) if head else None
    places = (line["cwd"] for line in lines if isinstance(line.get("cwd"), str))
    cwd = next((place for place in places if cut_name(place) == path.parent.name), None)
    if cwd is None or prompt is None:
        return None
    return PastSession(
        native_id=path.stem,
        cwd=cwd,
        title=_title(lines) or one_line(prompt) or UNTITLED,
        updated_at=datetime.fromtimestamp(changed, UTC),
    )


def _until_prompt(file: BinaryIO) -> list[Line]:
    """The first lines, up to the first that the user has said."""
    lines: list[Line] = []
    read = 0
    for data in lines_of(file):
        lines.append(_line(data))
        read += len(data)
        if prompt_of(lines[-1]) is not None or read > HEAD:
            break
    return lines


def _title(lines: list[Line]) -> str | None:
    for kind, key in TITLES.items():
        for line in reversed(lines):
            if line.get("type") == kind and isinstance(title := line.get(key), str) and title.strip():
                return one_line(title)
    return None


# What was said


def recall(transcript: Transcript, path: Path, after: str | None) -> Iterator[PastTurn]:
    """Turn by turn, from behind a mark. Blocks.

    Raises:
        OSError: it can't be read.
    """
    with path.open("rb") as file:
        branch = _branch(file)
    yield from _Recollection(transcript.cwd, path.with_suffix(""), branch, after).turns(path)


def prompt_of(line: Line) -> str | None:
    """What the user has said in a line; None where it is no prompt."""
    match line:
        case {"isMeta": True} | {"isSidechain": True} | {"isCompactSummary": True} | {"origin": {"kind": _}}:
            return None
        case {"type": "user", "message": {"content": str(words)}}:
            return _typed(words)
        case {"type": "user", "message": {"content": [*parts]}}:
            if any(isinstance(part, dict) and part.get("type") == "tool_result" for part in parts):
                return None
            return _typed(tools.result_text(parts)[0])
    return None


def _typed(words: str) -> str | None:
    """As the user has typed it."""
    if command := _COMMAND.search(words):
        return " ".join(filter(None, (part.strip() for part in command.groups())))
    if words.startswith((INTERRUPTED, "<local-command-", "<bash-std", "<task-notification>")):
        return None
    return words


def _branch(file: BinaryIO) -> frozenset[str]:
    """The messages that the last one goes back to. Where the chain is torn, the line before is taken for its parent."""
    parents: dict[str, str | None] = {}
    before: dict[str, str | None] = {}
    leaf: str | None = None
    last: str | None = None
    for data in lines_of(file):
        line = _line(data)
        if line.get("isSidechain") or not isinstance(uuid := line.get("uuid"), str):
            continue
        parents[uuid] = line.get("parentUuid") or line.get("logicalParentUuid")
        before[uuid], last = last, uuid
        leaf = uuid if is_message(data) else leaf
    found: set[str] = set()
    while leaf is not None and leaf not in found:
        found.add(leaf)
        parent = parents[leaf]
        leaf = parent if parent is None or parent in parents else before[leaf]
    return frozenset(found)


def _line(data: bytes) -> Line:
    """Empty for what is no object."""
    try:
        raw = orjson.loads(data)
    except orjson.JSONDecodeError:
        raw = load(data)
    return raw if isinstance(raw, dict) else {}


@attrs.define
class _Turn:
    prompt: str | None
    began_at: datetime
    ended_at: datetime
    room: TurnRoom = attrs.field(factory=TurnRoom)
    reason: TurnReason = TurnReason.COMPLETED

    @property
    def told(self) -> bool:
        """There is something to tell: an agent that was only told that a task has ended says nothing."""
        return self.prompt is not None or bool(self.room.drafts)

    def over(self, mark: str | None) -> PastTurn:
        return PastTurn(
            prompt=self.prompt,
            drafts=tuple(self.room.drafts),
            began_at=self.began_at,
            ended_at=self.ended_at,
            reason=self.reason,
            mark=mark,
        )


@attrs.define
class _Recollection:
    """One reading of a transcript.

    Args:
        directory: where the agent works.
        beside: where its subagents have theirs.
        branch: what counts.
        after: the mark behind which it is told.
    """

    directory: str
    beside: Path
    branch: frozenset[str]
    after: str | None
    _turn: _Turn | None = attrs.field(default=None, init=False)
    _speech: Speech = attrs.field(init=False)
    _tally: Tally = attrs.field(factory=Tally, init=False)
    _ahead: list[Draft] = attrs.field(factory=list, init=False)
    """What is of the turn that begins next."""
    _left_out: bool = attrs.field(default=False, init=False)
    """The lines are of a turn that was taken back."""
    _now: datetime = attrs.field(factory=lambda: datetime.fromtimestamp(0, UTC), init=False)

    def __attrs_post_init__(self) -> None:
        self._speech = Speech(Known(self.directory))

    def turns(self, path: Path) -> Iterator[PastTurn]:
        told = self.after is None
        with path.open("rb") as file:
            for data in lines_of(file):
                line, mark = _line(data), self._tally.mark
                if told and self._turn is not None and self._begins(line):
                    if self._turn.told:
                        yield self._turn.over(mark)
                    self._turn = None
                self._tally.add(data)
                if told:
                    self._take(line, data)
                told = told or self._tally.mark == self.after
        if self._turn is not None and self._turn.told:
            yield self._turn.over(self._tally.mark)

    def _begins(self, line: Line) -> bool:
        return prompt_of(line) is not None or _by_itself(line)

    def _take(self, line: Line, data: bytes) -> None:
        if isinstance(moment := line.get("timestamp"), str):
            self._now = _time(moment, self._now)
        if not line and data.strip(b"\0 \n"):
            self._note(notes.unreadable(len(data)))
        elif self._begins(line):
            self._begin(line)
        elif not self._left_out and not line.get("isSidechain"):
            self._hear(line)

    def _begin(self, line: Line) -> None:
        self._left_out = line.get("uuid") not in self.branch
        if self._left_out:
            return
        self._speech.turn_over()
        self._turn = _Turn(prompt_of(line), self._now, self._now)
        ahead, self._ahead = self._ahead, []
        for draft in ahead:
            self._note(draft)

    def _hear(self, line: Line) -> None:
        match line:
            case {"type": "assistant"}:
                self._said(line)
            case {"type": "user", "message": {"content": [{"type": "text", "text": str(words)}]}} if words.startswith(
                INTERRUPTED
            ):
                self._current().reason = TurnReason.INTERRUPTED
            case {"type": "user"} if not (line.get("isMeta") or line.get("isCompactSummary")):
                self._results(line)
            case {"type": "system", "subtype": "compact_boundary"}:
                self._compacted(line)
            case {"type": "system", "subtype": "local_command", "content": str(words)}:
                self._answered(line, words)
            case {"type": "attachment", "attachment": {"type": "queued_command", "prompt": prompt}}:
                self._steered(prompt)

    def _said(self, line: Line) -> None:
        message = read({"type": "assistant", **_known(line)})
        if not isinstance(message, Assistant):
            return
        if line.get("isApiErrorMessage"):
            self._failed(line, message)
        elif not (message.synthetic and SILENT in str(line["message"].get("content"))):
            self._tell(self._speech.said(message))

    def _failed(self, line: Line, message: Assistant) -> None:
        status = line.get("apiErrorStatus")
        kind = failures.kind_of(line.get("error"), status if isinstance(status, int) else None)
        words = tools.result_text(line["message"].get("content"))[0]
        note = ErrorNote(kind=kind, retryable=kind in RETRYABLE, remedy=failures.REMEDIES.get(kind))
        self._note(Draft(EventType.ERROR, words, note))
        self._current().reason = TurnReason.FAILED

    def _results(self, line: Line) -> None:
        message = read({"type": "user", "tool_use_result": line.get("toolUseResult"), **_known(line)})
        if isinstance(message, User):
            self._subagent(line)
            self._tell(self._speech.told(message))

    def _subagent(self, line: Line) -> None:
        """What the agent did whose result this is; its words stand in a file of its own."""
        match line:
            case {"toolUseResult": {"agentId": str(agent)}, "message": {"content": [{"tool_use_id": str(task)}, *_]}}:
                if re.fullmatch(r"[\w-]+", agent):
                    self._sidechain(self.beside / "subagents" / f"agent-{agent}.jsonl", ToolUseId(task))

    def _sidechain(self, path: Path, task: ToolUseId) -> None:
        try:
            file = path.open("rb")
        except OSError:
            return
        with file:
            for line in map(_line, lines_of(file)):
                kind = line.get("type")
                if kind not in ("assistant", "user"):
                    continue
                raw = {"type": kind, "tool_use_result": line.get("toolUseResult"), **_known(line)}
                message = read({**raw, "parent_tool_use_id": task})
                if isinstance(message, Assistant):
                    self._tell(self._speech.said(message))
                elif isinstance(message, User):
                    self._tell(self._speech.told(message))

    def _compacted(self, line: Line) -> None:
        about = line.get("compactMetadata")
        about = about if isinstance(about, dict) else {}
        told = CompactMetadata(
            trigger=about.get("trigger"), pre_tokens=about.get("preTokens"), post_tokens=about.get("postTokens")
        )
        draft = notes.compacted(Compacted(compact_metadata=told))
        if told.trigger == "manual":
            self._ahead.append(draft)  # the command for it stands behind it
        else:
            self._note(draft)

    def _answered(self, line: Line, words: str) -> None:
        """Of a command that no model has answered."""
        found = _OUTPUT.search(words)
        uuid = str(line.get("uuid"))
        if found and found[1].strip():
            said = Said(item_id=ItemId(f"result.{uuid}"), native_id=uuid)
            self._note(Draft(EventType.ASSISTANT, found[1].strip(), said))

    def _steered(self, prompt: Any) -> None:
        words = prompt if isinstance(prompt, str) else tools.result_text(prompt)[0]
        if words and not words.startswith("<task-notification>"):
            note = UserNote(prompt_id=new_prompt_id(), disposition="steered", by=ELSEWHERE)
            self._note(Draft(EventType.USER, words, note))

    def _tell(self, events: Any) -> None:
        event: RunEvent
        for event in events:
            if isinstance(event, Draft):
                self._note(self._placed(event))

    def _placed(self, draft: Draft) -> Draft:
        """Relative paths are meant from the directory."""
        metadata = draft.metadata
        if not isinstance(metadata, ToolResult) or not metadata.diffs:
            return draft
        diffs = (attrs.evolve(diff, path=tools.absolute(diff.path, self.directory)) for diff in metadata.diffs)
        return attrs.evolve(draft, metadata=attrs.evolve(metadata, diffs=tuple(diffs)))

    def _note(self, draft: Draft) -> None:
        turn = self._current()
        turn.room.take(draft)
        turn.ended_at = max(turn.ended_at, self._now)

    def _current(self) -> _Turn:
        """What is said outside of any turn, as behind a mark in the middle of one, the agent has begun by itself."""
        if self._turn is None:
            self._turn = _Turn(None, self._now, self._now)
        return self._turn


def _by_itself(line: Line) -> bool:
    """A task in the background has ended, and the agent is told."""
    match line:
        case {"type": "user", "origin": {"kind": "task-notification"}}:
            return True
    return False


def _known(line: Line) -> dict[str, Any]:
    return {key: line[key] for key in ("message", "uuid") if key in line}


def _time(text: str, otherwise: datetime) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return otherwise
    return moment if moment.tzinfo else otherwise
