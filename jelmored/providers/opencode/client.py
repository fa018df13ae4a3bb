"""What is asked of an OpenCode server, call by call, with a time-out for each; and what its refusals mean.

A path that it does not know it answers with a page for browsers and a 200, so the type of each answer is looked at.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Self

import attrs
import orjson
import trio

from jelmored.errors import ErrorKind, ProviderError, ProviderUnavailableError, SessionError

if TYPE_CHECKING:  # else it is imported with the first server: most of a daemon's start would be that
    import httpx

USUAL = 10.0  # s for an answer; the first in a directory takes 1 to 3
PROMPT = 30.0  # s until a prompt is taken: it may have files to read
BULK = 60.0  # s for all that it has of a session
COMPACT = 600.0  # s: that call waits for the model
SILENCE = 25.0  # s without a heartbeat, which comes each 10 s: the stream is dead
CONNECTIONS = 256
JSON = {"content-type": "application/json"}
CONFIGURE = "set api_key of the provider to the password that the server was started with"


@attrs.frozen
class Native:
    """A session as the server has it. Its events come in its own directory, whatever a request says."""

    native_id: str
    directory: str


@attrs.frozen
class Model:
    """As OpenCode names one: `provider/model`."""

    provider: str
    name: str

    @classmethod
    def of(cls, text: str) -> Model:
        provider, _, name = text.partition("/")
        return cls(provider, name)

    @property
    def words(self) -> dict[str, str]:
        return {"providerID": self.provider, "modelID": self.name}


@attrs.frozen
class MessagePage:
    """Some messages of a session. `before`: the place that leads to those before them; None: there are none."""

    body: bytes = attrs.field(repr=False)
    before: str | None


class OpencodeClient:
    """Speaks to one server, for as long as it is entered.

    Args:
        url: of the server.
        auth: user and password, or None to see what it gives without.
        trust: for an https server; None has none but http.
    """

    def __init__(self, url: str, auth: tuple[str, str] | None, trust: ssl.SSLContext | None = None) -> None:
        import httpx

        self._http = httpx.AsyncClient(
            base_url=url,
            auth=httpx.BasicAuth(*auth) if auth else None,
            verify=trust or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),  # which trusts nobody, and costs nothing
            timeout=USUAL,
            limits=httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS),
            trust_env=False,
            follow_redirects=False,
        )

    async def __aenter__(self) -> Self:
        await self._http.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def version(self) -> str:
        """Of a server that is well."""
        return str((await self._get("/global/health")).get("version"))

    async def providers(self) -> Mapping[str, Any]:
        """All that it knows of its models. There are keys in it."""
        return await self._get("/config/providers")

    async def create(self, directory: str, title: str, rules: Sequence[Mapping[str, str]]) -> Native:
        """With a title, or it would ask a model for one."""
        return _native(await self._post("/session", {"title": title, "permission": rules}, directory))

    async def find(self, native_id: str) -> Native | None:
        """None where there is no such session (any more)."""
        try:
            return _native(await self._get(f"/session/{native_id}"))
        except SessionError as error:
            if error.evidence.get("status") == HTTPStatus.NOT_FOUND:
                return None
            raise

    async def fork(self, native_id: str, before: str | None) -> Native:
        """A new session with what was said before this message; all of it if there is none."""
        return _native(await self._post(f"/session/{native_id}/fork", {"messageID": before} if before else {}))

    async def set_rules(self, native_id: str, rules: Sequence[Mapping[str, str]]) -> None:
        """They are added to those that it has."""
        await self._ask("PATCH", f"/session/{native_id}", {"permission": rules})

    async def prompt(self, native_id: str, body: Mapping[str, Any], directory: str) -> None:
        """Returns when it is taken. The model is always named: one that is not known sticks."""
        await self._post(f"/session/{native_id}/prompt_async", body, directory, seconds=PROMPT)

    async def compact(self, native_id: str, model: Model, directory: str) -> None:
        """Returns when it is done."""
        await self._post(f"/session/{native_id}/summarize", model.words, directory, seconds=COMPACT)

    async def abort(self, native_id: str, directory: str) -> None:
        """Of a session that does nothing: nothing."""
        await self._post(f"/session/{native_id}/abort", {}, directory)

    async def busy(self, directory: str) -> frozenset[str]:
        """The sessions of this directory that work."""
        return frozenset(await self._get("/session/status", directory=directory))

    async def messages(self, native_id: str, limit: int) -> bytes:
        """The last ones, oldest first."""
        return await self._ask("GET", f"/session/{native_id}/message", params={"limit": str(limit)})

    async def page(self, native_id: str, limit: int, before: str | None) -> MessagePage:
        """Messages, oldest first: the last ones, or those before a place."""
        params = {"limit": str(limit), **({"before": before} if before else {})}
        path = f"/session/{native_id}/message"
        response = await self._request("GET", path, None, params, BULK)
        return MessagePage(response.content, response.headers.get("x-next-cursor"))

    async def all_messages(self, native_id: str) -> bytes:
        """Oldest first."""
        return await self._ask("GET", f"/session/{native_id}/message", seconds=BULK)

    async def session(self, native_id: str) -> bytes:
        """All that it says of one."""
        return await self._ask("GET", f"/session/{native_id}")

    async def sessions(self, directory: str | None, limit: int) -> Sequence[Any]:
        """Those that are no subagent's, of one directory or of all, the latest first."""
        place = {} if directory is None else {"directory": directory}
        params = {"roots": "true", "limit": str(limit), **place}
        return _list(await self._ask("GET", "/experimental/session", params=params, seconds=BULK), "/session")

    async def children(self, native_id: str) -> Sequence[str]:
        """The sessions of its subagents."""
        found = _list(await self._ask("GET", f"/session/{native_id}/children"), "/session")
        return [_native(one).native_id for one in found]

    async def delete_message(self, native_id: str, message_id: str) -> None:
        """Of a session that does nothing; one that is not there: nothing."""
        try:
            await self._ask("DELETE", f"/session/{native_id}/message/{message_id}")
        except SessionError as error:
            if error.evidence.get("status") != HTTPStatus.NOT_FOUND:
                raise

    async def permissions(self, directory: str) -> bytes:
        """Those that are asked for. Of sessions that were aborted, too."""
        return await self._ask("GET", "/permission", params={"directory": directory})

    async def questions(self, directory: str) -> bytes:
        return await self._ask("GET", "/question", params={"directory": directory})

    async def reply(self, path: str, body: Mapping[str, Any], directory: str) -> None:
        """Answer what was asked. To what is not asked any more: nothing."""
        try:
            await self._post(path, body, directory)
        except SessionError as error:
            if error.evidence.get("status") != HTTPStatus.NOT_FOUND:
                raise

    async def dispose(self, directory: str) -> None:
        """Free what the server keeps for a directory, about 50 MB. It stops what runs there."""
        await self._post("/instance/dispose", {}, directory)

    @asynccontextmanager
    async def events(self, directory: str) -> AsyncIterator[AsyncIterator[bytes]]:
        """What happens in a directory from now on, as it comes. The end of it, or silence, is for the reader to see.

        Raises:
            ProviderError: also while it is read.
        """
        self._check_open()
        with _network_told("/event", SILENCE):
            timeout = (USUAL, SILENCE, USUAL, USUAL)  # of: connecting, reading, writing, waiting for a connection
            async with self._http.stream("GET", "/event", params={"directory": directory}, timeout=timeout) as response:
                if not _is(response, "text/event-stream"):
                    await response.aread()
                    raise _refused(response)
                yield response.aiter_bytes()

    def _check_open(self) -> None:
        if self._http.is_closed:
            raise gone("it has ended")

    async def _get(self, path: str, **params: str) -> Mapping[str, Any]:
        return _table(await self._ask("GET", path, params=params), path)

    async def _post(
        self, path: str, body: Mapping[str, Any], directory: str | None = None, *, seconds: float = USUAL
    ) -> Any:
        params = {"directory": directory} if directory is not None else {}
        answer = await self._ask("POST", path, body, seconds=seconds, params=params)
        return orjson.loads(answer) if answer else None

    async def _ask(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        params: Mapping[str, str] = {},
        seconds: float = USUAL,
    ) -> bytes:
        """The body of an answer that is JSON, or empty.

        Raises:
            ProviderError: there is none.
        """
        return (await self._request(method, path, body, params, seconds)).content

    async def _request(
        self, method: str, path: str, body: Mapping[str, Any] | None, params: Mapping[str, str], seconds: float
    ) -> httpx.Response:
        content = None if body is None else orjson.dumps(body)
        self._check_open()
        with _network_told(path, seconds), trio.fail_after(seconds):
            response = await self._http.request(
                method, path, params=params, content=content, headers=JSON, timeout=seconds
            )
        if response.status_code != HTTPStatus.NO_CONTENT and not _is(response, "application/json"):
            raise _refused(response)
        return response


