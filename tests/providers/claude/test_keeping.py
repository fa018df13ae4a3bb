"""What claude's own record has, by the ids of its last lines."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

import pytest

from jelmored.providers.claude import keeping
from jelmored.providers.claude.keeping import kept, message_id


def line(kind: str, one: str, *parts: dict[str, Any], **more: Any) -> bytes:
    said = {"type": kind, "uuid": one, "message": {"content": list(parts) or "words"}, **more}
    return json.dumps(said, separators=(",", ":")).encode() + b"\n"


def use(tool: str) -> dict[str, Any]:
    return {"type": "tool_use", "id": tool, "name": "Bash", "input": {}}


def result(tool: str) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": tool, "content": "done"}


def record(tmp_path: Path, *lines: bytes) -> Path:
    path = tmp_path / "transcript.jsonl"
    path.write_bytes(b"".join(lines))
    return path


def test_a_prompt_has_another_id_each_time_and_is_known_by_any(tmp_path: Path) -> None:
    first, second = message_id("prm_one"), message_id("prm_one")
    assert first != second
    assert str(uuid.UUID(first)) == first
    path = record(tmp_path, line("user", second), line("assistant", "a1"))
    assert kept(path, ["prm_one", "prm_two", "a1", "a2"]) == {"prm_one", "a1"}


def test_a_prompt_that_steered_stands_in_a_line_of_claudes_own(tmp_path: Path) -> None:
    attachment = {"type": "queued_command", "source_uuid": message_id("prm_one")}
    path = record(tmp_path, json.dumps({"type": "attachment", "uuid": "x", "attachment": attachment}).encode() + b"\n")
    assert kept(path, ["prm_one"]) == {"prm_one"}


def test_a_tool_without_its_result_does_not_count(tmp_path: Path) -> None:
    path = record(
        tmp_path,
        line("assistant", "a1", use("t1")),
        line("assistant", "a2", use("t2")),
        line("user", "r1", result("t1")),
    )
    assert kept(path, ["a1", "a2", "r1"]) == {"a1", "r1"}


def test_neither_does_a_line_that_was_torn(tmp_path: Path) -> None:
    path = record(tmp_path, line("user", "u1"), line("assistant", "a1"), line("assistant", "a2")[:-9])
    assert kept(path, ["u1", "a1", "a2"]) == {"u1", "a1"}
    path = record(tmp_path, line("user", "u1"), line("assistant", "a1").rstrip())
    assert kept(path, ["a1"]) == frozenset()


def test_what_cannot_be_read_is_passed_over(tmp_path: Path) -> None:
    path = record(tmp_path, b"\x01garbage\n", b"[1]\n", b'{"uuid":5,"message":"x"}\n', line("user", "u1"))
    assert kept(path, ["u1"]) == {"u1"}


def test_no_more_than_the_end_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    last = line("assistant", "a2")
    monkeypatch.setattr(keeping, "TAIL", len(last) + 5)
    assert kept(record(tmp_path, line("assistant", "a1"), last), ["a1", "a2"]) == {"a2"}
