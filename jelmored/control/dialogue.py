"""Protocol 1 with one client: hello first, then requests in and replies out (protocol 1, sections 2 and 5)."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import attrs
import orjson
import structlog
import trio

from jelmored.domain.scopes import Scope
from jelmored.domain.times import utc_now
from jelmored.errors import Crashed, ErrorKind, JournalError, ProviderError, Refused, Stopped
from jelmored.wire import codec, jsonrpc
from jelmored.wire import messages as m

from .connection import Connection
from .lanes import Lanes
from .metering import MAX_MESSAGE_BYTES
from .method import Method
from .methods import METHODS
from .outbound import MAX_NOTICE_BYTES, Outbound
from .server import Route
from .services import Services
from .stream import CloseCode

INITIALIZE_SECONDS = 10  # protocol 1, section 2
MAX_IN_FLIGHT = 64

PATH = "/v1"
SUBPROTOCOL = "jelmored.v1"

log = structlog.get_logger(__name__)


class Dialogue:
    """What `Connection` asks of whoever speaks on `/v1`.

    Args:
        connection: the client's.
        services: what its requests are about.
    """

    def __init__(self, connection: Connection, services: Services) -> None:
        self.services = services
        self.principal = connection.principal
        self.outbound = Outbound()
        self._connection = connection
        self._veil = services.journal.veil
        self._greeted = trio.Event()
        self._running = 0
        self._lanes = Lanes(connection.start)

    @property
    def clients(self) -> int:
        return self._connection.clients()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Subscriptions catch up in here."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.outbound.run, self.services.journal)
            task_status.started()
            await self._expect_hello()

    async def _expect_hello(self) -> None:
        with trio.move_on_after(INITIALIZE_SECONDS):
            await self._greeted.wait()
        if not self._greeted.is_set():
            self._connection.end(CloseCode.PROTOCOL, "initialize must come within 10 s")

    def greet(self, hello: m.Initialize) -> m.Welcome:
        """From here on every method may be called."""
        self.principal = attrs.evolve(self.principal, client=hello.client_info.name)
        self.outbound.deltas = hello.capabilities.deltas
        if not self.principal.visitor.confined:  # an agent's own process looks whether we live; it is told nothing
            self.services.directory.hub.join(self.outbound)
        self._greeted.set()
        instance = self.services.instance
        return m.Welcome(
            protocol_version=m.PROTOCOL_VERSION,
            server_info=m.ServerInfo(name="jelmored", version=instance.version),
            instance_id=instance.instance_id,
            connection_id=self.principal.connection_id,
            scope=self.principal.scope,
            limits=m.MessageLimits(max_message_bytes=MAX_MESSAGE_BYTES),
            forward_env=self.services.directory.forwarded,
        )

    async def take(self) -> Sequence[bytes]:
        return await self.outbound.take()

    def finish(self) -> Sequence[bytes]:
        self.services.directory.hub.leave(self.outbound)
        return self.outbound.rest(2 * MAX_NOTICE_BYTES)

    async def hear(self, frame: str) -> None:
        """One frame. It waits while the client leaves its replies unread."""
        await self.outbound.room()
        try:
            message = jsonrpc.parse(frame)
        except jsonrpc.BadMessage as bad:
            self.outbound.reply(bad.reply)
            return
        if isinstance(message, jsonrpc.Request):  # protocol 1 has no notifications from a client
            await self._begin(message)

    async def _begin(self, request: jsonrpc.Request) -> None:
        try:
            method = self._admit(request)
            params = method.decode(request.params)
        except Refused as no:
            self.outbound.reply(self._failure(request.id, no))
            return
        self._running += 1
        job = partial(self._perform, request.id, method, params)
        lane = method.lane(self, params)
        if method.waits or self._lanes.busy(lane):
            await self._lanes.put(lane, job)
        else:
            await job()

    def _admit(self, request: jsonrpc.Request) -> Method[Any, Any]:
        if self._running + self.outbound.replies >= MAX_IN_FLIGHT:
            raise Refused(ErrorKind.OVERLOADED, f"more than {MAX_IN_FLIGHT} requests in flight; wait for replies")
        hello = request.method == "initialize"
        if not hello and not self._greeted.is_set():
            raise Refused(ErrorKind.NOT_INITIALIZED, "the first request must be initialize")
        if hello and self._greeted.is_set():
            raise Refused(ErrorKind.INVALID_MESSAGE, "initialize came already")
        if hello:
            _refuse_version(codec.from_params(request.params, m.Spoken).protocol_version)
        method = METHODS.get(request.method)
        if method is None:
            raise Refused(ErrorKind.METHOD_NOT_FOUND, f"there is no method {request.method[:80]!r}")
        if (confined := self.principal.visitor.confined) and not method.for_agents:
            raise _for_agents(confined)
        if not self.principal.scope.includes(method.scope):
            raise Refused(ErrorKind.FORBIDDEN, f"{method.name} needs the scope {method.scope}")
        if method.scope is Scope.OPERATOR and self.services.stopping():  # what is begun now would only be cut
            raise _stopping()
        return method

    async def _perform(self, key: jsonrpc.RequestKey, method: Method[Any, Any], params: Any) -> None:
        try:
            await self.outbound.room()
            value = method.handler(self, params)
            answer = await value if inspect.isawaitable(value) else value
            payload = _bounded(key, self._result(key, answer))
        except Exception as error:  # noqa: BLE001 - a request that fails is answered; the connection lives
            payload = self._failure(key, _told(error, method.name))
        finally:
            self._running -= 1
        self.outbound.reply(payload)

    def _result(self, key: jsonrpc.RequestKey, answer: Any) -> bytes:
        """Without secrets, as all that we tell. Events and states had theirs taken out when they were made: they go
        out as they are, to the byte."""
        payload = jsonrpc.result(key, codec.to_json(answer))
        if not self._veil.secrets.stand_in(payload):
            return payload
        return jsonrpc.result(key, codec.to_json(self._veil.value(answer)))

    def _failure(self, key: jsonrpc.RequestKey, refused: Refused) -> bytes:
        payload = jsonrpc.failure(key, refused)
        if not self._veil.secrets.stand_in(payload):
            return payload
        return orjson.dumps({**orjson.loads(self._veil.json(payload)), "id": key})  # whatever stands in that


def _for_agents(why: str) -> Refused:
    words = f"{why}: it may `ping` and read `daemon/status`, nothing else"
    return Refused(ErrorKind.FORBIDDEN, words, remedy="ask from a process that lives, outside of any agent's")


def _stopping() -> Refused:
    return Refused(ErrorKind.OVERLOADED, "the daemon is stopping; try again")


def _refuse_version(version: int) -> None:
    if version != m.PROTOCOL_VERSION:
        raise Refused(
            ErrorKind.UNSUPPORTED_PROTOCOL,
            f"this daemon speaks protocol {m.PROTOCOL_VERSION}, not {version}",
            data={"supported": [m.PROTOCOL_VERSION]},
        )


def _bounded(key: jsonrpc.RequestKey, payload: bytes) -> bytes:
    if len(payload) <= MAX_MESSAGE_BYTES:
        return payload
    return jsonrpc.failure(key, Refused(ErrorKind.INTERNAL, "the answer is larger than 16 MiB; ask for less"))


def _told(error: Exception, method: str) -> Refused:
    """What a client learns of an exception."""
    match error:
        case Refused():
            return error
        case ProviderError():
            wait = max(0.0, (error.retry_at - utc_now()).total_seconds()) if error.retry_at else None
            return Refused(error.kind, error.message, remedy=error.remedy, retry_after=wait)
        case JournalError():
            return Refused(error.kind, error.message, remedy=error.remedy)
        case Stopped():
            return _stopping()
        case Crashed():
            return Refused(ErrorKind.INTERNAL, "it failed while at work on this; whether it took effect is not known")
    log.exception("a request failed", method=method, error=type(error).__name__)
    return Refused(ErrorKind.INTERNAL, "an error of ours; the log has it")


def routes(services: Services) -> Mapping[str, Route]:
    """The one path that there is, for `Connections`."""
    return {PATH: Route(SUBPROTOCOL, lambda connection: Dialogue(connection, services))}
