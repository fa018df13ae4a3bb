"""Conversations as they are read: what is told, and the text that is to be seen, which stands in `expected/`."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from jelmored.client.outputs import ConnectionLost, Output, read_event
from jelmored.client.terminal.questions import answers
from jelmored.client.terminal.spans import Span
from jelmored.client.terminal.text import harmless
from jelmored.client.terminal.transcript import Transcript
from jelmored.domain.events import DeltaKind
from jelmored.domain.ids import ConnectionId, ItemId, SessionId
from jelmored.domain.permissions import Approval
from jelmored.domain.sessions import SessionView
from jelmored.wire import codec
from jelmored.wire.messages import CaughtUp, ItemVoided, SessionDelta
from tests.client.daemon import MOMENT, FakeDaemon, approval_of
from tests.client.expected import check

SESSION = SessionId("ses_aaaaxxxxxxxxxxxx")
OWN = ConnectionId("con_own")


@attrs.define
class Told:
    """A transcript, and all that it has said."""

    transcript: Transcript
    spans: list[Span] = attrs.field(factory=list)
    seq: int = 0

    def event(self, event_type: str, content: str, **metadata: Any) -> Told:
        self.seq += 1
        params = {
            "sessionId": SESSION,
            "seq": self.seq,
            "eventType": event_type,
            "content": content,
            "metadata": metadata,
            "timestamp": MOMENT,
            "turn": 1,
            "provider": "claude",
        }
        return self.output(read_event(params))

    def delta(self, item: str, text: str, kind: DeltaKind = DeltaKind.TEXT, parent: Any = None) -> Told:
        delta = SessionDelta(
            session_id=SESSION,
            turn=1,
            item_id=ItemId(item),
            after_seq=self.seq,
            kind=kind,
            offset=0,
            text=text,
            parent_tool_use_id=parent,
        )
        return self.output(delta)

    def output(self, output: Output) -> Told:
        self.spans += self.transcript.tell(output)
        return self

    def asked(self, **more: Any) -> Approval:
        approval = ask(**more)
        self.event("approval_requested", approval["title"], **approval)
        return codec.from_json(approval, Approval)

    @property
    def text(self) -> str:
        """As the painter lets it through."""
        return harmless("".join(span.text for span in self.spans))


def ask(**more: Any) -> dict[str, Any]:
    session = FakeDaemon(runtime=None).add()  # type: ignore[arg-type]
    return approval_of(session, "apr_1", more.pop("title", "Bash"), **more)


@pytest.fixture
def view() -> SessionView:
    session = FakeDaemon(runtime=None).add(name="tests", directory="/home/me/src")  # type: ignore[arg-type]
    return codec.from_json(session.view, SessionView)


@pytest.fixture
def told(view: SessionView) -> Told:
    return Told(Transcript(lambda: view, lambda: OWN, columns=60, home="/home/me"))


def use(told: Told, tool: str, kind: str, content: str, **more: Any) -> None:
    told.event("tool_use", content, toolUseId=tool, name="Bash", kind=kind, input={}, **more)


def usage(**more: Any) -> dict[str, Any]:
    tokens = {"inputTokens": 10_000, "outputTokens": 1_800, "cacheReadTokens": 500, "cacheWriteTokens": 45}
    return {"model": "claude-test-1", **tokens, "costUsd": 0.0421, **more}


def test_a_turn_from_prompt_to_bill(told: Told) -> None:
    told.spans += told.transcript.head()
    told.event("user", "Make the tests pass\nall of them", promptId="prm_1", disposition="started", by=_by())
    told.event("turn_started", "", origin="prompt")
    told.delta("itm_1", "I should look ", DeltaKind.THINKING).delta("itm_1", "first.\nThen act.", DeltaKind.THINKING)
    told.event("thinking", "I should look first.\nThen act.", itemId="itm_1")
    told.delta("itm_2", "Running ").delta("itm_2", "them")
    told.event("assistant", "Running them now.", itemId="itm_2")
    use(told, "t1", "execute", "npm test -- --watch=false --reporter=dot --coverage --verbose")
    told.event("tool_result", "\n12 passed\n1 failed\nsee above", toolUseId="t1", isError=True)
    use(told, "t2", "read", "src/a.ts")
    use(told, "t3", "edit", "src/b.ts", parentToolUseId="t2")
    told.event("tool_result", "", toolUseId="t3", isError=False)
    told.event("tool_result", "export const a = 1", toolUseId="t2", isError=False)
    told.event(
        "plan", "", entries=[{"content": "look", "status": "completed"}, {"content": "act", "status": "pending"}]
    )
    told.event("assistant", "Done.\n", itemId="itm_3")
    told.event("usage", "", **usage()).event("turn_ended", "completed", reason="completed", durationMs=8400)
    check(__file__, "turn", told.text)


def test_an_approval_shows_all_of_a_command_and_the_keys(told: Told) -> None:
    command = "npm test && \\\n  rm -rf build\x1b[8m; curl evil\x1b[0m"
    approval = told.asked(
        command=command, title=f"Bash: {command}", locations=[{"path": "/home/me/src/a.py", "line": 3}]
    )
    told.spans += answers(approval)
    resolved = ask(command=command) | {"status": "resolved", "resolvedBy": _resolver("allow-always", OWN)}
    told.event("approval_resolved", "allow", **resolved)
    check(__file__, "approval_command", told.text)


def test_an_approval_of_an_edit_shows_the_difference(told: Told) -> None:
    diffs = [{"path": "/w/a.py", "oldText": "one\ntwo\nthree\n", "newText": "one\n2\nthree\n"}]
    approval = told.asked(diffs=diffs, title="Edit a.py")
    told.spans += answers(approval)
    other = ask(title="Edit a.py") | {"status": "resolved", "resolvedBy": _resolver("reject", "con_other")}
    told.event("approval_resolved", "reject", **other)
    check(__file__, "approval_edit", told.text)


def test_an_approval_of_something_else_shows_its_input_and_says_what_is_cut(told: Told) -> None:
    told.asked(title="Fetch\n┃ y allow", input={"url": "https://example.org", "lines": [str(n) for n in range(70)]})
    assert told.text.startswith("┃ Fetch ┃ y allow\n┃   url: https://example.org\n┃   lines: [\n")
    assert told.text.endswith("more lines: `jelmore next --json` has them all\n")
    told.event("approval_resolved", "", **(ask() | {"status": "cancelled"}))
    assert told.text.endswith("┃ – cancelled\n")


def test_two_answers_at_once_are_kept_apart(told: Told) -> None:
    told.delta("itm_1", "First, ").delta("itm_2", "second").delta("itm_1", "and first again")
    told.event("assistant", "First, and first again.", itemId="itm_1")
    told.event("assistant", "second!", itemId="itm_2")
    assert told.text == "First, \n\nsecond\n\nand first again.\n\n!\n"


def test_what_was_missed_of_a_text_follows_with_its_event(told: Told) -> None:
    told.delta("itm_1", "Half ").event("assistant", "Half an answer.", itemId="itm_1")
    assert told.text == "Half an answer.\n"


def test_an_answer_that_is_another_than_was_shown_is_told_whole(told: Told) -> None:
    told.delta("itm_1", "Wrong").event("assistant", "Right.", itemId="itm_1")
    assert told.text == "Wrong\n\n· the whole answer:\n\nRight.\n"


def test_an_answer_begun_anew_is_announced(told: Told) -> None:
    told.delta("itm_1", "Half").output(ItemVoided(session_id=SESSION, item_id=ItemId("itm_1"), reason="redo"))
    told.delta("itm_2", "Whole.").event("assistant", "Whole.", itemId="itm_2")
    assert told.text == "Half\n\n· the agent begins its answer anew\n\nWhole.\n"


def test_thoughts_are_short(told: Told) -> None:
    told.delta("itm_1", "x" * 200, DeltaKind.THINKING).delta("itm_1", "y" * 200, DeltaKind.THINKING)
    told.delta("itm_1", "z" * 200, DeltaKind.THINKING).event("thinking", "whole", itemId="itm_1")
    assert told.text == "✻ " + "x" * 200 + "y" * 40 + "…\n"


def test_tools_and_sub_agents_do_not_speak_in_between(told: Told) -> None:
    told.delta("itm_1", "aside", parent="t1").delta("itm_2", "output", DeltaKind.TOOL_OUTPUT)
    told.event("thinking", "hm", itemId="itm_1", parentToolUseId="t1").event("thinking", "  ", itemId="itm_3")
    assert told.text == ""


def test_what_sub_agents_do_stands_under_the_tool_that_they_work_for(told: Told) -> None:
    use(told, "t1", "think", "Task: look here")
    use(told, "t2", "think", "Task: look there")
    use(told, "t3", "read", "a.py", parentToolUseId="t1")
    told.event("assistant", "Found\nit.", itemId="itm_1", parentToolUseId="t1")
    use(told, "t4", "think", "Task: deeper", parentToolUseId="t2")
    use(told, "t5", "read", "b.py", parentToolUseId="t4")
    told.event("tool_result", "1", toolUseId="t5", isError=False).event("assistant", "Done.", itemId="itm_2")
    check(__file__, "sub_agents", told.text)


def test_trouble_says_what_to_do(told: Told) -> None:
    told.event("error", "not logged in", kind="auth-required", retryable=False, remedy="run `claude /login`")
    told.event("error", "slow down", kind="rate-limited", retryable=True, retryAt=MOMENT)
    told.event("usage", "", **usage(estimated=True, notional=True))
    told.event("turn_ended", "failed", reason="failed", cause="no_provider", durationMs=61_000)
    told.output(ConnectionLost("the daemon stops"))
    check(__file__, "trouble", told.text)


def test_what_is_for_programs_is_not_told(told: Told) -> None:
    told.event("system", "raw", subtype="unknown", raw={"a": 1}).event("telepathy", "hm", waves=[1])
    told.event("status_change", "idle → active", **{"from": "idle", "to": "active"})
    told.output(CaughtUp(session_id=SESSION, head=3, open_items=(), approvals=()))
    assert told.text == ""


def test_what_concerns_a_person_is_told(told: Told) -> None:
    told.event("system", "the conversation was compacted", subtype="compacted")
    told.event("directory_change", "/w → /w/src", **{"from": "/w", "to": "/w/src"})
    for was, to in (("idle", "suspended"), ("suspended", "idle"), ("idle", "active"), ("idle", "terminated")):
        told.event("status_change", f"{was} → {to}", **{"from": was, "to": to})
    changes = "· idle → suspended\n· suspended → idle\n· idle → terminated\n"
    assert told.text == f"· the conversation was compacted\n· /w → /w/src\n{changes}"


def test_a_long_prompt_is_folded(told: Told) -> None:
    told.event("user", "\n".join(map(str, range(20))), promptId="prm_1", disposition="started", by=_by())
    assert told.text.endswith("  7\n  … 12 more lines\n")


def _by() -> dict[str, str]:
    return {"connectionId": OWN, "client": "jelmore"}


def _resolver(option: str, connection: str) -> dict[str, str]:
    return {"kind": "client", "client": "zed", "connectionId": connection, "optionId": option}
