from __future__ import annotations

import threading

import pytest

from jelmored.actors.beside import SHORT, computed


@pytest.mark.parametrize(("size", "here"), [(0, True), (SHORT, True), (SHORT + 1, False)])
async def test_only_long_work_goes_into_a_thread(size: int, here: bool) -> None:
    own = threading.get_ident()
    assert (await computed(size, threading.get_ident) == own) is here


@pytest.mark.parametrize("size", [0, SHORT + 1])
async def test_what_it_raises_is_raised(size: int) -> None:
    with pytest.raises(ZeroDivisionError):
        await computed(size, lambda: 1 // 0)
