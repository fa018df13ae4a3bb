from __future__ import annotations

from collections.abc import Callable

import pytest

from jelmored.domain import ids


@pytest.mark.parametrize(
    ("new", "prefix"),
    [
        (ids.new_session_id, "ses"),
        (ids.new_prompt_id, "prm"),
        (ids.new_approval_id, "apr"),
        (ids.new_connection_id, "con"),
        (ids.new_instance_id, "ins"),
        (ids.new_log_id, "log"),
    ],
)
def test_an_id_tells_of_what_it_is_and_comes_once(new: Callable[[], str], prefix: str) -> None:
    minted = {new() for _ in range(1000)}
    assert len(minted) == 1000
    for one in minted:
        kind, _, rest = one.partition("_")
        assert kind == prefix
        assert len(rest) == 16
        assert rest.isalnum()
        assert rest == rest.lower()
