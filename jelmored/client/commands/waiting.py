"""`queue`, `tasks`: what waits for a turn to end, and what outlived one."""

from __future__ import annotations

from jelmored.client.exits import Exit
from jelmored.client.picking import one, pick_session
from jelmored.client.shell import Shell
from jelmored.client.terminal.labels import label
from jelmored.client.terminal.tables import table

PROMPTS = ("PROMPT", "BY", "TEXT")
TASKS = ("TASK", "WHAT")


async def queue(shell: Shell, *, session: str | None, drop: str | None) -> Exit:
    """The prompts that wait, in their order; with `drop` one of them waits no more."""
    async with shell.client() as client:
        target = await pick_session(client, session, shell.real_cwd())
        prompts = await target.queue()
        if drop is not None:
            prompts = await target.unqueue(one("prompt", drop, prompts, lambda prompt: prompt.prompt_id).prompt_id)
    if shell.json:
        shell.give({"prompts": prompts})
    elif prompts:
        rows = [(prompt.prompt_id, prompt.by.client, prompt.prompt) for prompt in prompts]
        shell.say(table(PROMPTS, rows, shell.columns))
    else:
        shell.note(f"{label(target.view)}: no prompt waits")
    return Exit.OK


async def tasks(shell: Shell, *, session: str | None, stop: str | None) -> Exit:
    """What the agent left running; with `stop` one of them is ended."""
    async with shell.client() as client:
        target = await pick_session(client, session, shell.real_cwd())
        running = await target.tasks()
        if stop is not None:
            task = one("task", stop, running, lambda task: task.task_id)
            return _stopped(shell, task.task_id, stopped=await target.stop_task(task.task_id))
    if shell.json:
        shell.give({"tasks": running})
    elif running:
        shell.say(table(TASKS, [(task.task_id, task.title) for task in running], shell.columns))
    else:
        shell.note(f"{label(target.view)}: nothing runs in the background")
    return Exit.OK


def _stopped(shell: Shell, task_id: str, *, stopped: bool) -> Exit:
    if shell.json:
        shell.give({"taskId": task_id, "stopped": stopped})
    else:
        shell.note(f"{task_id}: {'stopped' if stopped else 'had ended by itself'}")
    return Exit.OK
