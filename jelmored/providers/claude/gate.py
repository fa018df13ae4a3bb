"""What our policy refuses for certain, before a tool runs: also where claude would not ask, for its own settings allow
it. What is not refused here is asked as usual, where claude asks."""

from __future__ import annotations

import os
from collections.abc import Sequence

import attrs

from jelmored.domain.permissions import PermissionMode, PermissionRequest, Rule, ToolKind, Verdict

CHANGES = frozenset({ToolKind.EDIT, ToolKind.DELETE, ToolKind.MOVE})

NO_TOOLS = "The user allows no tools in this session."
ONLY_PLANS = "The user wants a plan and no changes yet. Change no files before the plan has been approved."


@attrs.define
class Gate:
    """The policy of a session, as it is now.

    Args:
        mode: the session's.
        rules: what was answered with "always"; only those that deny count here.
        plans: where the agent keeps its plans, absolute: it may write there while it plans.
    """

    mode: PermissionMode
    rules: Sequence[Rule]
    plans: str

    def objection(self, request: PermissionRequest) -> str | None:
        """Why this tool may not run, for the agent to read. None: nothing is against it for certain."""
        for rule in self.rules:
            if rule.verdict is Verdict.DENY and rule.covers(request):
                return f"The user has always rejected this ({rule.scope})."
        match self.mode:
            case PermissionMode.DENY if not request.questions:
                return NO_TOOLS
            case PermissionMode.PLAN if request.kind in CHANGES and not self._is_plan(request):
                return ONLY_PLANS
        return None

    def _is_plan(self, request: PermissionRequest) -> bool:
        inside = (os.path.dirname(place.path) == self.plans for place in request.locations)
        return bool(request.locations) and all(inside)
