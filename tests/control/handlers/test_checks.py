"""Params that are of the right type and still can't be."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from jelmored.control.handlers.checks import check_date, check_limit, check_one
from jelmored.errors import ErrorKind, Refused


@pytest.mark.parametrize(
    ("check", "field"),
    [
        (partial(check_limit, 0), "limit"),
        (partial(check_limit, 501), "limit"),
        (partial(check_date, "since", "27.11.2026"), "since"),
        (partial(check_date, "since", "20261127"), "since"),
        (partial(check_one, {"sessionId": False, "state": False}), "sessionId"),
        (partial(check_one, {"sessionId": True, "state": True}), "sessionId"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_field(check: Callable[[], None], field: str) -> None:
    with pytest.raises(Refused) as caught:
        check()
    assert (caught.value.kind, caught.value.field) == (ErrorKind.INVALID_PARAMS, field)


def test_what_fits_is_not() -> None:
    check_limit(1)
    check_limit(500)
    check_date("since", None)
    check_date("since", "2026-11-27")
    check_one({"optionId": False, "answers": True, "cancelled": False})


def test_all_choices_are_named() -> None:
    with pytest.raises(Refused, match="exactly one of optionId, answers and cancelled"):
        check_one({"optionId": False, "answers": False, "cancelled": False})
