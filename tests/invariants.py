"""What holds for every subscription (protocol 1, section 4), checked over all that one has received.

`check(watch)` after a test's own assertions finds what the test did not think of.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs

from . import event_fields
from .watch import Json, Watch

STATUSES = {"initializing", "idle", "active", "waiting_input", "failed", "suspended", "terminated"}


def check(watch: Watch) -> None:
    """Fails with a line for every rule that is broken. The turns seen must be over."""
    ledger = _Ledger(seq=watch.after if isinstance(watch.after, int) else None, from_start=watch.after == "start")
    for note in watch.notes:
        ledger.take(note.method, note.params)
    ledger.finish()
    assert not ledger.faults, "\n".join(ledger.faults)


@attrs.define
class _Turn:
    number: int
    usages: int = 0
    agents: int = 1
    uses: dict[str, int] = attrs.field(factory=dict)
    results: set[str] = attrs.field(factory=set)


@attrs.define
class _Ledger:
    """Follows a subscription, notification by notification."""

    seq: int | None
    from_start: bool
    faults: list[str] = attrs.field(factory=list)
    _texts: dict[str, str] = attrs.field(factory=dict)
    _done: set[str] = attrs.field(factory=set)
    _caught_up: bool = False
    _turn: _Turn | None = None
    _last_turn: int | None = None
    _just_ended: bool = False
    _status: str | None = None
    _provider: str | None = None
    _left: set[str] = attrs.field(factory=set)
    """Providers that have failed in the turn in hand."""
    _approvals: dict[str, Json] = attrs.field(factory=dict)

    def __attrs_post_init__(self) -> None:
        if self.from_start:
            self.seq, self._last_turn = 0, 0

    def _expect(self, holds: bool, fault: str) -> None:
        if not holds:
            self.faults.append(f"after seq {self.seq}: {fault}")

    def take(self, method: str, params: Mapping[str, Any]) -> None:
        handlers: Mapping[str, Callable[[Mapping[str, Any]], None]] = {
            "session/event": self._event,
            "session/delta": self._delta,
            "session/itemVoided": self._voided,
            "session/caughtUp": self._caught,
        }
        if (handle := handlers.get(method)) is not None:
            handle(params)

    def finish(self) -> None:
        self._expect(self._caught_up, "there was no caughtUp")
        self._expect(self._turn is None, "a turn has not ended")
        self._expect(not self._texts, f"items are still open: {sorted(self._texts)}")

    def _event(self, event: Mapping[str, Any]) -> None:
        if faults := event_fields.faults(event):
            self.faults.extend(faults)
            return
        self._number(event["seq"])
        self._place(event)
        self._whose(event)
        if (handle := getattr(self, f"_{event['eventType']}", None)) is not None:
            handle(event, event["metadata"])

    def _number(self, seq: int) -> None:
        self._expect(self.seq is None or seq == self.seq + 1, f"seq {seq} is a gap or a repeat")
        self.seq = seq

    def _place(self, event: Mapping[str, Any]) -> None:
        """In its turn, and nothing between a turn's end and the status after it."""
        kind, turn = event["eventType"], event["turn"]
        if self._just_ended:
            self._expect(kind == "status_change" and turn is None, f"turn_ended is followed by {kind} of turn {turn}")
            self._just_ended = False
        if kind in {"user", "turn_started", "status_change"} or turn is None:
            return
        if self._turn is None and not self.from_start:
            self._turn = _Turn(turn)  # the subscription began in the middle of it
        now = self._turn.number if self._turn else None
        self._expect(turn == now, f"{kind} of turn {turn} while turn {now} runs")

    def _whose(self, event: Mapping[str, Any]) -> None:
        """Each event is its provider's, and only a failover makes it another one's."""
        if event["eventType"] == "failover":
            left, to = event["metadata"]["from"], event["metadata"]["to"]
            self._expect(
                self._provider in {None, left}, f"a failover from {left}, but the session was at {self._provider}"
            )
            again = event["turn"] is not None and to in self._left  # between turns a client may go where it likes
            self._expect(not again, f"{to} has failed in this turn, and is tried again")
            if event["metadata"]["cause"] not in {"moved", "returned"}:
                self._left.add(left)
            self._provider = to
        self._expect(self._provider in {None, event["provider"]}, f"{event['provider']} while at {self._provider}")
        self._provider = event["provider"]

    # Texts

    def _delta(self, delta: Mapping[str, Any]) -> None:
        item, text = delta["itemId"], delta["text"]
        known = self._texts.get(item, "")
        self._expect(self._caught_up, "a delta before caughtUp")
        self._expect(bool(text), f"an empty delta of {item}")
        self._expect(item not in self._done, f"a delta of {item}, which is closed")
        self._expect(delta["offset"] == len(known), f"{item}: offset {delta['offset']}, but {len(known)} came before")
        self._expect(self.seq is None or delta["afterSeq"] <= self.seq, f"a delta overtook event {delta['afterSeq']}")
        self._texts[item] = known + text

    def _voided(self, void: Mapping[str, Any]) -> None:
        self._expect(void["itemId"] in self._texts, f"{void['itemId']} is voided and was not open")
        self._texts.pop(void["itemId"], None)
        self._done.add(void["itemId"])

    def _closing(self, event: Mapping[str, Any], metadata: Mapping[str, Any]) -> None:
        item = metadata["itemId"]
        text = self._texts.pop(item, None)
        self._expect(item not in self._done, f"{item} is closed twice, or was voided")
        self._expect(
            text is None or text == event["content"],
            f"the deltas of {item} add up to {text!r}, its event holds {event['content']!r}",
        )
        self._done.add(item)

    _assistant = _thinking = _closing

    def _caught(self, params: Mapping[str, Any]) -> None:
        self._expect(self.seq is None or params["head"] == self.seq, f"caughtUp says that the head is {params['head']}")
        self.seq = params["head"]
        self._caught_up = True
        self._texts = {item["itemId"]: item["text"] for item in params["openItems"]}
        if self.from_start:
            told = {approval["approvalId"] for approval in params["approvals"]}
            self._expect(told == self._approvals.keys(), f"caughtUp tells of approvals {told}")

    # Turns

    def _turn_started(self, event: Mapping[str, Any], _: Mapping[str, Any]) -> None:
        number = event["turn"]
        self._expect(self._turn is None, f"turn {number} starts in a turn")
        self._expect(self._last_turn is None or number == self._last_turn + 1, f"turn {number} is out of order")
        self._turn, self._last_turn = _Turn(number), number
        self._left.clear()

    def _turn_ended(self, event: Mapping[str, Any], metadata: Mapping[str, Any]) -> None:
        self._expect(not self._texts, f"the turn ended with open items {sorted(self._texts)}")
        self._expect(not self._approvals, f"the turn ended with open approvals {sorted(self._approvals)}")
        if metadata["reason"] == "completed" and self._turn is not None:
            usages, agents = self._turn.usages, self._turn.agents
            self._expect(1 <= usages <= agents, f"{usages} usages in a completed turn of {agents} agents")
        if metadata["reason"] == "failed":
            self._expect("error" in metadata, "a failed turn does not say why")
        self._last_turn, self._turn, self._just_ended = event["turn"], None, True

    def _usage(self, _event: Mapping[str, Any], _: Mapping[str, Any]) -> None:
        if self._turn is not None:
            self._turn.usages += 1

    def _failover(self, _event: Mapping[str, Any], _: Mapping[str, Any]) -> None:
        if self._turn is not None:
            self._turn.agents += 1

    def _system(self, _event: Mapping[str, Any], note: Mapping[str, Any]) -> None:
        if self._turn is not None and note["subtype"] == "run_restarting":
            self._turn.agents += 1

    def _status_change(self, event: Mapping[str, Any], change: Mapping[str, Any]) -> None:
        self._expect({change["from"], change["to"]} <= STATUSES, f"an unknown status in {change}")
        self._expect(self._status in {None, change["from"]}, f"the status was {self._status}, not {change['from']}")
        self._status = change["to"]

    # Tools: use, approval requested, approval resolved, result

    def _tool_use(self, event: Mapping[str, Any], metadata: Mapping[str, Any]) -> None:
        if self._turn is not None:
            self._expect(metadata["toolUseId"] not in self._turn.uses, f"{metadata['toolUseId']} is used twice")
            self._turn.uses[metadata["toolUseId"]] = event["seq"]

    def _tool_result(self, _: Mapping[str, Any], metadata: Mapping[str, Any]) -> None:
        tool = metadata["toolUseId"]
        if self._turn is None:
            return
        if self.from_start:
            self._expect(tool in self._turn.uses, f"a result of {tool}, which was not used in this turn")
        self._expect(tool not in self._turn.results, f"a second result of {tool}")
        self._expect(
            all(approval.get("toolUseId") != tool for approval in self._approvals.values()),
            f"a result of {tool} while its approval is open",
        )
        self._turn.results.add(tool)

    def _approval_requested(self, _: Mapping[str, Any], approval: Json) -> None:
        self._expect(approval["status"] == "open", f"an approval is requested as {approval['status']}")
        if self._turn is not None and self.from_start and "toolUseId" in approval:
            self._expect(approval["toolUseId"] in self._turn.uses, "an approval before its tool_use")
        self._approvals[approval["approvalId"]] = approval

    def _approval_resolved(self, _: Mapping[str, Any], approval: Json) -> None:
        known = self._approvals.pop(approval["approvalId"], None)
        self._expect(approval["status"] != "open", "an approval is resolved as open")
        self._expect(known is not None or not self.from_start, f"{approval['approvalId']} was not open")
