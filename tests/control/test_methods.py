"""The table has the methods of the protocol; what each of them does is tested beside its handler."""

from __future__ import annotations

import pytest

from jelmored.control.method import Method
from jelmored.control.methods import METHODS
from jelmored.domain.scopes import Scope
from jelmored.wire.messages import Nothing
from tests.client_raw import RpcError, connect

from .stage import staged

SPOKEN = {
    "initialize": "observer",
    "ping": "observer",
    "rpc.discover": "observer",
    "daemon/status": "observer",
    "daemon/drain": "admin",
    "daemon/undrain": "admin",
    "daemon/reload": "admin",
    "daemon/shutdown": "admin",
    "config/get": "admin",
    "provider/list": "observer",
    "provider/get": "observer",
    "provider/check": "operator",
    "provider/restart": "admin",
    "provider/drain": "admin",
    "provider/undrain": "admin",
    "provider/rank": "observer",
    "model/list": "observer",
    "session/create": "operator",
    "session/get": "observer",
    "session/list": "observer",
    "session/prompt": "operator",
    "session/queue": "observer",
    "session/unqueue": "operator",
    "session/interrupt": "operator",
    "session/configure": "operator",
    "session/compact": "operator",
    "session/tasks": "observer",
    "session/stopTask": "operator",
    "session/suspend": "operator",
    "session/resume": "operator",
    "session/export": "operator",
    "session/import": "operator",
    "session/close": "operator",
    "session/delete": "admin",
    "session/fork": "operator",
    "session/adopt": "operator",
    "session/settleForeign": "operator",
    "provider/pastSessions": "observer",
    "session/move": "operator",
    "usage/get": "observer",
    "session/cleanup": "admin",
    "session/subscribe": "observer",
    "session/unsubscribe": "observer",
    "session/history": "observer",
    "approval/list": "observer",
    "approval/resolve": "operator",
}
"""Protocol 1, section 3, as far as it is spoken."""


def test_the_table_is_the_protocol_s() -> None:
    assert {name: method.scope.value for name, method in METHODS.items()} == SPOKEN


@pytest.mark.parametrize("scope", Scope)
async def test_every_method_in_every_scope(scope: Scope) -> None:
    """What a scope does not include is forbidden before anything else is looked at, and nothing else is."""
    methods = sorted(
        METHODS.values(), key=lambda method: method.name == "daemon/shutdown"
    )  # after it less can be asked
    async with staged(scope=scope) as stage, connect(stage.socket) as client:
        assert client.hello["scope"] == scope
        forbidden = set()
        for method in methods:
            try:
                await client.request(method.name)
            except RpcError as error:
                if error.kind == "forbidden":
                    forbidden.add(method.name)
        order = ["observer", "operator", "admin"]
        assert forbidden == {name for name, least in SPOKEN.items() if order.index(least) > order.index(scope)}
        assert bool(stage.shutdowns.asked) is (scope is Scope.ADMIN)


def test_a_method_without_a_scope_is_none() -> None:
    with pytest.raises(TypeError, match="scope"):
        Method("x/new", params=Nothing, handler=lambda *_: Nothing(), result=Nothing)  # type: ignore[call-arg]
