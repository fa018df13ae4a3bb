from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jelmored.client.messages import Notice, Reply, read, request

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)


def test_a_request_is_strict_json_rpc() -> None:
    asked = json.loads(request(7, "session/get", {"sessionId": "ses_a"}))
    assert asked == {"jsonrpc": "2.0", "id": 7, "method": "session/get", "params": {"sessionId": "ses_a"}}


def test_replies_and_notices() -> None:
    assert read('{"jsonrpc":"2.0","id":7,"result":null}') == Reply(7)
    assert read('{"jsonrpc":"2.0","method":"a/b","params":{}}') == Notice("a/b", {}, 44)
    refused = read('{"id":null,"error":{"code":-32700,"message":"no JSON","data":{"kind":"parse-error"}}}')
    assert isinstance(refused, Reply)
    assert refused.error is not None
    assert (refused.id, refused.error.kind, refused.error.retryable) == (None, "parse-error", False)
    bare = read('{"id":1,"error":{"code":-32603,"message":"oh"}}')
    assert isinstance(bare, Reply)
    assert bare.error is not None
    assert (bare.error.kind, bare.error.remedy) == ("internal", None)


@pytest.mark.parametrize("frame", ["[]", "null", '{"id":"text","result":1}', '{"method":1}', '{"method":"a"}'])
def test_what_is_of_no_use_is_passed_over(frame: str) -> None:
    assert read(frame) is None


@given(values)
def test_whatever_comes_does_no_harm(value: Any) -> None:
    assert read(orjson.dumps({"id": 1, "result": value}).decode()) == Reply(1, value)
    read(orjson.dumps(value).decode())


def test_a_text_that_is_none_is_refused_by_the_name_of_its_request() -> None:
    with pytest.raises(ValueError, match=r"session/prompt: .*UTF-8"):
        request(1, "session/prompt", {"prompt": b"\xff".decode(errors="surrogateescape")})
