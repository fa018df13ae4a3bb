"""Turns that several tests play."""

from __future__ import annotations

import trio

from .daemon import Turn


async def asks(turn: Turn) -> None:
    """Thinks, says something, asks to run a command, runs it or not, and says that."""
    await turn.thinks("I should look ", "first.")
    await turn.says("Running ", "the tests.")
    tool = await turn.uses("execute", "Bash", "Bash: npm test")
    option = await turn.asks(tool, "Bash: npm test", command="npm test", toolName="Bash", input={"command": "npm test"})
    await turn.gets(tool, "12 passed\nall well" if option != "reject" else "denied", is_error=option == "reject")
    await turn.says("All green." if option != "reject" else "Then not.")
    await turn.ends()


async def reads(turn: Turn) -> None:
    """Asks twice: to read, then to write."""
    tool = await turn.uses("read", "Read", "Read: a.py")
    first = await turn.asks(tool, "Read a.py")
    tool = await turn.uses("edit", "Edit", "Edit: a.py")
    second = await turn.asks(tool, "Edit a.py")
    await turn.says(f"{first}, {second}")
    await turn.ends()


async def streams(turn: Turn) -> None:
    """Is in the middle of an answer, for ever."""
    turn.session.delta("itm", "# The plan\n\nFirst **look** at `a.py`, which is where the trouble seems to be, then\n")
    turn.session.delta("itm", "- write a test that fails, so that what is **wrong** can be seen before it is mended\n")
    turn.session.delta("itm", "- mend it\n\n```python\ndef f(x):\n    return  x\n```\n\nAnd so the unfinished li")
    await trio.sleep_forever()


async def edits(turn: Turn) -> None:
    """Asks to edit a file, and does so."""
    old = "".join(f"line {number}\n" for number in range(1, 12))
    diff = {"path": "/w/src/a.py", "oldText": old, "newText": old.replace("line 5\n", "line five\nand a half\n")}
    asked = {"file_path": "/w/src/a.py", "old_string": "line 5", "new_string": "line five\nand a half"}
    tool = await turn.uses("edit", "Edit", "Edit: src/a.py", input=asked)
    more = {"toolName": "Edit", "input": asked, "diffs": [diff], "locations": [{"path": "/w/src/a.py", "line": 5}]}
    option = await turn.asks(tool, "Edit: src/a.py", **more)
    turn.session.tell(
        "tool_result",
        "edited" if option == "allow" else "rejected",
        {"toolUseId": tool, "isError": option != "allow", "diffs": [diff] if option == "allow" else []},
    )
    await turn.says("Edited." if option == "allow" else "As you say.")
    await turn.ends()


QUESTIONS = [
    {
        "id": "q1",
        "header": "Library",
        "question": "Which library shall it use?",
        "options": [{"label": "httpx", "description": "sync and async"}, {"label": "requests"}],
        "multiSelect": False,
    },
    {
        "id": "q2",
        "header": "Features",
        "question": "Which of these are wanted?",
        "options": [{"label": "retries"}, {"label": "proxies", "description": "by environment"}, {"label": "cookies"}],
        "multiSelect": True,
    },
    {"id": "q3", "header": "Name", "question": "What is it called?", "options": [], "multiSelect": False},
]


async def wonders(turn: Turn) -> None:
    """Asks three questions: a single choice, a multiple one, and one for words."""
    tool = await turn.uses("other", "AskUserQuestion", "AskUserQuestion: Which library shall it use?")
    await turn.asks(tool, "The agent asks", kind="question", questions=QUESTIONS)
    await turn.gets(tool, "answered")
    await turn.says("I see.")
    await turn.ends()


async def plans(turn: Turn) -> None:
    """Asks to leave planning, with options of its own."""
    tool = await turn.uses("other", "ExitPlanMode", "ExitPlanMode")
    options = [
        {"optionId": "each", "name": "Begin, and ask for each edit", "kind": "allow_once"},
        {"optionId": "edits", "name": "Begin, edits allowed", "kind": "allow_once", "scope": "in this session"},
        {"optionId": "all", "name": "Begin, all allowed", "kind": "allow_once", "scope": "until you change it"},
        {"optionId": "reject", "name": "Go on planning", "kind": "reject_once"},
    ]
    chosen = await turn.asks(tool, "The plan", input={"plan": "1. look\n2. act"}, options=options)
    await turn.gets(tool, chosen)
    await turn.ends()


async def delegates(turn: Turn) -> None:
    """A sub-agent works, and says things that are not the answer; the plan changes; one tool never ends."""
    steps = ["look", "ask", "write", "test"]
    for done in range(3):
        entries = [
            {
                "content": f"{step} around",
                "status": "completed" if at < done else "in_progress" if at == done else "pending",
            }
            for at, step in enumerate(steps)
        ]
        turn.session.tell("plan", f"{done} of 4 done", {"entries": entries})
    task = await turn.uses("think", "Task", "Task: look around", input={"prompt": "look"})
    first = await turn.uses("read", "Read", "Read: a.py", parentToolUseId=task, input={"file_path": "a.py"})
    await turn.gets(first, "\n".join(f"line {number}" for number in range(1, 40)))
    turn.session.tell("assistant", "I found it.\nIt is here.", {"itemId": "sub", "parentToolUseId": task})
    second = await turn.uses("execute", "Bash", "Bash: grep -r x", parentToolUseId=task, input={"command": "grep -r x"})
    await turn.gets(second, "nothing", is_error=True)
    await turn.gets(task, "All is well.\nReally.")
    await turn.uses("execute", "Bash", "Bash: sleep 1000", input={"command": "sleep 1000"})
    await turn.says("Now I wait.")
    turn.session.view["backgroundTasks"] = 2
    turn.session.status("active")
    await trio.sleep_forever()


async def writes_widely(turn: Turn) -> None:
    """Wide, joined, right-to-left."""
    await turn.says(
        "日本語のテキストは二桁の幅があり、ここで折り返します。", "👩\u200d🚀 joined, ", "✈\ufe0f plane, שלום.\n"
    )
    tool = await turn.uses(
        "execute", "Bash", "Bash: echo 日本語のテキスト日本語のテキスト日本語のテキスト日本語のテキスト"
    )
    await turn.gets(tool, "👩\u200d👩\u200d👧\u200d👦 family")
    await turn.ends()


async def works(turn: Turn) -> None:
    """Never ends by itself."""
    await turn.says("On it.")
    await trio.sleep_forever()


async def fails(turn: Turn) -> None:
    turn.session.tell("error", "not logged in", {"kind": "auth-required", "retryable": False, "remedy": "log in"})
    await turn.ends("failed", cause="no_provider")


async def attacks(turn: Turn) -> None:
    """Tries to steer the terminal by every way that text takes."""
    await turn.says("\x1b[2J\x1b]0;owned\x07", "\x9b31m\u202e")
    tool = await turn.uses("execute", "\x1b[8mBash", "ls\x1b[1A\r\x1b[Krm")
    await turn.asks(tool, "\x1b[31mBash\n┃ ✓ allowed", command="rm -rf / \x1b[8m#\x1b[1A")
    await turn.gets(tool, "\x1b[?1049h\x1b]52;c;eA==\x07")
    await turn.ends()
