"""What a session is told: asks of clients, and what it hears of its run."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import attrs

from jelmored.actors.mailbox import Ask, Tell
from jelmored.domain.commands import ConfigureSession, PromptReceipt, ResolveApproval, WhenBusy
from jelmored.domain.events import BlockNote
from jelmored.domain.handoff import Handoff
from jelmored.domain.ids import Epoch, PromptId
from jelmored.domain.permissions import Approval
from jelmored.domain.prompts import Author, Prompt
from jelmored.domain.sessions import Facts, LogPoint, SessionView
from jelmored.domain.times import utc_now
from jelmored.errors import ErrorKind, Refused
from jelmored.journal.base import Attachment, StoredKey
from jelmored.providers.base import PastTurn
from jelmored.supervision.reports import Report
from jelmored.wire import codec
from jelmored.wire.states import Document

from .agent.handover import Handover
from .agent.router import Route


@attrs.frozen
class KeyClaim:
    """A requestKey, with a digest of what is asked under it."""

    key: str
    digest: str

    def kept(self, answer: bytes) -> StoredKey:
        return StoredKey(self.key, self.digest, answer, utc_now())

    def answer_of(self, kept: StoredKey) -> PromptReceipt:
        """The first answer again.

        Raises:
            Refused: `key-reused`, when something else was asked under the key.
        """
        self.check(kept)
        return codec.decode(kept.answer, PromptReceipt)

    def check(self, kept: StoredKey) -> None:
        if kept.digest != self.digest:
            raise Refused(ErrorKind.KEY_REUSED, f"requestKey {self.key!r} was used for something else")


@attrs.frozen(eq=False, kw_only=True)
class Admit(Ask[PromptReceipt]):
    """A prompt. `claim`: its requestKey, remembered with the answer."""

    prompt: Prompt
    notes: tuple[BlockNote, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    when_busy: WhenBusy = WhenBusy.QUEUE
    claim: KeyClaim | None = None


@attrs.frozen(eq=False, kw_only=True)
class Cut(Ask[bool]):
    """Interrupt the turn."""

    drop_queue: bool
    expected_turn: int | None


@attrs.frozen(eq=False, kw_only=True)
class Unqueue(Ask[tuple[Prompt, ...]]):
    prompt_id: PromptId


@attrs.frozen(eq=False, kw_only=True)
class Resolve(Ask[Approval]):
    command: ResolveApproval
    by: Author


@attrs.frozen(eq=False, kw_only=True)
class Configure(Ask[SessionView]):
    """Change what may be changed."""

    command: ConfigureSession


@attrs.frozen(eq=False, kw_only=True)
class EndTask(Ask[bool]):
    """End a background task of the agent."""

    task_id: str


@attrs.frozen(eq=False, kw_only=True)
class Move(Ask[SessionView]):
    """Go to another provider.

    Args:
        choose: where; asked only of a session that may be moved now.
        model: as the client asked for it; None: as before.
    """

    choose: Callable[[Facts], Route]
    model: str | None = None


@attrs.frozen(eq=False, kw_only=True)
class SettleForeign(Ask[SessionView]):
    """A person has decided what counts where somebody else has gone on with the agent's own session.

    Args:
        accept: what the agent knows now; else it begins anew with what we know.
        turns: what the agent knows more; the latest, where it is very much.
        skipped: turns before those.
    """

    accept: bool
    turns: tuple[PastTurn, ...] = ()
    skipped: int = 0


@attrs.frozen(eq=False, kw_only=True)
class Close(Ask[SessionView]):
    """End the session for good; its log stays."""


@attrs.frozen(eq=False, kw_only=True)
class Suspend(Ask[Document]):
    """End the run; the answer is the state."""


@attrs.frozen(eq=False, kw_only=True)
class StandAside(Ask[None]):
    """End the run and your task, and record nothing: what has happened elsewhere is about to be put behind your log.

    Args:
        at: where your log has to stand.
    """

    at: LogPoint


@attrs.frozen(eq=False, kw_only=True)
class Export(Ask[Document]):
    """The state as it is now, whatever runs."""


@attrs.frozen(eq=False, kw_only=True)
class Resume(Ask[SessionView]):
    """Open the session again. `keep_name`: nobody else goes by its name."""

    keep_name: bool = True


@attrs.frozen(eq=False)
class StateMade(Tell):
    """A state has been made while no agent was there: one may be started again."""


@attrs.frozen(eq=False, kw_only=True)
class Expire(Ask[bool]):
    """End the session if nobody has used it since `before`; false if somebody has, or still does."""

    before: datetime


@attrs.frozen(eq=False)
class Heard(Tell):
    """Its run tells."""

    report: Report


@attrs.frozen(eq=False)
class RestartDue(Tell):
    """The pause before another try with the agent is over."""

    epoch: Epoch


@attrs.frozen(eq=False)
class Handed(Tell):
    """What the next agent is to be told is made."""

    handover: Handover
    handoff: Handoff | None


@attrs.frozen(eq=False)
class GoOn(Tell):
    """Turns may begin: go on with what waits."""


@attrs.frozen(eq=False)
class TurnDue(Tell):
    """The turn in hand may have had its time."""


@attrs.frozen(eq=False)
class Rest(Tell):
    """End your task if nothing is in hand."""


Message = (
    Admit
    | Cut
    | Unqueue
    | Resolve
    | Configure
    | EndTask
    | Move
    | SettleForeign
    | Suspend
    | StandAside
    | Export
    | Resume
    | StateMade
    | Close
    | Expire
    | Heard
    | RestartDue
    | Handed
    | GoOn
    | TurnDue
    | Rest
)
