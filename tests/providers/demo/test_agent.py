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
from jelmored.domain import handoff
from jelmored.domain.events import Draft, Event, EventType, Said
from jelmored.domain.ids import ItemId, ProviderName, SessionId
from jelmored.domain.times import utc_now

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


def _answer(program: Program, **changes: Any) -> Message:
    """Allow what is asked next, with something changed in its input."""
    asked = program.asked()
    program.answer(asked, behavior="allow", updatedInput={**asked["request"]["input"], **changes})
    return asked


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


@pytest.mark.parametrize("cut", [None, handoff.Cut(why="it crashed")])
def test_what_it_is_told_of_a_conversation_is_no_wish(cwd: Path, home: Path, cut: handoff.Cut | None) -> None:
    told = handoff.compose(_said("say `question`, `edit` or what was said before"), _scene(cut), 10_000)
    assert told is not None
    assert "`question`" in told.text
    with Program(cwd, "--session-id", "s1", "--transcripts", str(home)) as program:
        blocks = [{"type": "text", "text": text} for text in (told.text, "todos, please")]
        program.tell(type="user", message={"role": "user", "content": blocks})
        result = program.until(lambda message: message["type"] in {"result", "control_request"})
        assert result["type"] == "result", "it asks something"
        program.end()
    assert {block["name"] for block in program.blocks("assistant") if block["type"] == "tool_use"} == {"TodoWrite"}
    assert "The prompt has 2 words" in "".join(block.get("thinking", "") for block in program.blocks("assistant"))
    assert result["usage"]["input_tokens"] > 50  # it has read all of it


def _said(text: str) -> list[Event]:
    said = Draft(EventType.ASSISTANT, text, Said(item_id=ItemId("i1")))
    return [said.at(SessionId("ses_1"), 1, turn=1, provider=ProviderName("claude"), timestamp=utc_now())]


def _scene(cut: handoff.Cut | None) -> handoff.Scene:
    return handoff.Scene(directory="/", cut=cut, prompt_turn=2)


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


@pytest.mark.parametrize("kept", ["", "garbage", '{"prompt"', "[1]"])
def test_a_session_whose_record_can_not_be_read_is_none(cwd: Path, home: Path, kept: str) -> None:
    home.mkdir()
    (home / "s1.jsonl").write_text(kept)
    with Program(cwd, "--resume", "s1", "--transcripts", str(home)) as program:
        _, complaint = program.process.communicate(timeout=10)

        assert "No conversation found" in complaint


def test_of_a_damaged_record_it_remembers_what_can_be_read(cwd: Path, home: Path) -> None:
    home.mkdir()
    (home / "s1.jsonl").write_text('{"prompt": "my dog is called Rex"}\ngarb\x00age\n{"prom')
    with Program(cwd, "--resume", "s1", "--transcripts", str(home)) as program:
        program.prompt("what did I say first?")
        program.result()

        assert "my dog is called Rex" in program.said()


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


def test_a_question_is_asked_with_options_and_answered(cwd: Path, home: Path) -> None:
    with Program(cwd, "--session-id", "s1", "--transcripts", str(home)) as program:
        program.prompt("a question please")
        asked = _answer(program, answers={"Which colour do you like best?": "Blue"})
        program.result()

    one, several = asked["request"]["input"]["questions"]
    assert asked["request"]["tool_name"] == "AskUserQuestion"
    assert (one["multiSelect"], several["multiSelect"]) == (False, True)
    assert [option["label"] for option in one["options"]] == ["Red", "Blue"]
    assert program.results_of_tools()[0]["content"] == (
        'Your questions have been answered: "Which colour do you like best?"="Blue".'
    )


def test_an_edit_makes_the_file_and_then_changes_it(cwd: Path, home: Path) -> None:
    file = cwd / "demo.txt"
    with Program(cwd, "--session-id", "s1", "--transcripts", str(home)) as program:
        program.prompt("edit")
        assert _answer(program)["request"]["tool_name"] == "Write"
        program.result()
        made = file.read_text()
        program.prompt("edit")
        assert _answer(program)["request"]["tool_name"] == "Edit"
        program.result()

    assert made.startswith("This file is from the demo")
    assert file.read_text() == made.replace("jelmored.\n", "jelmored. It was edited.\n", 1)
    natives = [message["tool_use_result"] for message in program.told if "tool_use_result" in message]
    assert natives[0]["originalFile"] is None
    assert natives[1]["newString"] == natives[1]["oldString"] + " It was edited."


def test_an_edit_that_is_denied_changes_nothing(cwd: Path, home: Path) -> None:
    with Program(cwd, "--session-id", "s1", "--transcripts", str(home)) as program:
        program.prompt("edit")
        program.answer(program.asked(), behavior="deny", message="no")
        program.result()

    assert not (cwd / "demo.txt").exists()
    assert "demo.txt is as it was" in program.said()


