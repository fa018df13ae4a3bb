"""An agent that misbehaves: a program that speaks claude's stream-json, run as `claude_bin`. Stdlib only.

How it misbehaves is the name of the directory that it works in: a function below. Those in `ONCE` do it only the first
time in a directory, so that what comes after it can be seen; without a name of these it answers each prompt with its
own words. `with_tree` in front of any of it: it has first started a family that is hard to kill.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

MIB = 1 << 20
NUMBERS = itertools.count()
HERE = Path.cwd()
NAME, _, TREE = HERE.name.partition("+")
FAMILY = """
for i in 1 2 3 4; do sleep 1000 & done
for i in 1 2 3; do setsid sh -c 'sleep 1000 & sleep 1000' & done
for i in 1 2; do ( setsid sh -c 'trap "" TERM HUP INT; sleep 1000 & sleep 1000' & ) ; done
nohup sleep 1000 >/dev/null 2>&1 &
setsid sh -c 'exec >&- 2>&-; trap "" TERM HUP INT; sleep 1000; sleep 1' &
sh -c 'trap "" TERM HUP INT; while :; do sleep 0.05; done' &
wait
"""
"""About 20: plain, in other sessions, double-forked and deaf, with nohup, without stdout, always forking."""


def say(**message: Any) -> None:
    put(json.dumps(message).encode() + b"\n")


def put(data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(1, view) :]


def state(name: str) -> None:
    say(type="system", subtype="session_state_changed", state=name)


def text(words: str, message_id: str = "") -> None:
    say(
        type="assistant",
        message={
            "id": message_id or f"msg-{os.getpid()}-{next(NUMBERS)}",
            "model": "m",
            "content": [{"type": "text", "text": words}],
        },
    )


def delta(words: str) -> None:
    event = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": words}}
    say(type="stream_event", event=event)


def result() -> None:
    say(type="result", subtype="success", is_error=False, terminal_reason="completed")
    state("idle")


def ask(request_id: str, command: str = "make") -> None:
    use = {"type": "tool_use", "id": request_id, "name": "Bash", "input": {"command": command}}
    say(type="assistant", message={"id": f"use-{request_id}", "model": "m", "content": [use]})
    request = {"subtype": "can_use_tool", "tool_name": "Bash", "tool_use_id": request_id, "input": {"command": command}}
    say(type="control_request", request_id=request_id, request=request)


# What may be done wrong: each in a turn, after which the turn ends well if it is not said otherwise


def long_line() -> None:
    chunk = b"x" * MIB
    for _ in range(64):
        put(chunk)
    put(b"\n")


def wide_line() -> None:
    """Few bytes for each of very many values."""
    put(b'{"type": "novelty", "values": [' + b"{}," * (5 * MIB) + b"{}]}\n")


def long_line_that_can_be_read() -> None:
    text("x" * (23 * MIB))
    put(b'{"type": "novelty", "text": "' + b"y" * (23 * MIB) + b'"}\n')


def nuls() -> None:
    put(b"\0" * 1000 + b"\n" + b'{"type": "nov\0elty"}\n' + b"\0\0{}\n")
    text("a\0b")


def bad_utf8() -> None:
    put(b'{"type": "assistant", "message": {"id": "m\xff", "content": [{"type": "text", "text": "\xc3\x28\xff"}]}}\n')
    put(b"\xff\xfe\xfd\n")
    put(b'{"type": "novelty", "text": "\\ud800"}\n')


def much_stderr() -> None:
    chunk = b"e" * MIB
    for _ in range(1024):
        os.write(2, chunk)


def flood() -> None:
    say(type="stream_event", event={"type": "message_start", "message": {"id": "msg-f", "model": "m", "content": []}})
    say(
        type="stream_event",
        event={"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    )
    line = {
        "type": "stream_event",
        "event": {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "ab"}},
    }
    put((json.dumps(line) + "\n").encode() * 100_000)
    text("ab" * 100_000, "msg-f")


def flood_of_unknown() -> None:
    put(b'{"type": "novelty"}\n' * 20_000)


def deep() -> None:
    for depth in (100_000, 1500, 1024, 1000, 990, 900, 500, 300, *range(240, 258)):
        nested = b"[" * depth + b"]" * depth
        put(b'{"type": "novelty", "value": ' + nested + b"}\n")
        head = b'{"type": "assistant", "message": {"id": "d", "model": "m", "content": [{"type": "tool_use", "id": '
        put(head + b'"t%d", "name": "Deep", "input": {"x": ' % depth + nested + b"}}]}}\n")


def numbers() -> None:
    for number in (
        b"1e999",
        b"-1e999",
        b"NaN",
        b"Infinity",
        b"-Infinity",
        b"1e308",
        b"9" * 400,
        b"-1",
        b"1e300",
        b"2.5",
    ):
        put(b'{"type": "novelty", "value": ' + number + b"}\n")
        put(
            b'{"type": "rate_limit_event", "rate_limit_info": {"status": "allowed_warning", "resetsAt": '
            + number
            + b"}}\n"
        )
        put(
            b'{"type": "assistant", "message": {"id": "n", "content": [], "usage": {"input_tokens": '
            + number
            + b', "output_tokens": '
            + number
            + b"}}}\n"
        )
        put(
            b'{"type": "system", "subtype": "api_retry", "attempt": '
            + number
            + b', "retry_delay_ms": '
            + number
            + b"}\n"
        )
    usage = b'"usage": {"input_tokens": 9999999999999999999999}, "total_cost_usd": 1e308, "duration_ms": 1e308, '
    models = b'"modelUsage": {"m": {"inputTokens": 18446744073709551615, "costUSD": 1e308, "contextWindow": 1e308}}'
    put(b'{"type": "result", "subtype": "success", "is_error": false, ' + usage + models + b"}\n")


def duplicates() -> None:
    for _ in range(3):
        text("once", "msg-same")
        say(
            type="assistant",
            message={"id": "u", "content": [{"type": "tool_use", "id": "t1", "name": "Read", "input": {}}]},
        )
        say(
            type="user",
            message={"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "x"}]},
        )
        state("running")


def asks_once() -> None:
    """No misdeed: what it is answered it says."""
    ask("a1")
    answer = wait_for_answer("a1")
    text("denied: " + answer["message"] if answer["behavior"] == "deny" else "allowed")


def asks_the_same_twice() -> None:
    ask("a1")
    ask("a1")
    wait_for_answer("a1")


def answers_to_nobody() -> None:
    for name in ("nobody", "initialize", "interrupt", ""):
        say(type="control_response", response={"subtype": "success", "request_id": name, "response": {}})
    say(type="control_response", response={"subtype": "error", "request_id": "nobody", "error": 5})
    say(type="control_response")
    say(type="control_cancel_request", request_id="nobody")
    say(type="control_request", request_id="q1", request={"subtype": "novelty"})
    say(type="control_request")


def leaves_its_question_open() -> None:
    ask("a1")
    time.sleep(0.3)


def asks_very_much() -> None:
    for number in range(400):
        ask(f"a{number}", command=f"make {number}")


def exits_in_a_line() -> None:
    put(b'{"type": "assis')
    os._exit(3)


def leaves_its_stdout_to_another() -> None:
    subprocess.Popen(["sleep", "1000"], start_new_session=True)
    os._exit(0)


def closes_its_stdout() -> None:
    os.close(1)
    time.sleep(1000)


def ends_its_turn_twice() -> None:
    result()
    result()


def never_reads() -> None:
    """Before the prompt, so that it is not in the pipe already."""
    time.sleep(1000)


def is_stubborn() -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    while True:
        time.sleep(1000)


ONCE = {exits_in_a_line, leaves_its_stdout_to_another, closes_its_stdout, never_reads}
BEFORE_THE_PROMPT = {never_reads}


# The conversation


def misbehaviour() -> Callable[[], None] | None:
    """What it does now, if it is still to be done here."""
    wrong: Callable[[], None] | None = globals().get(NAME)
    if wrong in ONCE:
        done = HERE / "done"
        if done.exists():
            return None
        done.touch()
    return wrong


def reply(message: dict[str, Any], **body: Any) -> None:
    response = {"subtype": "success", "request_id": message["request_id"], "response": body}
    say(type="control_response", response=response)


def wait_for_answer(request_id: str) -> dict[str, Any]:
    for line in sys.stdin:
        message = json.loads(line)
        if message["type"] == "control_response" and message["response"]["request_id"] == request_id:
            answer: dict[str, Any] = message["response"]["response"]
            return answer
    sys.exit()


def on_control(message: dict[str, Any]) -> None:
    match message["request"]["subtype"]:
        case "initialize":
            reply(
                message,
                commands=[],
                models=[{"value": "default", "resolvedModel": "m"}],
                account={"apiKeySource": "KEY"},
            )
            if globals().get(NAME) in BEFORE_THE_PROMPT and (wrong := misbehaviour()):
                wrong()
        case "cancel_async_message":
            reply(message, cancelled=False)
        case _:
            reply(message)


def on_user(message: dict[str, Any]) -> None:
    state("running")
    say(type="system", subtype="init", session_id="native-1", cwd=str(HERE), model="m")
    if (wrong := misbehaviour()) is not None:
        wrong()
    content = message["message"]["content"]
    text(f"heard {len(content if isinstance(content, str) else content[0]['text'])}")
    result()


def main() -> None:
    if "--version" in sys.argv:
        print("2.1.197 (Claude Code)")
        return
    if TREE:
        subprocess.Popen(["sh", "-c", FAMILY], stdin=subprocess.DEVNULL)
    for line in sys.stdin:
        message = json.loads(line)
        match message["type"]:
            case "control_request":
                on_control(message)
            case "user":
                on_user(message)


if __name__ == "__main__":
    main()
