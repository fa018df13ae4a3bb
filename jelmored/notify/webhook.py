"""A notice by HTTP: JSON, posted; tried again while that may help, within 10 s. Its address is a secret."""

from __future__ import annotations

import ssl
from urllib.parse import urlsplit

import attrs
import httpx
import structlog
import trio

from jelmored import __version__
from jelmored.wire import codec

from .notices import Notice

log = structlog.get_logger(__name__)

SECONDS = 10.0  # for all tries together
PAUSES = (0.5, 2.0)  # seconds before the second and the third try
HEADERS = {"Content-Type": "application/json", "User-Agent": f"jelmored/{__version__}"}


@attrs.frozen
class Outcome:
    """`fault`: why it was not taken, without a word of the address. `again`: another try may help."""

    fault: str | None
    again: bool = False


class Webhook:
    """Posts notices.

    Args:
        url: where to; only its host is ever logged.
    """

    name = "webhook"

    def __init__(self, url: str) -> None:
        self._url = url
        self._host = urlsplit(url).hostname
        self._trust: ssl.SSLContext | None = None

    async def tell(self, notice: Notice) -> None:
        outcome = Outcome(f"no answer within {SECONDS:.0f} s")
        with trio.move_on_after(SECONDS):
            outcome = await self._post(codec.encode(notice))
        if outcome.fault is not None:
            log.warning(
                "notice not told",
                way=self.name,
                session=notice.session_id,
                notice=notice.event,
                host=self._host,
                fault=outcome.fault,
            )

    async def _post(self, body: bytes) -> Outcome:
        if self._trust is None:  # certificates are read from the disk
            self._trust = await trio.to_thread.run_sync(httpx.create_ssl_context)
        async with httpx.AsyncClient(verify=self._trust, timeout=SECONDS, follow_redirects=False) as client:
            outcome = await self._try(client, body)
            for pause in PAUSES:
                if not outcome.again:
                    break
                await trio.sleep(pause)
                outcome = await self._try(client, body)
            return outcome

    async def _try(self, client: httpx.AsyncClient, body: bytes) -> Outcome:
        """The answer's body is not read: nobody knows how long it is."""
        try:
            async with client.stream("POST", self._url, content=body, headers=HEADERS) as response:
                return _outcome(response.status_code)
        except httpx.TransportError as error:
            return Outcome(type(error).__name__, again=True)
        except httpx.InvalidURL:
            return Outcome("its URL can't be used")


def _outcome(status: int) -> Outcome:
    if 200 <= status < 300:
        return Outcome(None)
    if 300 <= status < 400:
        return Outcome(f"it answered {status}, and redirects are not followed")
    return Outcome(f"it answered {status}", again=status >= 500 or status == 429)
