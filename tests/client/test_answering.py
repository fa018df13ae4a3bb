from __future__ import annotations

from typing import Any

import pytest

from jelmored.client.answering import ALLOWED, REJECTED, UNASKED, Answering, Approve, Verdict
from jelmored.domain.ids import ToolUseId
from jelmored.domain.permissions import Approval, OptionKind, ToolKind
from jelmored.wire import codec

from .daemon import FakeDaemon, approval_of

KINDS = {ToolUseId("reader"): ToolKind.READ, ToolUseId("writer"): ToolKind.EDIT}


def approval(tool: str | None = "writer", **more: Any) -> Approval:
    session = FakeDaemon(runtime=None).add()  # type: ignore[arg-type]
    known = {} if tool is None else {"toolUseId": tool}
    return codec.from_json(approval_of(session, "apr_1", "Edit", **known, **more), Approval)


@pytest.mark.parametrize(
    ("approve", "tool", "at_terminal", "without"),
    [
        (None, "writer", None, UNASKED),
        (Approve.ALL, "writer", ALLOWED, ALLOWED),
        (Approve.NONE, "reader", REJECTED, REJECTED),
        (Approve.READS, "reader", ALLOWED, ALLOWED),
        (Approve.READS, "writer", None, UNASKED),
        (Approve.READS, "never heard of", None, UNASKED),
        (Approve.READS, None, None, UNASKED),
    ],
)
def test_who_answers(
    approve: Approve | None, tool: str | None, at_terminal: Verdict | None, without: Verdict | None
) -> None:
    assert Answering(approve, somebody=True).verdict(approval(tool), KINDS) == at_terminal
    assert Answering(approve, somebody=False).verdict(approval(tool), KINDS) == without


def test_a_question_is_never_answered_beforehand() -> None:
    question = approval(kind="question")
    assert Answering(Approve.ALL, somebody=True).verdict(question, KINDS) is None
    assert Answering(Approve.ALL, somebody=False).verdict(question, KINDS) is UNASKED


def test_a_rejection_tells_the_agent_why() -> None:
    assert ALLOWED.message is None
    assert all(verdict.message and verdict.kind is OptionKind.REJECT_ONCE for verdict in (REJECTED, UNASKED))
