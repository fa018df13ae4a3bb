from __future__ import annotations

import pytest

import jelmored.client


def test_every_public_name_is_found_where_it_is_said_to_be() -> None:
    assert sorted(name for names in jelmored.client.HOMES.values() for name in names) == sorted(jelmored.client.__all__)
    assert all(getattr(jelmored.client, name).__name__ for name in jelmored.client.__all__ if name != "Output")
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = jelmored.client.Nothing
