"""What a method of protocol 1 is: a name, who may ask, params, a result, and the handler.

A handler has decoded params and gives a value, never a frame.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Generic, Protocol, TypeVar

import attrs

from jelmored.domain.scopes import Scope
from jelmored.wire import codec
from jelmored.wire import messages as m
from jelmored.wire.schemas import words_of

from .outbound import Outbound
from .principal import Principal
from .services import Services

P = TypeVar("P")
R = TypeVar("R")


class Caller(Protocol):
    """The client that asks, as a handler sees it."""

    @property
    def services(self) -> Services: ...

    @property
    def principal(self) -> Principal: ...

    @property
    def outbound(self) -> Outbound: ...

    @property
    def clients(self) -> int:
        """How many are connected."""

    def greet(self, hello: m.Initialize) -> m.Welcome:
        """Remember who it is."""


@attrs.frozen
class Method(Generic[P, R]):
    """A row of the table.

    Args:
        name: on the wire.
        scope: the least that a client needs.
        params: their type.
        handler: an ordinary function does all of it at once; a coroutine function may wait.
        result: its type.
        for_agents: processes of our own agents may ask it too.
        lane: requests with the same lane take effect one after the other; None: beside all others.
    """

    name: str
    scope: Scope
    params: type[P]
    handler: Callable[[Caller, P], R | Awaitable[R]]
    result: type[R] | tuple[type[Any], ...]
    for_agents: bool = False
    lane: Callable[[Caller, P], str | None] = lambda _, params: getattr(params, "session_id", None)

    @property
    def waits(self) -> bool:
        return inspect.iscoroutinefunction(self.handler)

    @property
    def results(self) -> tuple[type[Any], ...]:
        """The types of which the result has one."""
        return self.result if isinstance(self.result, tuple) else (self.result,)

    @property
    def words(self) -> str:
        """What it is for: the docstring of its handler, which speaks to those who write clients."""
        return words_of(self.handler)

    def decode(self, params: Mapping[str, Any]) -> P:
        """Raises `Refused` (`invalid-params`), naming the field."""
        return codec.from_params(params, self.params)
