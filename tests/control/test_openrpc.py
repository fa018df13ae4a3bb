"""The document is what the OpenRPC people call one, and every value that can be said is as it says."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator
from referencing import Registry
from referencing.jsonschema import DRAFT7

from jelmored.cli import Exit, main
from jelmored.control.method import Method
from jelmored.control.methods import METHODS, document
from jelmored.control.stream import CloseCode
from jelmored.domain.events import METADATA
from jelmored.errors import ErrorKind
from jelmored.wire import codec
from jelmored.wire.messages import NOTIFICATIONS
from tests.openrpc import faults_of_answer, faults_of_request
from tests.wire import values

META = Path(__file__).parent / "openrpc"

EXAMPLES = settings(max_examples=10, suppress_health_check=[HealthCheck.too_slow])


def _as_json(value: Any) -> Any:
    return json.loads(codec.encode(value))


def _meta_schema(name: str) -> Mapping[str, Any]:
    schema: Mapping[str, Any] = json.loads((META / name).read_text("utf-8"))
    return schema


def test_it_is_an_openrpc_document() -> None:
    inner = DRAFT7.create_resource(_meta_schema("json-schema.json"))
    registry = Registry().with_resources([
        (address, inner) for address in ("https://meta.json-schema.tools", "https://meta.json-schema.tools/")
    ])
    judge = Draft7Validator(_meta_schema("openrpc.json"), registry=registry)

    assert not list(judge.iter_errors(document()))
    assert list(judge.iter_errors({**document(), "methods": [{}]}))


def test_every_reference_leads_somewhere() -> None:
    text = json.dumps(document())
    referred = {part.partition('"')[0] for part in text.split("#/components/schemas/")[1:]}

    assert referred <= set(document()["components"]["schemas"])


def test_everything_is_in_it() -> None:
    told = document()

    assert [method["name"] for method in told["methods"]] == list(METHODS)
    assert [one["name"] for one in told["x-notifications"]] == list(NOTIFICATIONS)
    assert [code["code"] for code in told["x-closeCodes"]] == list(CloseCode)
    assert {kind: error["code"] for kind, error in told["components"]["errors"].items()} == {
        str(kind): kind.code for kind in ErrorKind
    }
    kinds = [one["properties"]["eventType"]["const"] for one in told["components"]["schemas"]["Event"]["oneOf"]]
    assert kinds == list(METADATA)


def test_everything_says_what_it_is_for() -> None:
    told = document()
    silent = [one["name"] for one in (*told["methods"], *told["x-notifications"]) if not one["description"]]

    assert not silent


def test_a_method_says_who_may_call_it() -> None:
    methods = {method["name"]: method for method in document()["methods"]}

    assert methods["daemon/shutdown"]["x-scope"] == "admin"


def test_the_command_prints_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["openrpc"]) == Exit.OK
    assert json.loads(capsys.readouterr().out) == document()


@pytest.mark.parametrize("method", METHODS.values(), ids=lambda method: method.name)
@EXAMPLES
@given(data=st.data())
def test_what_a_client_can_ask_is_as_it_says(method: Method[Any, Any], data: st.DataObject) -> None:
    asked = _as_json(data.draw(values.of(method.params)))

    assert not faults_of_request({"method": method.name, "params": asked})


@pytest.mark.parametrize("method", METHODS.values(), ids=lambda method: method.name)
@EXAMPLES
@given(data=st.data())
def test_what_the_daemon_can_answer_is_as_it_says(method: Method[Any, Any], data: st.DataObject) -> None:
    answer = _as_json(data.draw(st.one_of(*map(values.of, method.results))))

    assert not faults_of_answer({"result": answer}, method.name)


@pytest.mark.parametrize("name", NOTIFICATIONS)
@EXAMPLES
@given(data=st.data())
def test_what_the_daemon_can_tell_is_as_it_says(name: str, data: st.DataObject) -> None:
    told = _as_json(data.draw(values.of(NOTIFICATIONS[name])))

    assert not faults_of_answer({"method": name, "params": told}, None)


@pytest.mark.parametrize(
    ("params", "fault"),
    [
        ({}, "'sessionId' is a required property"),
        ({"sessionId": 1}, "$.sessionId: 1 is not of type 'string'"),
        ({"sessionId": "ses_1", "after": "end"}, "$.after: 'end' is not valid"),
        ({"sessionId": "ses_1", "before": 1}, "('before' was unexpected)"),
    ],
)
def test_what_is_wrong_is_found(params: dict[str, Any], fault: str) -> None:
    assert fault in "".join(faults_of_request({"method": "session/subscribe", "params": params}))
