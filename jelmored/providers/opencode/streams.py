"""What happens in a directory, for all runs in it: one stream of the server's, opened before anything is asked there.

The server keeps what it has loaded for a directory until it is told to dispose of it. So a directory is leased: when
the last run there has ended it is disposed of, and no run begins meanwhile.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import attrs
import structlog
import trio

from jelmored.errors import ErrorKind, ProviderError, ProviderUnavailableError
from jelmored.wire.sse import EventTooLong, SseDecoder

from .client import OpencodeClient, gone
from .messages import NOISE, ServerEvent, read_event

log = structlog.get_logger(__name__)

OPENING = 20.0  # s until a stream is there; a directory takes 1 to 3
PAUSES = (0.1, 0.5, 1.0, 2.0, 4.0)  # s between tries to have a stream again
UNUSED = 20.0  # s until a directory is disposed of
WAITING = 16 * 1024 * 1024  # bytes of the stream that wait for one run; it is told what it missed by a look


@attrs.define(eq=False)
class Feed:
    """What one run hears of its directory."""

    _events: list[ServerEvent] = attrs.field(factory=list, init=False)
    _bytes: int = attrs.field(default=0, init=False)
    _torn: bool = attrs.field(default=False, init=False)
    _failure: ProviderError | None = attrs.field(default=None, init=False)
    _stirred: trio.Event = attrs.field(factory=trio.Event, init=False)

    async def take(self) -> Sequence[ServerEvent] | None:
        """What has happened since; None: some of it is lost, look for yourself.

        Raises:
            ProviderError: there is no stream any more.
        """
        await self._stirred.wait()
        if self._torn:
            self._torn = False
            self._rest()
            return None
        if self._failure is not None and not self._events:
            raise self._failure
        events, self._events = self._events, []
        self._bytes = 0
        self._rest()
        return events

    def put(self, events: Sequence[ServerEvent], size: int) -> None:
        """`size`: bytes of the stream."""
        self._events.extend(events)
        self._bytes += size
        if self._bytes > WAITING:
            self.tear()
        self._stirred.set()

    def tear(self) -> None:
        """Some of it is lost: what waits is of no use, for whoever looks sees more."""
        self._events.clear()
        self._bytes = 0
        self._torn = True
        self._stirred.set()

    def end(self, failure: ProviderError) -> None:
        self._failure = failure
        self._stirred.set()

    def _rest(self) -> None:
        if not self._events and self._failure is None:
            self._stirred = trio.Event()


@attrs.define(eq=False)
class _Place:
    """A directory in use."""

    directory: str
    changing: trio.Lock = attrs.field(factory=trio.Lock)
    feeds: set[Feed] = attrs.field(factory=set)
    connected: trio.Event = attrs.field(factory=trio.Event)
    stream: trio.CancelScope = attrs.field(factory=trio.CancelScope)
    failure: ProviderError | None = None
    retired: bool = False

    def open(self) -> None:
        """There is a stream: it begins with a word of the server's. What came before another one may be lost."""
        if self.connected.is_set():
            for feed in self.feeds:
                feed.tear()
        self.connected.set()

    def spread(self, events: Sequence[ServerEvent], size: int) -> None:
        telling = [event for event in events if event is not NOISE]
        for feed in self.feeds if telling else ():
            feed.put(telling, size)

    def end(self, failure: ProviderError) -> None:
        self.failure = failure
        self.connected.set()
        for feed in self.feeds:
            feed.end(failure)


class Directories:
    """Those that are in use at one server.

    Args:
        client: of the server.
        ours: it is our own, and nobody else is at work in its directories.
    """

    def __init__(self, client: OpencodeClient, *, ours: bool) -> None:
        self._client = client
        self._ours = ours
        self._places: dict[str, _Place] = {}
        self._nursery: trio.Nursery | None = None

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Keep the streams, until cancelled: then whoever listens is told that the server is gone."""
        try:
            async with trio.open_nursery() as self._nursery:
                task_status.started()
                try:
                    await trio.sleep_forever()
                finally:
                    self._nursery = None
        finally:
            for place in self._places.values():
                place.end(gone("it has ended"))

    @asynccontextmanager
    async def lease(self, directory: str) -> AsyncIterator[Feed]:
        """All that happens there, from now on.

        Raises:
            ProviderError: the stream can't be opened.
        """
        feed = Feed()
        place = await self._enter(directory, feed)
        try:
            await self._until_connected(place)
            yield feed
        finally:
            place.feeds.discard(feed)
            if not place.feeds and self._nursery is not None:
                self._nursery.start_soon(self._retire, place)

    async def _enter(self, directory: str, feed: Feed) -> _Place:
        while self._nursery is not None:
            place = self._places.get(directory)
            if place is None or place.failure is not None:
                place = self._places[directory] = _Place(directory)
                self._nursery.start_soon(self._follow, place)
            async with place.changing:
                if not place.retired:
                    place.feeds.add(feed)
                    return place
        raise gone("it has ended")

    async def _until_connected(self, place: _Place) -> None:
        with trio.move_on_after(OPENING):
            await place.connected.wait()
        if place.failure is not None:
            raise place.failure
        if not place.connected.is_set():
            raise ProviderUnavailableError(ErrorKind.UNAVAILABLE, f"no event stream within {OPENING:.0f} s")

    async def _retire(self, place: _Place) -> None:
        await trio.sleep(UNUSED)
        async with place.changing:
            if place.feeds or place.retired:
                return
            place.retired = True
            place.stream.cancel()
            self._places.pop(place.directory, None)
            if self._ours and place.failure is None:
                await self._dispose(place.directory)

    async def _dispose(self, directory: str) -> None:
        try:
            await self._client.dispose(directory)
        except ProviderError as error:
            log.info("a directory was not disposed of", directory=directory, why=error.message)

    async def _follow(self, place: _Place) -> None:
        """The stream of a place, opened again when it breaks."""
        with place.stream:
            failed = 0
            while failed < len(PAUSES):
                opened, failure = await self._listen(place)
                failed = 0 if opened else failed + 1
                log.info("event stream ended", directory=place.directory, why=failure.message)
                await trio.sleep(PAUSES[min(failed, len(PAUSES) - 1)])
            place.end(failure)

    async def _listen(self, place: _Place) -> tuple[bool, ProviderError]:
        """One stream to its end: was there one, and why is it over."""
        opened = False
        try:
            async with self._client.events(place.directory) as chunks:
                decoder = SseDecoder()
                async for chunk in chunks:
                    if not opened:
                        opened = True
                        place.open()
                    place.spread([read_event(data) for data in decoder.feed(chunk)], len(chunk))
        except ProviderError as error:
            return opened, error
        except EventTooLong as error:
            return opened, gone(str(error))
        return opened, gone("it has closed its event stream")
