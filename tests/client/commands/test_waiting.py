from __future__ import annotations

from jelmored.client.exits import Exit
from tests.client.daemon import FakeDaemon
from tests.client.machine import Machine

BY = {"connectionId": "con_1", "client": "jelmore"}


async def test_the_queue_and_a_prompt_that_is_dropped(daemon: FakeDaemon, machine: Machine) -> None:
    session = daemon.add(1, name="job")
    assert (await machine.jelmore("queue", "job")).err == "ses_aaaa (job): no prompt waits\n"
    session.prompts = [{"promptId": f"prm_{number}", "prompt": f"do {number}\nnow", "by": BY} for number in (1, 2)]
    assert (await machine.jelmore("queue", "job")).out == (
        "PROMPT  BY       TEXT\nprm_1   jelmore  do 1 now\nprm_2   jelmore  do 2 now\n"
    )
    assert (await machine.jelmore("queue", "job", "--drop", "prm_1")).out.splitlines()[1:] == [
        "prm_2   jelmore  do 2 now"
    ]
    doubt = await machine.jelmore("queue", "job", "--drop", "prm_9")
    assert (doubt.code, doubt.err) == (Exit.REFUSED, "jelmore: no prompt goes by 'prm_9'; there is prm_2\n")
    assert (await machine.jelmore("queue", "job", "--drop", "p", "--json")).json == {"prompts": []}


async def test_tasks_and_one_that_is_stopped(daemon: FakeDaemon, machine: Machine) -> None:
    session = daemon.add(1, name="job")
    assert (await machine.jelmore("tasks", "job")).err == "ses_aaaa (job): nothing runs in the background\n"
    session.tasks = [{"taskId": "b1", "title": "npm run dev"}, {"taskId": "c1", "title": "tail -f log"}]
    assert (await machine.jelmore("tasks", "job")).out == "TASK  WHAT\nb1    npm run dev\nc1    tail -f log\n"
    assert (await machine.jelmore("tasks", "job", "--stop", "b")).err == "b1: stopped\n"
    assert (await machine.jelmore("tasks", "job", "--stop", "c1", "--json")).json == {"taskId": "c1", "stopped": True}
    assert (await machine.jelmore("tasks", "job", "--json")).json == {"tasks": []}
    gone = await machine.jelmore("tasks", "job", "--stop", "b1")
    assert gone.err == "jelmore: no task goes by 'b1'; there is none\n"
