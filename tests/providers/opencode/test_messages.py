from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jelmored.providers.opencode.messages import (
    NOISE,
    Connected,
    Disposed,
    MessageUpdated,
    OtherPart,
    PartUpdated,
    SessionFailed,
    TextPart,
    Unknown,
    read_event,
    read_messages,
    read_permissions,
)


def event(kind: str, **properties: Any) -> bytes:
    return orjson.dumps({"id": "evt_1", "type": kind, "properties": properties})


@pytest.mark.parametrize("kind", ["plugin.added", "file.watcher.updated", "server.heartbeat", "session.idle"])
def test_noise_is_not_looked_into(kind: str) -> None:
    assert read_event(event(kind, sessionID=7)) is NOISE


def test_the_ends_of_a_stream() -> None:
    assert read_event(event("server.connected")) == Connected()
    assert read_event(event("server.instance.disposed", directory="/")) == Disposed()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{not json",
        b"\xff",
        b"[]",
        b"7",
        b'{"type": 7}',
        b'{"type": "session.status", "properties": 7}',
        event("session.next.thing", sessionID="ses_1"),
        event("message.updated", sessionID="ses_1", info={"id": "msg_1"}),
        event("session.status", sessionID="ses_1", status="busy"),
    ],
)
def test_what_cannot_be_read_is_kept(data: bytes) -> None:
    found = read_event(data)
    assert isinstance(found, Unknown)
    assert found.session_id == ("ses_1" if b"ses_1" in data else None)


@given(
    st.sampled_from(["message.updated", "message.part.updated", "session.error", "permission.asked", "todo.updated"]),
    st.recursive(
        st.none() | st.booleans() | st.integers(0, 9) | st.text(max_size=3),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["sessionID", "info", "part", "id", "type", "state", "error", "role", "time"]), inner
            )
        ),
    ),
)
def test_nothing_in_an_event_raises(kind: str, properties: Any) -> None:
    assert read_event(orjson.dumps({"type": kind, "properties": properties})) is not None


def test_an_error_of_no_session_is_noise() -> None:
    assert read_event(event("session.error", error={"name": "UnknownError"})) is NOISE
    assert isinstance(read_event(event("session.error", sessionID="s", error={"name": "x"})), SessionFailed)


def test_what_a_user_changed_is_no_summary_of_a_compaction() -> None:
    info = {"id": "msg_1", "sessionID": "ses_1", "role": "user", "summary": {"diffs": []}}
    found = read_event(event("message.updated", sessionID="ses_1", info=info))
    assert isinstance(found, MessageUpdated)
    assert not found.info.summary


def test_a_part_of_a_new_kind_is_passed_over() -> None:
    part = {"id": "prt_1", "sessionID": "ses_1", "messageID": "msg_1", "type": "hologram"}
    found = read_event(event("message.part.updated", part=part))
    assert found == PartUpdated(part=OtherPart(id="prt_1", session_id="ses_1", message_id="msg_1"))


def test_in_a_list_of_messages_one_that_cannot_be_read_hides_no_other() -> None:
    part = {"id": "prt_1", "sessionID": "ses_1", "messageID": "msg_1", "type": "text", "text": "hi"}
    info = {"id": "msg_1", "sessionID": "ses_1", "role": "user"}
    body = orjson.dumps([{"info": {}}, {"info": info, "parts": [{"type": "text"}, 7, part]}, None])
    [found] = read_messages(body)
    assert found.parts == (TextPart(id="prt_1", session_id="ses_1", message_id="msg_1", text="hi"),)


@pytest.mark.parametrize("body", [b"{}", b"<html>", b'"x"'])
def test_what_is_no_list_is_an_error(body: bytes) -> None:
    with pytest.raises(ValueError):
        read_permissions(body)


WIDE = b'{"type": "message.updated", "properties": {"x": [' + b"{}," * 400_000 + b"{}]}}"


@pytest.mark.parametrize("data", [b"[" * 100_000, b'{"x": NaN}', b'{"x": 1e999}', b"\xff\x00", WIDE])
def test_an_event_that_can_not_be_read_is_unknown_and_small(data: bytes) -> None:
    found = read_event(data)
    assert isinstance(found, Unknown)
    assert len(str(found.raw)) <= 64 * 1024
