"""What a transcript of the real CLI (2.1.197) tells of a conversation, and what of one that is damaged or large."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from jelmored.domain.events import ErrorNote, EventType, ToolResult, TurnReason, UserNote
from jelmored.errors import ErrorKind
from jelmored.providers.base import PastTurn
from jelmored.providers.claude.memories import past_sessions, prompt_of, recall
from jelmored.providers.claude.transcripts import Record, Transcript, compared

NATIVE_ID = "6189e085-3aca-42f4-8e59-612dd17c7b63"
KEPT = Path(__file__).parent / "transcripts" / f"{NATIVE_ID}.jsonl"
CWD = "/home/user/project"


@pytest.fixture
def projects(tmp_path: Path) -> Path:
    """As claude keeps it."""
    folder = tmp_path / "-home-user-project"
    shutil.copytree(KEPT.parent, folder)
    return tmp_path


def told(projects: Path, after: str | None = None) -> list[PastTurn]:
    transcript = Transcript(projects=str(projects), cwd=CWD, native_id=NATIVE_ID)
    return list(recall(transcript, transcript.path, after))


def path(projects: Path) -> Path:
    return projects / "-home-user-project" / KEPT.name


def drafts(turn: PastTurn) -> list[tuple[str, str]]:
    return [(draft.event_type.value, draft.content.partition("\n")[0]) for draft in turn.drafts]


def test_the_turns_are_those_that_the_user_had(projects: Path) -> None:
    turns = told(projects)
    assert [turn.prompt for turn in turns] == [
        "hello there",
        "two tools",
        "sub now",
        "long please",
        "write",
        "/usage",
        "/compact",
        "after it",
        "steer me",
        "fail now",
        "bye",
    ]
    reasons = {turn.prompt: turn.reason for turn in turns if turn.reason is not TurnReason.COMPLETED}
    assert reasons == {"long please": TurnReason.INTERRUPTED, "fail now": TurnReason.FAILED}
    times = [moment for turn in turns for moment in (turn.began_at, turn.ended_at)]
    assert times == sorted(times)


def test_what_was_said_and_done_is_told_as_from_a_run(projects: Path) -> None:
    by_prompt = {turn.prompt: turn for turn in told(projects)}
    assert drafts(by_prompt["two tools"]) == [
        ("assistant", "Both at once."),
        ("tool_use", "Bash: echo a"),
        ("tool_use", "Bash: echo b"),
        ("tool_result", "b"),
        ("tool_result", "a"),
        ("assistant", "Two done."),
    ]
    result = by_prompt["write"].drafts[1].metadata
    assert isinstance(result, ToolResult)
    assert [(diff.path, diff.new_text) for diff in result.diffs] == [(f"{CWD}/made.txt", "x\ny\n")]
    steered = [draft.metadata for draft in by_prompt["steer me"].drafts if draft.event_type is EventType.USER]
    assert [isinstance(note, UserNote) and note.disposition for note in steered] == ["steered"]
    [failed] = by_prompt["fail now"].drafts
    assert isinstance(failed.metadata, ErrorNote)
    assert failed.metadata.kind is ErrorKind.INVALID_REQUEST
    assert drafts(by_prompt["/compact"]) == [("system", "The conversation was compacted: 220 tokens became 632")]
    assert drafts(by_prompt["/usage"])[0][1].startswith("Total cost:")


def test_what_a_subagent_did_stands_before_its_result(projects: Path) -> None:
    turn = next(turn for turn in told(projects) if turn.prompt == "sub now")
    parents = [getattr(draft.metadata, "parent_tool_use_id", None) for draft in turn.drafts]
    [task] = {parent for parent in parents if parent}
    assert [parent == task for parent in parents] == [False, True, True, True, True, False, False]
    assert getattr(turn.drafts[0].metadata, "tool_use_id", None) == task


def test_all_of_it_has_the_agents_own_ids(projects: Path) -> None:
    kinds = (EventType.ASSISTANT, EventType.TOOL_USE, EventType.TOOL_RESULT)
    said = [draft for turn in told(projects) for draft in turn.drafts if draft.event_type in kinds]
    assert all(getattr(draft.metadata, "native_id", None) for draft in said)


def test_it_is_listed_with_its_directory_and_its_first_words(projects: Path) -> None:
    [past] = past_sessions(str(projects), None)
    assert (past.native_id, past.cwd, past.title) == (NATIVE_ID, CWD, "hello there")
    assert list(past_sessions(str(projects), CWD)) == [past]
    assert list(past_sessions(str(projects), "/elsewhere")) == []


def test_a_name_that_it_was_given_is_its_title(projects: Path) -> None:
    with path(projects).open("a") as file:
        file.write(json.dumps({"type": "custom-title", "customTitle": "the great refactoring"}) + "\n")
    [past] = past_sessions(str(projects), None)
    assert past.title == "the great refactoring"


def test_one_that_was_carried_here_is_listed_where_it_is_now(projects: Path) -> None:
    """Its first lines are of another directory."""
    moved = projects / "-srv-other"
    (projects / "-home-user-project").rename(moved)
    with (moved / KEPT.name).open("a") as file:
        file.write('{"type":"user","uuid":"n1","cwd":"/srv/other","message":{"content":"here"}}\n')
    assert [past.cwd for past in past_sessions(str(projects), None)] == ["/srv/other"]


@pytest.mark.parametrize("content", [b"", b"garbage\n", b'{"type":"mode"}\n', b'{"cwd":"/home/user/project"}\n'])
def test_where_nobody_has_spoken_there_is_nothing_to_list(projects: Path, content: bytes) -> None:
    path(projects).write_bytes(content)
    assert list(past_sessions(str(projects), None)) == []


def test_from_behind_a_mark_only_what_came_then_is_told(projects: Path) -> None:
    turns = told(projects)
    for number, turn in enumerate(turns):
        behind = told(projects, turn.mark)
        assert [one.prompt for one in behind] == [one.prompt for one in turns[number + 1 :]]
    with path(projects).open("rb") as file:
        assert compared(file, turns[-1].mark) is Record.WHOLE


def test_a_damaged_line_is_passed_over_and_told(projects: Path) -> None:
    lines = path(projects).read_bytes().splitlines(keepends=True)
    broken = next(number for number, line in enumerate(lines) if b'"two tools"' in line and b'"user"' in line)
    path(projects).write_bytes(b"".join([*lines[:broken], lines[broken][:40] + b"\n", *lines[broken + 1 :]]))
    turns = told(projects)
    assert [turn.prompt for turn in turns][:2] == ["hello there", "sub now"]
    assert ("system", "A line of 41 bytes in claude's own record could not be read") in drafts(turns[0])
    assert len(turns) == 10


def test_what_was_taken_back_is_not_told(tmp_path: Path) -> None:
    """The user went back to the first answer, and said something else."""

    def line(uuid: str, parent: str | None, kind: str, words: str) -> dict[str, object]:
        message = {"id": f"msg_{uuid}", "role": kind, "content": [{"type": "text", "text": words}], "model": "m"}
        moment = "2026-11-27T15:00:00.000Z"
        return {
            "type": kind, "uuid": uuid, "parentUuid": parent, "message": message, "timestamp": moment, "cwd": CWD,
        }  # fmt: skip

    said = [
        line("u1", None, "user", "one"),
        line("a1", "u1", "assistant", "first"),
        line("u2", "a1", "user", "two"),
        line("a2", "u2", "assistant", "second"),
        line("u3", "a1", "user", "three"),
        line("a3", "u3", "assistant", "third"),
    ]
    folder = tmp_path / "-home-user-project"
    folder.mkdir()
    text = "".join(json.dumps(one, separators=(",", ":")) + "\n" for one in said)
    path(tmp_path).write_text(text)
    turns = told(tmp_path)
    assert [(turn.prompt, drafts(turn)) for turn in turns] == [
        ("one", [("assistant", "first")]),
        ("three", [("assistant", "third")]),
    ]


def test_a_large_one_is_told_turn_by_turn(projects: Path) -> None:
    """The first turn is there before the last line was read; and no more than a turn is held."""
    with path(projects).open("ab") as file:
        for number in range(2000):
            words = {"type": "user", "message": {"role": "user", "content": f"more {number} {'x' * 2000}"}}
            chain = {"uuid": f"m{number}", "parentUuid": f"m{number - 1}" if number else None}
            file.write(json.dumps({**words, **chain}, separators=(",", ":")).encode() + b"\n")
    transcript = Transcript(projects=str(projects), cwd=CWD, native_id=NATIVE_ID)
    turns: Iterator[PastTurn] = recall(transcript, transcript.path, None)
    assert next(turns).prompt.startswith("more 0 ")  # type: ignore[union-attr]
    assert sum(1 for _ in turns) == 1999


@pytest.mark.parametrize(
    ("line", "prompt"),
    [
        ({"type": "user", "message": {"content": "hi"}}, "hi"),
        ({"type": "user", "message": {"content": [{"type": "text", "text": "hi"}]}}, "hi"),
        ({"type": "user", "message": {"content": "<command-name>/cost</command-name><command-args>a b</command-args>"}},
         "/cost a b"),
        ({"type": "user", "message": {"content": [{"type": "tool_result", "tool_use_id": "t"}]}}, None),
        ({"type": "user", "isMeta": True, "message": {"content": "hi"}}, None),
        ({"type": "user", "isSidechain": True, "message": {"content": "hi"}}, None),
        ({"type": "user", "isCompactSummary": True, "message": {"content": "hi"}}, None),
        ({"type": "user", "origin": {"kind": "task-notification"}, "message": {"content": "hi"}}, None),
        ({"type": "user", "message": {"content": [{"type": "text", "text": "[Request interrupted by user]"}]}}, None),
        ({"type": "assistant", "message": {"content": "hi"}}, None),
        ({}, None),
    ],
)  # fmt: skip
def test_what_is_a_prompt(line: dict[str, object], prompt: str | None) -> None:
    assert prompt_of(line) == prompt
