"""What tests ask of a client, in few words."""

from __future__ import annotations

from collections.abc import Awaitable

import pytest

from tests.client_raw import RawClient, RpcError


async def refused(call: Awaitable[object], code: int, kind: str, field: str | None = None) -> RpcError:
    """The error that a request ends with."""
    with pytest.raises(RpcError) as caught:
        await call
    error = caught.value
    assert (error.code, error.kind) == (code, kind)
    assert isinstance(error.data["retryable"], bool)
    assert error.data.get("field") == field
    return error


def seqs(client: RawClient) -> list[int]:
    """Of the events that came."""
    return [note.params["seq"] for note in client.notes if note.is_event]


def told(client: RawClient) -> list[tuple[str, int]]:
    """The events that came: session and seq."""
    return [(note.params["sessionId"], note.params["seq"]) for note in client.notes if note.is_event]
