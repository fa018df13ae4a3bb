"""Bytes to a head. What is refused is in the matrix: test_gate.py."""

from __future__ import annotations

from jelmored.control.head import Head, parse

from .wire import head


def test_a_head() -> None:
    found = parse(head("/v1", ("X-A", "1, 2"), ("x-a", " 3 ,")))
    assert found is not None
    assert (found.method, found.target) == ("GET", "/v1")
    assert found.all("x-a") == ("1, 2", "3 ,")
    assert found.words("x-a") == ("1", "2", "3")
    assert found.only("host") == "localhost"
    assert found.only("x-a") == found.only("x-b") == ""


def test_what_is_none() -> None:
    assert parse(b"") is None
    assert parse(b"GET /v1 HTTP/1.1\r\n\r\n") == Head("GET", "/v1", ())
    assert parse(b"GET /v1 HTTP/1.1\r\nHost: a\r\n\r\nmore") is None