@contextmanager
def _network_told(path: str, seconds: float) -> Iterator[None]:
    """No answer, in our own words."""
    import httpx

    try:
        yield
    except (httpx.TimeoutException, trio.TooSlowError) as error:
        raise ProviderUnavailableError(
            ErrorKind.UNAVAILABLE, f"the OpenCode server did not answer {path} within {seconds:g} s"
        ) from error
    except httpx.HTTPError as error:
        raise gone(f"{path}: {type(error).__name__}") from error


def gone(how: str) -> SessionError:
    """The server is not there (any more): its runs start again at the next one."""
    return SessionError(ErrorKind.AGENT_CRASHED, f"the OpenCode server is gone ({how})")


def _is(response: httpx.Response, kind: str) -> bool:
    return response.is_success and response.headers.get("content-type", "").startswith(kind)


def _refused(response: httpx.Response) -> ProviderError:
    """Of the body only what it says of itself: others have keys in them."""
    status = response.status_code
    evidence = {"status": status, "path": response.request.url.path}
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return ProviderUnavailableError(
            ErrorKind.AUTH_REQUIRED, "the OpenCode server wants another password", remedy=CONFIGURE, evidence=evidence
        )
    if response.is_success:
        return ProviderUnavailableError(
            ErrorKind.UNAVAILABLE, "that is no OpenCode server of a version that we know", evidence=evidence
        )
    kind = ErrorKind.UNAVAILABLE if response.is_server_error else ErrorKind.INVALID_REQUEST
    return SessionError(kind, f"the OpenCode server said {status}: {_words(response.content)}", evidence=evidence)


def _words(body: bytes) -> str:
    """It words its errors in two ways."""
    try:
        match orjson.loads(body):
            case {"data": {"message": str(message)}} | {"message": str(message)}:
                return message[:500]
    except orjson.JSONDecodeError:
        pass
    return "no reason"


def _table(body: bytes, path: str) -> Mapping[str, Any]:
    match orjson.loads(body):
        case dict() as table:
            return table
    raise _garbled(path)


def _list(body: bytes, path: str) -> Sequence[Any]:
    match orjson.loads(body):
        case list() as items:
            return items
    raise _garbled(path)


def _native(answer: Any) -> Native:
    match answer:
        case {"id": str(native_id), "directory": str(directory)}:
            return Native(native_id, directory)
    raise _garbled("/session")


def _garbled(path: str) -> ProviderUnavailableError:
    return ProviderUnavailableError(ErrorKind.UNAVAILABLE, f"the OpenCode server answered {path} otherwise than it did")
