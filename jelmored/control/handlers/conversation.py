"""What clients do in one session: prompts, interrupts, background tasks, its events and its approvals."""

from __future__ import annotations

import orjson

from jelmored.control import subscribing
from jelmored.control.method import Caller
from jelmored.domain.commands import CompactSession, Interrupt, PromptReceipt, ResolveApproval, SendPrompt
from jelmored.domain.events import BlockNote
from jelmored.domain.permissions import Approval
from jelmored.domain.prompts import Block, DocumentBlock, FileBlock, ImageBlock, Prompt, TextBlock
from jelmored.errors import ErrorKind, Refused
from jelmored.wire import messages as m

from .checks import check_limit, check_one


async def prompt(caller: Caller, params: SendPrompt) -> PromptReceipt:
    """Say something to the agent. Answers when the prompt is on the disk. `seq` is that of its `user` event; `turn` is
    there if it has started one, or is to steer one. `whenUnavailable`: when no provider can take it now, it waits in
    the queue, also over a restart (`wait`), or its turn fails, also for the lack of a place (`fail`); left out, it
    waits for a place only."""
    return await caller.services.directory.prompt(params, caller.principal.author)


def queue(caller: Caller, params: m.OneSession) -> m.PromptQueue:
    """The prompts that wait, next one first."""
    return _queue(caller.services.directory.queue(params.session_id))


async def unqueue(caller: Caller, params: m.Unqueue) -> m.PromptQueue:
    """Take a waiting prompt back; the answer is what still waits."""
    directory = caller.services.directory
    return _queue(await directory.unqueue(params.session_id, params.prompt_id, caller.principal.author))


async def interrupt(caller: Caller, params: Interrupt) -> m.Interrupted:
    """End the turn that runs, and drop what waits. `false`: none runs, or another than `expectedTurn`. Answers at
    once; `turn_ended` follows."""
    interrupted = await caller.services.directory.interrupt(params, caller.principal.author)
    return m.Interrupted(interrupted=interrupted)


async def compact(caller: Caller, params: CompactSession) -> m.Compacting:
    """Have the agent make its memory of the conversation shorter, in a turn of its own behind what waits; `system`
    `compacted` tells the figures. `invalid-request` where the agent can't."""
    return m.Compacting(prompt_id=await caller.services.directory.compact(params, caller.principal.author))


def tasks(caller: Caller, params: m.OneSession) -> m.TaskList:
    """What the agent runs in the background now."""
    return m.TaskList(tasks=caller.services.directory.tasks(params.session_id))


async def stop_task(caller: Caller, params: m.OneTask) -> m.TaskStopped:
    """End a background task; a `system` event `background_task` tells its end. `false`: there is none of this id."""
    directory, author = caller.services.directory, caller.principal.author
    return m.TaskStopped(stopped=await directory.end_task(params.session_id, params.task_id, author))


def subscribe(caller: Caller, params: m.Subscribe) -> m.Subscribed | m.SubscribedAll:
    """Follow a session from behind `after` on; section 4 of the protocol page. The second result is that of
    `sessionId: "*"`, all of them."""
    return subscribing.subscribe(params, caller.services.directory.hub, caller.outbound)


def unsubscribe(caller: Caller, params: m.OneSession) -> m.Nothing:
    """Follow it no more; with `sessionId: "*"`, none. Nothing of it comes behind the reply."""
    subscribing.unsubscribe(params.session_id, caller.services.directory.hub, caller.outbound)
    return m.Nothing()


async def history(caller: Caller, params: m.ReadHistory) -> m.History:
    """A page of events with `after` < `seq` < `before`, in order: the first ones, or with `before` the last ones. A
    page has 1 to `limit` (1–500) events and ends at 4 MiB."""
    check_limit(params.limit)
    for field, value in (("after", params.after), ("before", params.before)):
        if value is not None and value < 0:
            raise Refused(ErrorKind.INVALID_PARAMS, f"{field} is a number from 0 on", field=field)
    page = await caller.services.directory.history(
        params.session_id, after=params.after, before=params.before, limit=params.limit
    )
    return m.History(events=tuple(orjson.Fragment(entry.body) for entry in page.entries), has_more=page.has_more)


def approvals(caller: Caller, params: m.FindApprovals) -> m.ApprovalList:
    """Open approvals, oldest first."""
    return m.ApprovalList(approvals=caller.services.directory.approvals(params.session_id))


async def resolve(caller: Caller, params: ResolveApproval) -> Approval:
    """Answer what an agent waits on: exactly one of `optionId`, `answers`, `cancelled`. A rejection, or `cancelled`,
    tells the agent your `message`, and with `interrupt` ends the turn; `updatedInput` replaces the tool's input. Too
    late: `already-resolved`. Of a question: `answers` by question id, each a list of labels or words of your own, one
    unless `multiSelect`; or its option to decline. What does not fit is refused (`approval-invalid`) and the approval
    stays open."""
    check_one({
        "optionId": params.option_id is not None,
        "answers": params.answers is not None,
        "cancelled": params.cancelled,
    })
    return await caller.services.directory.resolve(params, caller.principal.author)


def _queue(prompts: tuple[Prompt, ...]) -> m.PromptQueue:
    return m.PromptQueue(prompts=tuple(map(_queued, prompts)))


def _queued(prompt: Prompt) -> m.QueuedPrompt:
    plain = all(isinstance(block, TextBlock) for block in prompt.blocks)
    blocks = () if plain else tuple(map(_note, prompt.blocks))
    return m.QueuedPrompt(prompt_id=prompt.prompt_id, prompt=prompt.text, blocks=blocks, by=prompt.by)


def _note(block: Block) -> BlockNote:
    match block:
        case ImageBlock(mime_type=mime_type) | DocumentBlock(mime_type=mime_type):
            return BlockNote(type=block.type, mime_type=mime_type)
        case FileBlock(path=path):
            return BlockNote(type=block.type, path=path)
        case TextBlock():
            return BlockNote(type=block.type)
