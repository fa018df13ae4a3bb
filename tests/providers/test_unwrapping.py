from __future__ import annotations

import pytest

from jelmored.errors import ErrorKind, ProviderError, SessionError
from jelmored.providers.unwrapping import provider_errors_bare

OURS = SessionError(ErrorKind.AGENT_CRASHED, "gone")


def raised(error: BaseException) -> BaseException:
    with pytest.raises(type(error) if not isinstance(error, BaseExceptionGroup) else BaseException) as caught:
        _raise(error)
    return caught.value


def _raise(error: BaseException) -> None:
    with provider_errors_bare():
        raise error


def test_one_of_ours_comes_bare() -> None:
    assert raised(OURS) is OURS
    assert raised(ExceptionGroup("", [ExceptionGroup("", [OURS, ProviderError(ErrorKind.NETWORK, "x")])])) is OURS


def test_others_pass_as_they_are() -> None:
    mixed = ExceptionGroup("", [OURS, ValueError()])
    assert raised(mixed) is mixed
    assert isinstance(raised(ValueError()), ValueError)
