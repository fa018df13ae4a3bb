"""The demo agent as a real process, talked to as claude is talked to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

import jelmored

Message = dict[str, Any]
ROOT = str(Path(jelmored.__file__).parents[1])
FLAGS = ["--include-partial-messages", "--replay-user-messages", "--verbose", "--permission-prompt-tool", "stdio"]


class Program:
    """The agent in a directory; `told` is all that it wrote so far."""

    def __init__(self, cwd: Path, *args: str, pace: float = 0) -> None:
        command = [sys.executable, "-P", "-m", "jelmored.providers.demo.agent", *FLAGS, "--pace", str(pace), *args]
        env = {
            "PATH": os.defpath,
            "PYTHONPATH": ROOT,
            "PYTHONUTF8": "1",
            "CLAUDE_CODE_EMIT_SESSION_STATE_EVENTS": "1",
        }
        self.process = subprocess.Popen(
            command, cwd=cwd, env=env, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        self.told: list[Message] = []

    def __enter__(self) -> Program:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with self.process:
            self.process.kill()

    def tell(self, **message: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(message) + "\n")
        self.process.stdin.flush()

    def prompt(self, text: str, **fields: Any) -> None:
        self.tell(type="user", message={"role": "user", "content": text}, **fields)

    def control(self, **request: Any) -> None:
        self.tell(type="control_request", request_id=f"r-{request['subtype']}", request=request)

    def answer(self, asked: Message, **response: Any) -> None:
        body = {"subtype": "success", "request_id": asked["request_id"], "response": response}
        self.tell(type="control_response", response=body)

    def until(self, wanted: Callable[[Message], bool]) -> Message:
        assert self.process.stdout is not None
        for line in iter(self.process.stdout.readline, ""):
            self.told.append(json.loads(line))
            if wanted(self.told[-1]):
                return self.told[-1]
        raise AssertionError(f"it ended before: {self.told[-3:]}")

    def result(self) -> Message:
        return self.until(lambda message: message["type"] == "result")

    def asked(self) -> Message:
        return self.until(lambda message: message["type"] == "control_request")

    def end(self) -> int:
        """Close stdin, read the rest."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.told += [json.loads(line) for line in self.process.stdout]
        return self.process.wait(timeout=10)

    def said(self) -> str:
        return "".join(block["text"] for block in self.blocks("assistant") if block["type"] == "text")

    def blocks(self, kind: str) -> Iterator[Message]:
        return (block for message in self.told if message["type"] == kind for block in message["message"]["content"])

    def results_of_tools(self) -> list[Message]:
        return [block for block in self.blocks("user") if isinstance(block, dict) and block["type"] == "tool_result"]


def _allow(program: Program) -> Message:
    asked = program.asked()
    program.answer(asked, behavior="allow", updatedInput=asked["request"]["input"])
    return program.result()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "transcripts"


@pytest.fixture
def cwd(tmp_path: Path) -> Path:
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "notes.txt").touch()
    return tmp_path / "work"


def test_initialize_is_answered_before_any_prompt(cwd: Path, home: Path) -> None:
    with Program(cwd, "--session-id", "s1", "--transcripts", str(home)) as program:
        program.control(subtype="initialize")
        answer = program.until(lambda message: message["type"] == "control_response")["response"]

        assert answer["subtype"] == "success"
        assert [model["value"] for model in answer["response"]["models"]] == ["demo"]
        assert program.end() == 0


def test_a_turn_with_an_allowed_tool_reports_its_true_output(cwd: Path, home: Path) -> None:
    with Program(cwd, "--session-id", "s1", "--transcripts", str(home)) as program:
        program.prompt("hello there")
        result = _allow(program)

        assert program.told[0] == {**program.told[0], "subtype": "session_state_changed", "state": "running"}
        assert [tool["content"] for tool in program.results_of_tools()] == ["notes.txt"]
        assert "no model is behind me" in program.said()
        assert "npm install" in program.said()
        assert not result["is_error"]
        assert result["usage"]["input_tokens"] == 2
        program.until(lambda message: message.get("state") == "idle")
        assert program.end() == 0


def test_deltas_add_up_to_the_blocks_that_close_them(cwd: Path, home: Path) -> None:
    with Program(cwd, "--session-id", "s1", "--transcripts", str(home)) as program:
        program.prompt("hello")
        _allow(program)
        deltas = [event["event"]["delta"] for event in program.told if event["type"] == "stream_event"
                  and event["event"]["type"] == "content_block_delta"]  # fmt: skip

        for kind in ("thinking", "text"):
            streamed = "".join(delta[kind] for delta in deltas if delta["type"] == f"{kind}_delta")
            assert streamed == "".join(block[kind] for block in program.blocks("assistant") if block["type"] == kind)
            assert streamed


