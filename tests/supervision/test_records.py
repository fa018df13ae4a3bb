"""What agents keep themselves, asked of a provider that answers, falls, or says nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence

import pytest
import structlog.testing
import trio.testing

from jelmored.domain.ids import SessionId
from jelmored.errors import ErrorKind, ProviderError, Refused
from jelmored.providers.base import PastSession, SessionConfig
from jelmored.supervision.records import LOOK, RECORD, Records
from jelmored.testing.puppet import PuppetProvider

CONFIG = SessionConfig(session_id=SessionId("ses_1"), cwd="/")
Mishap = Callable[[], Awaitable[None]]


class Mishappen(PuppetProvider):
    """Something happens to it before it answers."""

    def __init__(self, mishap: Mishap) -> None:
        super().__init__()
        self.mishap = mishap

    async def pack(self, config: SessionConfig) -> bytes | None:
        await self.mishap()
        return b"all of it"

    async def unpack(self, config: SessionConfig, record: bytes) -> bool:
        await self.mishap()
        return True

    async def remembers(self, config: SessionConfig, ids: Sequence[str]) -> Collection[str] | None:
        await self.mishap()
        return ids[:1]

    async def past_sessions(self, cwd: str | None = None) -> Sequence[PastSession]:
        await self.mishap()
        return ()


async def nothing() -> None:
    pass


async def falls() -> None:
    raise RuntimeError("a fault of the plug-in's own")


async def ask_all(records: Records) -> list[object]:
    return [
        await records.pack(CONFIG),
        await records.unpack(CONFIG, b"x"),
        await records.remembers(CONFIG, ["a", "b"]),
    ]


async def test_what_it_says_is_the_answer() -> None:
    assert await ask_all(Records(Mishappen(nothing))) == [b"all of it", True, ["a"]]


async def test_one_that_falls_has_no_record() -> None:
    with structlog.testing.capture_logs() as logs:
        assert await ask_all(Records(Mishappen(falls))) == [None, False, None]
    assert [line["provider"] for line in logs] == ["puppet"] * 3


async def test_nor_has_one_that_does_not_answer_in_time(autojump_clock: trio.testing.MockClock) -> None:
    begun = trio.current_time()
    assert await ask_all(Records(Mishappen(trio.sleep_forever))) == [None, False, None]
    assert trio.current_time() - begun == pytest.approx(2 * RECORD + LOOK)


async def test_past_sessions_that_can_not_be_read_are_refused_in_its_words() -> None:
    async def unreadable() -> None:
        raise ProviderError(ErrorKind.UNAVAILABLE, "the file is locked", remedy="close it")

    with pytest.raises(Refused, match="the file is locked") as refused:
        await Records(Mishappen(unreadable)).past_sessions(None)
    assert (refused.value.kind, refused.value.remedy) == (ErrorKind.UNAVAILABLE, "close it")