def test_an_edit_that_can_not_be_done_says_so(cwd: Path, home: Path) -> None:
    with Program(cwd, "--session-id", "s1", "--transcripts", str(home)) as program:
        program.prompt("edit")
        _answer(program, file_path=str(cwd / "nowhere" / "demo.txt"))
        program.result()

    assert program.results_of_tools()[0]["is_error"]


def test_what_is_said_while_a_tool_runs_goes_into_the_same_turn(cwd: Path, home: Path) -> None:
    with Program(cwd, "--session-id", "s1", "--transcripts", str(home), pace=0.01) as program:
        program.prompt("steps", uuid="u1")
        program.until(lambda message: message["type"] == "assistant" and _uses_tool(message))
        program.prompt("todos too", uuid="u2")
        program.result()
        program.end()

    told = [_kind(message) for message in program.told]
    assert told.count("result") == 1
    assert told.index("tool_result") < told.index("replay u2") < told.index("text 2")
    assert [block["name"] for block in program.blocks("assistant") if block["type"] == "tool_use"] == (
        ["Bash"] * 3 + ["TodoWrite"] * 4
    )
    assert "You said meanwhile: “todos too”. Step 2 of 3." in program.said()


def test_what_is_said_while_it_waits_for_an_answer_goes_into_the_same_turn(cwd: Path, home: Path) -> None:
    with Program(cwd, "--session-id", "s1", "--transcripts", str(home)) as program:
        program.prompt("one", uuid="u1")
        asked = program.asked()
        program.prompt("two", uuid="u2")
        program.answer(asked, behavior="deny", message="no")
        program.result()
        program.end()

    told = [_kind(message) for message in program.told]
    assert (told.count("result"), told.count("replay u2")) == (1, 1)
    assert "You said meanwhile: “two”." in program.said()


def test_it_stops_when_it_is_told_to(cwd: Path, home: Path) -> None:
    with Program(cwd, "--session-id", "s1", "--transcripts", str(home), pace=0.01) as program:
        program.prompt("steps")
        program.until(lambda message: message["type"] == "assistant" and _uses_tool(message))
        program.prompt("stop")
        program.result()

    assert "Step 2" not in program.said()


def test_what_is_said_while_the_last_text_streams_waits_and_is_then_one_turn(cwd: Path, home: Path) -> None:
    with Program(cwd, "--session-id", "s1", "--transcripts", str(home), pace=0.01) as program:
        program.prompt("one", uuid="u1")
        program.answer(program.asked(), behavior="deny", message="no")
        program.until(lambda message: _kind(message) == "tool_result")
        program.until(lambda message: message["type"] == "stream_event" and "delta" in message["event"])
        program.prompt("two", uuid="u2")
        program.prompt("three", uuid="u3")
        program.result()
        first = len(program.told)
        program.answer(program.asked(), behavior="deny", message="no")
        program.end()

    told = [_kind(message) for message in program.told[first:]]
    assert told.count("result") == 1
    assert told.index("replay u2") < told.index("init") < told.index("replay u3")
    [merged] = [message for message in program.told if _kind(message) == "replay u3"]
    assert merged["message"]["content"] == "two\nthree"


def test_a_list_of_things_to_do_shrinks(cwd: Path, home: Path) -> None:
    with Program(cwd, "--session-id", "s1", "--transcripts", str(home)) as program:
        program.prompt("your todos")
        program.result()

    uses = [block["input"]["todos"] for block in program.blocks("assistant") if block["type"] == "tool_use"]
    open_ones = [sum(todo["status"] != "completed" for todo in todos) for todos in uses]
    assert open_ones == [3, 2, 1, 0]


def test_scenes_are_played_in_the_order_of_the_prompt(cwd: Path, home: Path) -> None:
    with Program(cwd, "--session-id", "s1", "--transcripts", str(home)) as program:
        program.prompt("todos, then an edit")
        _answer(program)
        program.result()

    names = [block["name"] for block in program.blocks("assistant") if block["type"] == "tool_use"]
    assert names == ["TodoWrite"] * 4 + ["Write"]


def _uses_tool(message: Message) -> bool:
    return any(block["type"] == "tool_use" for block in message["message"]["content"])


def _kind(message: Message) -> str:
    """What it is, in a word or two; a text with its step."""
    match message:
        case {"type": "user", "isReplay": True}:
            return f"replay {message.get('uuid')}"
        case {"type": "user", "message": {"content": [{"type": "tool_result"}]}}:
            return "tool_result"
        case {"type": "assistant", "message": {"content": [{"type": "text", "text": str(text)}]}}:
            return f"text {text.partition('Step ')[2][:1]}"
        case {"type": "system", "subtype": "init"}:
            return "init"
        case _:
            return str(message["type"])
