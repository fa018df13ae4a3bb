"""A method decodes what it is asked."""

from __future__ import annotations

import pytest

from tests.client_raw import connect

from .asking import refused
from .stage import staged


@pytest.mark.parametrize("environment", ["PATH=/x", ["PATH"], {"PATH": 1}, {"PATH": None}, {"PATH": ["/x"]}])
async def test_an_environment_has_texts(environment: object) -> None:
    async with staged() as stage, connect(stage.socket) as client:
        asked = client.request("session/create", cwd="/", environment=environment)
        field = "environment['PATH']" if isinstance(environment, dict) else "environment"
        await refused(asked, -32602, "invalid-params", field)
        assert not stage.directory.sessions
