"""Who answers the approvals of a conversation that is watched: the person at the keys, or what they said beforehand."""

from __future__ import annotations

import enum
from collections.abc import Mapping

import attrs

from jelmored.domain.ids import ToolUseId
from jelmored.domain.permissions import HARMLESS, Approval, ApprovalKind, OptionKind, ToolKind


class Approve(enum.StrEnum):
    """`--approve`: what is answered without asking."""

    ALL = "all"
    READS = "reads"
    NONE = "none"


@attrs.frozen
class Verdict:
    """An answer that needs no key. `words` say to a person why; `unasked`: only because nobody could be asked."""

    kind: OptionKind
    words: str
    unasked: bool = False

    @property
    def message(self) -> str | None:
        """What the agent is told."""
        return None if self.kind is OptionKind.ALLOW_ONCE else self.words


ALLOWED = Verdict(OptionKind.ALLOW_ONCE, "allowed by --approve")
REJECTED = Verdict(OptionKind.REJECT_ONCE, "rejected by --approve none")
UNASKED = Verdict(
    OptionKind.REJECT_ONCE,
    "rejected: there is no terminal to ask at; --approve all or reads allows it beforehand",
    unasked=True,
)


@attrs.frozen
class Answering:
    """The rule.

    Args:
        approve: what was said beforehand.
        somebody: a person can be asked.
    """

    approve: Approve | None
    somebody: bool

    def verdict(self, approval: Approval, kinds: Mapping[ToolUseId, ToolKind]) -> Verdict | None:
        """The answer to give at once; None: a person is asked. To a question nobody else knows the answer."""
        if approval.kind is ApprovalKind.PERMISSION:
            if self.approve is Approve.ALL or (self.approve is Approve.READS and _reads(approval, kinds)):
                return ALLOWED
            if self.approve is Approve.NONE:
                return REJECTED
        return None if self.somebody else UNASKED


def _reads(approval: Approval, kinds: Mapping[ToolUseId, ToolKind]) -> bool:
    return approval.tool_use_id is not None and kinds.get(approval.tool_use_id) in HARMLESS
