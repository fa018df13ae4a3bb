"""What clients change of a session: its settings, its provider, whether it has a run, what its agent may do."""

from __future__ import annotations

from collections.abc import Callable

from jelmored.domain.failures import Failure
from jelmored.domain.permissions import PermissionMode
from jelmored.domain.sessions import Facts, SessionView
from jelmored.domain.status import Status
from jelmored.errors import ErrorKind, Refused
from jelmored.providers.base import SessionChange
from jelmored.supervision.reports import StopTask

from .agent import foreign
from .agent.hold import RunHold
from .messages import Configure, EndTask, Move, Resolve, Resume, SettleForeign, Suspend
from .moving.suspension import Suspension
from .record.chronicle import Chronicle
from .turn.approvals import Approvals
from .upkeep.closing import Closing
from .work import Work


class Changes:
    """Of one session. Only its task touches this; what can't be is raised as `Refused`.

    Args:
        view: of the session, for the answer.
    """

    def __init__(
        self,
        chronicle: Chronicle,
        approvals: Approvals,
        work: Work,
        hold: RunHold,
        suspension: Suspension,
        closing: Closing,
        view: Callable[[], SessionView],
    ) -> None:
        self._chronicle = chronicle
        self._approvals = approvals
        self._work = work
        self._hold = hold
        self._suspension = suspension
        self._closing = closing
        self._view = view

    @property
    def _facts(self) -> Facts:
        return self._chronicle.facts

    def configure(self, ask: Configure) -> None:
        """What is None stays. The agent is told what it can be told while it works."""
        self._closing.check_open()
        wanted = ask.command
        named = {"title": wanted.title, "name": wanted.name, "pin": wanted.pin, "limits": wanted.limits}
        changed = {key: value for key, value in named.items() if value not in (None, getattr(self._facts, key))}
        former = self._facts.limits
        self._chronicle.know(**changed)
        if self._facts.limits.max_turns != former.max_turns:
            self._work.renew()
        if wanted.model is not None and wanted.model != self._facts.wanted_model:
            self._chronicle.know(wanted_model=wanted.model, routed_model=None, model=None)
            self._chronicle.note("configured", f"model: {wanted.model}, from the next turn on", model=wanted.model)
            self._work.change(SessionChange(model=wanted.model))
        if wanted.permission_mode not in (None, self._facts.permission_mode):
            self._follow(wanted.permission_mode)
        if "limits" in changed:
            self._work.begin_next()  # what has waited for a higher one
        self._chronicle.log.answer(ask.reply, self._view)

    def stop_task(self, ask: EndTask) -> None:
        """End a background task; the answer is whether there is one of this id."""
        known = any(task.task_id == ask.task_id for task in self._hold.background_tasks)
        if known:
            self._hold.post(StopTask(ask.task_id))
        ask.reply.set(known)

    def move(self, ask: Move) -> None:
        """To another provider; between turns only."""
        self._closing.check_open()
        if self._facts.status is Status.SUSPENDED:
            remedy = f"jelmore resume {self._facts.session_id}"
            raise Refused(ErrorKind.WRONG_STATUS, "the session is suspended: resume it first", remedy=remedy)
        if not self._work.free:
            remedy = f"jelmore interrupt {self._facts.session_id}, or wait for its end; then again"
            raise Refused(ErrorKind.BUSY, "a turn runs: it would be cut", remedy=remedy)
        route = ask.choose(self._facts)
        if ask.model is not None:
            self._chronicle.know(wanted_model=ask.model)
        self._work.move(route, lambda failure: self._answer_move(ask, failure))

    def _answer_move(self, ask: Move, failure: Failure | None) -> None:
        if failure is None:
            self._chronicle.log.answer(ask.reply, self._view)
        else:
            ask.reply.fail(Refused(failure.kind, failure.message))

    def suspend(self, ask: Suspend) -> None:
        """End the run; the answer is the state."""
        if self._closing.under_way:
            raise Refused(ErrorKind.WRONG_STATUS, "the session is just being closed")
        self._suspension.begin(ask)

    def resume(self, ask: Resume) -> None:
        """It is open again, if it was not."""
        if self._closing.under_way:
            raise Refused(ErrorKind.BUSY, "the session is just being closed; try again in a moment")
        self._suspension.check_over()
        self._suspension.resume()
        if not ask.keep_name:
            self._chronicle.know(name=None)
        self._chronicle.log.answer(ask.reply, self._view)

    def settle_foreign(self, ask: SettleForeign) -> None:
        """What waits for the decision goes on."""
        self._closing.check_open()
        foreign.settle(self._chronicle, ask)
        self._work.begin_next()
        self._chronicle.log.answer(ask.reply, self._view)

    def resolve(self, ask: Resolve) -> None:
        """A decision about what the agent waits on."""
        outcome = self._approvals.resolve(ask.command, ask.by)
        if outcome.answer.interrupt:
            self._work.end_with_answer()
        if outcome.mode is not None and outcome.mode is not self._facts.permission_mode:
            self._follow(outcome.mode)
        if outcome.rule is not None:
            self._approvals.review()
        self._chronicle.log.answer(ask.reply, lambda: outcome.approval)

    def _follow(self, mode: PermissionMode) -> None:
        """The policy is another one from now on."""
        self._chronicle.know(permission_mode=mode)
        self._chronicle.note("configured", f"permission mode: {mode}", permissionMode=mode)
        self._work.change(SessionChange(permission_mode=mode))
        self._approvals.review()