def test_a_changed_command_is_what_runs(cwd: Path, home: Path) -> None:
    with Program(cwd, "--session-id", "s1", "--transcripts", str(home)) as program:
        program.prompt("hello")
        program.answer(program.asked(), behavior="allow", updatedInput={"command": "echo changed; exit 3"})
        program.result()

        assert program.results_of_tools()[0]["content"] == "changed"
        assert program.results_of_tools()[0]["is_error"]


def test_a_denied_tool_does_not_run(cwd: Path, home: Path) -> None:
    with Program(cwd, "--session-id", "s1", "--transcripts", str(home)) as program:
        program.prompt("hello")
        program.answer(program.asked(), behavior="deny", message="not here")
        result = program.result()

        assert [tool["content"] for tool in program.results_of_tools()] == ["not here"]
        assert "nothing ran" in program.said()
        assert len(result["permission_denials"]) == 1


def test_an_interrupt_cuts_the_text(cwd: Path, home: Path) -> None:
    with Program(cwd, "--session-id", "s1", "--transcripts", str(home), pace=5) as program:
        program.prompt("hello")
        program.until(lambda message: message["type"] == "stream_event" and "delta" in message["event"])
        program.control(subtype="interrupt")
        result = program.result()

        assert result["subtype"] == "error_during_execution"
        assert len(list(program.blocks("assistant"))) == 1


def test_an_interrupt_withdraws_the_question(cwd: Path, home: Path) -> None:
    with Program(cwd, "--session-id", "s1", "--transcripts", str(home)) as program:
        program.prompt("hello")
        asked = program.asked()
        program.control(subtype="interrupt")
        program.result()

        withdrawn = [message for message in program.told if message["type"] == "control_cancel_request"]
        assert [message["request_id"] for message in withdrawn] == [asked["request_id"]]


def test_an_interrupt_ends_the_tool_and_leaves_no_process(cwd: Path, home: Path) -> None:
    with Program(cwd, "--session-id", "s1", "--transcripts", str(home)) as program:
        program.prompt("hello")
        program.answer(program.asked(), behavior="allow", updatedInput={"command": "echo $$ > pid; sleep 30; true"})
        pid = _content(cwd / "pid")
        program.control(subtype="interrupt")
        program.result()

        with pytest.raises(ProcessLookupError):
            os.kill(int(pid), 0)


def _content(file: Path) -> str:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if file.exists() and (text := file.read_text()):
            return text
    raise AssertionError(f"nothing in {file}")


def test_a_resumed_agent_remembers_the_first_prompt(cwd: Path, home: Path) -> None:
    with Program(cwd, "--session-id", "s1", "--transcripts", str(home)) as program:
        program.prompt("my dog is called Rex")
        _allow(program)
        program.end()
    with Program(cwd, "--resume", "s1", "--transcripts", str(home)) as program:
        program.prompt("what did I say first?")
        program.result()

        assert "my dog is called Rex" in program.said()


def test_a_prompt_that_waits_can_be_withdrawn(cwd: Path, home: Path) -> None:
    with Program(cwd, "--session-id", "s1", "--transcripts", str(home)) as program:
        program.prompt("one")
        asked = program.asked()
        program.prompt("two", uuid="u2")
        program.control(subtype="cancel_async_message", message_uuid="u2")
        answer = program.until(lambda message: message["type"] == "control_response")
        program.answer(asked, behavior="deny", message="no")
        program.end()

        assert answer["response"]["response"] == {"cancelled": True}
        assert sum(message["type"] == "result" for message in program.told) == 1


@pytest.mark.parametrize(
    ("args", "reason"), [(["--resume", "s9"], "No conversation found"), (["--session-id", "s1"], "already in use")]
)
def test_a_session_that_cannot_be_had(cwd: Path, home: Path, args: list[str], reason: str) -> None:
    home.mkdir()
    (home / "s1.jsonl").touch()
    with Program(cwd, *args, "--transcripts", str(home)) as program:
        _, complaint = program.process.communicate(timeout=10)

        assert reason in complaint
        assert program.process.returncode == 1


def test_a_line_that_is_not_json_ends_it(cwd: Path, home: Path) -> None:
    with Program(cwd, "--session-id", "s1", "--transcripts", str(home)) as program:
        _, complaint = program.process.communicate("{nonsense\n", timeout=10)

        assert program.process.returncode == 1
        assert "not JSON" in complaint


def test_what_it_does_not_know_is_refused(cwd: Path, home: Path) -> None:
    with Program(cwd, "--session-id", "s1", "--transcripts", str(home)) as program:
        program.control(subtype="rewind_files")
        answer = program.until(lambda message: message["type"] == "control_response")

        assert answer["response"]["subtype"] == "error"
