"""The table has the methods of the protocol; what each of them does is tested beside its handler."""

from __future__ import annotations

from jelmored.control.methods import METHODS

SPOKEN = {
    "initialize": "observer",
    "ping": "observer",
    "rpc.discover": "observer",
    "daemon/status": "observer",
    "daemon/drain": "admin",
    "daemon/undrain": "admin",
    "daemon/shutdown": "admin",
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
