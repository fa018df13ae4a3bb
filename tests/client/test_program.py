from __future__ import annotations

import os
import sys

import pytest

from jelmored.client.exits import Exit
from jelmored.client.program import ask


@pytest.mark.parametrize(
    ("end", "code"),
    [("exit(0)", Exit.OK), ("exit(2)", Exit.USAGE), ("exit(1)", Exit.REFUSED), ("import os; os.abort()", Exit.REFUSED)],
)
async def test_how_it_ends_is_told_in_our_codes(end: str, code: Exit) -> None:
    assert await ask(os.environ, end, program=(sys.executable, "-c")) is code
