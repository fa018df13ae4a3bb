"""How a prompt comes in: it is recorded, and starts a turn, steers the one in hand, or waits."""

from __future__ import annotations

from collections import OrderedDict
from typing import Literal

from jelmored.domain.commands import PromptReceipt, WhenBusy
from jelmored.domain.events import Draft, EventType, UserNote
from jelmored.domain.ids import new_prompt_id
from jelmored.domain.prompts import Author, Prompt, WhenUnavailable
from jelmored.domain.sessions import Facts
from jelmored.domain.status import Status
from jelmored.errors import ErrorKind, Refused
from jelmored.journal.base import StoredKey
from jelmored.wire import codec

from .messages import Admit, KeyClaim
from .moving.suspension import Suspension
from .record.chronicle import Chronicle
from .turn.allowance import Allowance
from .turn.attachments import Examined
from .turn.intake import Intake
from .turn.purse import over_budget
from .turn.queue import PromptQueue
from .upkeep.closing import Closing
from .work import Work

KEYS = 256  # requestKeys of prompts that were just admitted

Fate = Literal["started", "queued", "steered"]
"""What becomes of a prompt when it is admitted."""


class Admission:
    """To one session. Only its task touches this.

    Args:
        allowance: refuses where nothing more may be spent.
        intake: tells whether a prompt waits because no turns begin.
        closing: refuses where the session ends.
    """

    def __init__(
        self,
        chronicle: Chronicle,
        queue: PromptQueue,
        work: Work,
        allowance: Allowance,
        intake: Intake,
        suspension: Suspension,
        closing: Closing,
    ) -> None:
        self._chronicle = chronicle
        self._queue = queue
        self._work = work
        self._allowance = allowance
        self._intake = intake
        self._suspension = suspension
        self._closing = closing
        self._keys: OrderedDict[str, StoredKey] = OrderedDict()

    @property
    def _facts(self) -> Facts:
        return self._chronicle.facts

    def admit(self, ask: Admit) -> None:
        """Its receipt is the answer, once it is durable.

        Raises:
            Refused: `wrong-status`, `budget-exceeded`, `busy`, `queue-full`.
        """
        if ask.claim is not None and (kept := self._keys.get(ask.claim.key)) is not None:
            receipt = ask.claim.answer_of(kept)  # what it admitted may not be durable yet
            self._chronicle.log.answer(ask.reply, lambda: receipt)
            return
        self._check_welcome(ask)
        if self._facts.status is Status.SUSPENDED:
            self._suspension.resume()
        receipt = self._welcome(ask)
        if ask.claim is not None:
            key = ask.claim.kept(codec.encode(receipt))
            self._remember(key)
            self._chronicle.log.keep(keys=(key,))
        self._chronicle.log.answer(ask.reply, lambda: receipt)

    def _remember(self, key: StoredKey) -> None:
        """Until the journal has it, and a little longer; then it is looked up there."""
        self._keys[key.key] = key
        if len(self._keys) > KEYS:
            self._keys.popitem(last=False)

    def _check_welcome(self, ask: Admit) -> None:
        self._closing.check_open()
        self._check_budget()
        turn = self._work.turn
        if turn is not None and ask.when_busy is WhenBusy.REFUSE:
            raise Refused(ErrorKind.BUSY, f"turn {turn.number} runs, and whenBusy says to refuse")
        if self._fate(ask) != "started":
            self._queue.check_room()

    def _check_budget(self) -> None:
        if (no := self._allowance.verdict) is not None:
            raise over_budget(no)

    def _fate(self, ask: Admit) -> Fate:
        """It goes behind a turn, or behind prompts that a failure or a restart has left waiting, unless it steers."""
        steers = ask.when_busy is WhenBusy.STEER and not ask.prompt.is_command
        if steers and self._work.steerable:
            return "steered"
        waits = not self._work.may_begin or len(self._queue) > 0 or self._work.parking.refusal(ask.prompt) is not None
        return "queued" if waits else "started"

    def _welcome(self, ask: Admit) -> PromptReceipt:
        """The prompt is in: recorded, and started, queued, or given to the agent that works."""
        prompt, fate, turn = ask.prompt, self._fate(ask), self._work.turn
        note = UserNote(prompt_id=prompt.prompt_id, disposition=fate, blocks=ask.notes, by=prompt.by)
        current = turn.number if turn else None
        number = {"started": self._facts.turn + 1, "queued": None, "steered": current}[fate]
        seq = self._chronicle.record_in(number, Draft(EventType.USER, prompt.text, note))
        self._chronicle.log.keep(attachments=ask.attachments)
        if self._facts.title is None:
            self._chronicle.know(title=_title(prompt.text))
        match fate:
            case "started":
                self._queue.start(prompt, ask.notes)
                self._work.begin(prompt)
            case "steered":
                self._queue.give(prompt, ask.notes)
                self._work.steer(prompt)
            case "queued":
                self._enqueue(ask)
        return PromptReceipt(prompt_id=prompt.prompt_id, disposition=fate, turn=number, seq=seq)

    def _enqueue(self, ask: Admit) -> None:
        busy = self._work.turn is not None
        at_once = busy and ask.when_busy is WhenBusy.INTERRUPT
        self._queue.add(ask.prompt, ask.notes, first=at_once)
        if at_once:
            self._work.interrupt()
        elif not busy:
            self._note_waiting()
            self._work.begin_next()

    def _note_waiting(self) -> None:
        if self._intake.draining:
            self._chronicle.note("draining", "the daemon begins no turns now, for it is to stop: the prompt waits")


def _title(text: str) -> str:
    line = text.strip().partition("\n")[0]
    return line if len(line) <= 60 else line[:59] + "…"


def admission_of(
    examined: Examined,
    by: Author,
    *,
    when_busy: WhenBusy = WhenBusy.QUEUE,
    claim: KeyClaim | None = None,
    compacts: bool = False,
    when_unavailable: WhenUnavailable | None = None,
) -> Admit:
    """A prompt as its session is asked to take it in."""
    prompt = Prompt(
        prompt_id=new_prompt_id(),
        blocks=examined.blocks,
        by=by,
        compacts=compacts,
        when_unavailable=when_unavailable,
    )
    return Admit(
        prompt=prompt,
        notes=examined.notes,
        attachments=examined.attachments,
        when_busy=when_busy,
        claim=claim,
    )
