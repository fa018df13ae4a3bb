"""A state and its document: there and back, whoever writes it down in between; damage and newer versions are found."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import attrs
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jelmored.domain.events import UsageNote
from jelmored.domain.ids import ConnectionId, LogId, PromptId, ProviderName, SessionId
from jelmored.domain.mcp import HttpServer, StdioServer
from jelmored.domain.permissions import PermissionMode, Rule, Verdict
from jelmored.domain.prompts import Author, FileBlock, ImageBlock, Prompt, TextBlock
from jelmored.domain.sessions import Facts, Limits, NativeSession, OpenTurn
from jelmored.domain.state import AgentRecord, SessionState
from jelmored.domain.status import Status
from jelmored.domain.usage import Usage
from jelmored.errors import ErrorKind, Refused
from jelmored.wire import codec, states

words = st.text(max_size=20)
moments = st.datetimes(min_value=datetime(2020, 1, 1), max_value=datetime(2100, 1, 1)).map(
    lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000, tzinfo=UTC)
)
numbers = st.floats(min_value=0, max_value=1e9, allow_nan=False)
rules = st.builds(Rule, tool_name=words, verdict=st.sampled_from(Verdict), command=st.none() | words)
names = st.sampled_from(["claude", "opencode", "claude-work"]).map(ProviderName)
servers = st.builds(StdioServer, command=words, env=st.dictionaries(words, words, max_size=2)) | st.builds(
    HttpServer, url=words
)
prompts = st.builds(
    Prompt,
    prompt_id=words.map(PromptId),
    blocks=st.lists(
        st.builds(TextBlock, text=words)
        | st.builds(FileBlock, path=words, range=st.none() | st.tuples(st.integers(1, 9), st.integers(9, 99)))
        | st.builds(ImageBlock, mime_type=words, data=words),
        max_size=3,
    ).map(tuple),
    by=st.builds(Author, connection_id=words.map(ConnectionId), client=words, uid=st.none() | st.integers(0, 9)),
    cut=st.none() | words,
)


@st.composite
def facts(draw: st.DrawFn) -> Facts:
    begins_after, more, turn = draw(st.integers(0, 9)), draw(st.integers(0, 99)), draw(st.integers(0, 9))
    status = draw(st.sampled_from(Status))
    spent = UsageNote(
        model="m", input_tokens=1, output_tokens=2, cache_read_tokens=0, cache_write_tokens=0, cost_usd=draw(numbers)
    )
    running = status in (Status.ACTIVE, Status.WAITING_INPUT, Status.INITIALIZING)
    return Facts(
        session_id=SessionId("ses_" + draw(st.text("abcdefgh234567", min_size=16, max_size=16))),
        name=draw(st.none() | words),
        title=draw(st.none() | words),
        status=status,
        provider=draw(names),
        cwd="/" + draw(words),
        directory="/",
        permission_mode=draw(st.sampled_from(PermissionMode)),
        directories=tuple(draw(st.lists(words, max_size=2))),
        mcp_servers=draw(st.dictionaries(words, servers, max_size=2)),
        limits=Limits(turn_seconds=draw(st.none() | st.floats(0.5, 1e6)), max_cost_usd=draw(st.none() | st.just(2.0))),
        created_at=draw(moments),
        last_activity=draw(moments),
        log_id=LogId(draw(words)),
        seq=begins_after + more,
        begins_after=begins_after,
        turn=turn,
        open_turn=OpenTurn(number=turn, prompt_id=None, started_at=draw(moments), spent=spent) if running else None,
        usage=draw(st.builds(Usage, input_tokens=st.integers(0, 10**12), cost_usd=numbers, notional=st.booleans())),
        native=draw(st.dictionaries(names, st.builds(NativeSession, native_id=words, used=st.booleans()), max_size=2)),
        heard=draw(st.dictionaries(names, st.integers(0, 99), max_size=2)),
        behind=draw(st.none() | st.integers(0, 99)),
        rules=tuple(draw(st.lists(rules, max_size=2))),
    )


sessions = st.builds(
    SessionState,
    facts=facts(),
    queue=st.lists(prompts, max_size=3).map(tuple),
    left_out=st.lists(words.map(PromptId), max_size=2).map(tuple),
    handoff=st.none() | words,
    record=st.none() | st.builds(AgentRecord, provider=names, type=words, data=words),
)


def refused(document: Any) -> Refused:
    with pytest.raises(Refused) as no:
        states.state_in(document)
    assert no.value.kind is ErrorKind.STATE_INVALID
    return no.value


@given(sessions)
def test_a_state_comes_back_as_it_was(state: SessionState) -> None:
    document = states.document_of(state)
    assert states.document_of(state) == document
    assert states.state_in(document) == state
    assert states.session_of(document) == state.facts.session_id
    assert states.state_in(orjson.loads(orjson.dumps(document))) == state


@given(sessions)
def test_it_does_not_matter_which_program_has_written_it_down(state: SessionState) -> None:
    """Others sort the members otherwise, escape, and write 1.0 as 1."""

    def as_integers(value: Any) -> Any:
        if isinstance(value, float) and value.is_integer():
            return int(value)
        if isinstance(value, dict):
            return {name: as_integers(item) for name, item in value.items()}
        return [as_integers(item) for item in value] if isinstance(value, list) else value

    written = json.dumps(as_integers(dict(states.document_of(state))), sort_keys=True, ensure_ascii=True)
    assert states.state_in(json.loads(written)) == state


@given(st.data())
def test_a_damaged_one_is_found(data: st.DataObject) -> None:
    written = orjson.dumps(states.document_of(data.draw(sessions)))
    at = data.draw(st.integers(0, len(written) - 1))
    broken = bytearray(written)
    broken[at] ^= 1 << data.draw(st.integers(0, 7))
    try:
        document = orjson.loads(bytes(broken))
    except orjson.JSONDecodeError:
        return
    if states.digest(document) != states.digest(orjson.loads(written)):  # -0.0 and 0.0 say the same
        assert (refused(document).field or "").startswith("state.")


@given(sessions, st.integers(states.VERSION + 1, 99))
def test_a_newer_one_is_refused_by_its_version_whatever_else_it_says(state: SessionState, version: int) -> None:
    newer = {**states.document_of(state), "version": version, "facts": "as they are then", "digest": "of then"}
    no = refused(newer)
    assert (no.field, no.remedy) == ("state.version", "upgrade jelmored here")
    assert str(version) in no.message


@pytest.mark.parametrize("other", [None, [], "state", {}, {"format": "other", "version": 1}])
def test_what_is_no_state(other: Any) -> None:
    assert refused(other).field == "state.format"
    assert states.session_of(other) is None


def test_one_that_is_nested_without_end_is_damaged() -> None:
    deep: Any = []
    for _ in range(2000):
        deep = [deep]
    assert refused({**states.document_of(states.state_in(sealed())), "mood": deep}).field == "state.digest"


@given(sessions)
def test_its_weight_is_about_its_size(state: SessionState) -> None:
    state = attrs.evolve(state, handoff="x" * 10_000)
    assert 10_000 <= states.weight(states.document_of(state)) <= 15_000


@pytest.mark.parametrize("version", [0, -1, True, "1", None, 1.5])
def test_a_version_is_a_number(version: Any) -> None:
    assert refused({"format": states.FORMAT, "version": version}).field == "state.version"


def sealed(**changes: Any) -> dict[str, Any]:
    """A state that somebody has written by hand, with a digest that fits."""
    now = datetime(2026, 11, 27, tzinfo=UTC)
    plain = Facts(
        session_id=SessionId("ses_" + "a" * 16),
        provider=ProviderName("claude"),
        cwd="/",
        directory="/",
        created_at=now,
        last_activity=now,
        log_id=LogId("log"),
    )
    document = {"format": states.FORMAT, "version": 1, "queue": [], "facts": {**codec.to_json(plain), **changes}}
    return {**document, "digest": states.digest(document)}


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"sessionId": "*"}, "facts.sessionId"),
        ({"sessionId": "ses_../../etc/passwd"}, "facts.sessionId"),
        ({"seq": -1}, "facts.seq"),
        ({"seq": 3, "beginsAfter": 4}, "facts.seq"),
        ({"seq": 2**60}, "facts.seq"),
        ({"turn": -1}, "facts.turn"),
        ({"usage": {"costUsd": 1e308}}, "facts.usage"),
        ({"usage": {"costUsd": -1}}, "facts.usage"),
        ({"usage": {"costUsd": 1, "notionalUsd": 2}}, "facts.usage"),
        ({"usage": {"inputTokens": -1}}, "facts.usage"),
        ({"usage": {"cacheReadTokens": 2**60}}, "facts.usage"),
        ({"cwd": 7}, "facts.cwd"),
        ({"status": "asleep"}, "facts.status"),
        ({"openTurn": {"number": 1, "promptId": None, "startedAt": "2026-11-27T10:00:00.000Z"}}, "facts.status"),
    ],
)
def test_a_state_that_can_t_be_is_refused_by_its_place(changes: dict[str, Any], place: str) -> None:
    assert states.state_in(sealed()).facts.seq == 0
    assert refused(sealed(**changes)).field == f"state.{place}"


def test_what_a_later_release_adds_is_no_damage() -> None:
    document = {**sealed(), "mood": "fine"}
    document["digest"] = states.digest({name: value for name, value in document.items() if name != "digest"})
    assert states.state_in(document) == states.state_in(sealed())


@given(st.binary(max_size=2000))
def test_a_record_comes_back_and_is_the_same_each_time(record: bytes) -> None:
    packed = states.compressed(record)
    assert packed is not None
    assert packed == states.compressed(record)
    assert states.decompressed(packed) == record


def test_a_record_that_is_too_large_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(states, "MAX_RECORD", 100)
    assert states.compressed(bytes(10_000)) is not None
    assert states.compressed(bytes(range(256))) is None
    monkeypatch.setattr(states, "MAX_UNPACKED", 1000)
    assert states.compressed(bytes(1001)) is None


@pytest.mark.parametrize("data", ["", "é", "!!!!", "AAAA", "eJw="])
def test_a_record_that_is_none(data: str) -> None:
    with pytest.raises(Refused) as no:
        states.decompressed(data)
    assert (no.value.kind, no.value.field) == (ErrorKind.STATE_INVALID, "state.record.data")


def test_a_record_that_would_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = states.compressed(bytes(5_000_000))
    assert bomb is not None
    monkeypatch.setattr(states, "MAX_UNPACKED", 4_000_000)
    with pytest.raises(Refused, match="larger"):
        states.decompressed(bomb)
