"""A method decodes what it is asked."""

from __future__ import annotations

from tests.client_raw import connect

from .asking import refused
from .stage import staged


async def test_what_is_not_spoken_yet_is_refused_by_name() -> None:
    async with staged() as stage, connect(stage.socket) as client:
        await refused(
            client.request("session/create", cwd="/", environment={}), -32602, "invalid-params", "environment"
        )
        assert not stage.directory.sessions
