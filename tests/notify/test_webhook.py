"""The webhook, at a real server on loopback."""

from __future__ import annotations

import orjson
import pytest
import trio
from structlog.testing import capture_logs

from jelmored.notify import webhook
from jelmored.notify.webhook import PAUSES, Webhook
from jelmored.wire import codec

from .cases import notice
from .endpoint import Answer, endpoint


@pytest.fixture(autouse=True)
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "PAUSES", (0.05, 0.15))


def test_the_pauses_grow_and_leave_time_for_all_tries() -> None:
    assert list(PAUSES) == sorted(set(PAUSES))
    assert sum(PAUSES) < webhook.SECONDS / 2


async def test_it_is_posted_as_json() -> None:
    async with endpoint(204) as server:
        with capture_logs() as logged:
            await Webhook(server.url).tell(notice("Bash: ls"))

    [posted] = server.posted
    assert (posted.request.method, posted.request.target) == (b"POST", b"/hook?key=sk-1")
    assert posted.headers["content-type"] == "application/json"
    assert posted.headers["user-agent"].startswith("jelmored/")
    assert orjson.loads(posted.body) == codec.to_json(notice("Bash: ls"))
    assert logged == []


@pytest.mark.parametrize("first", [500, 503, 429, "cut"])
async def test_what_may_pass_is_tried_again(first: Answer) -> None:
    async with endpoint(first, first, 200) as server:
        with capture_logs() as logged:
            await Webhook(server.url).tell(notice())
    assert len(server.posted) == 3
    assert len({one.body for one in server.posted}) == 1
    assert server.pauses[0] < server.pauses[1]
    assert logged == []


@pytest.mark.parametrize(
    ("answer", "tries", "fault"),
    [
        (500, 3, "it answered 500"),
        ("cut", 3, "RemoteProtocolError"),
        (404, 1, "it answered 404"),
        (302, 1, "it answered 302, and redirects are not followed"),
    ],
)
async def test_in_the_end_it_is_logged_without_the_address(answer: Answer, tries: int, fault: str) -> None:
    async with endpoint(answer) as server:
        with capture_logs() as logged:
            await Webhook(server.url).tell(notice())
    assert [one.request.target for one in server.posted] == [b"/hook?key=sk-1"] * tries
    [line] = logged
    assert line.items() >= {"event": "notice not told", "log_level": "warning", "session": "ses_1"}.items()
    assert (line["host"], line["fault"]) == ("127.0.0.1", fault)
    assert "sk-1" not in repr(logged)


async def test_nobody_is_there() -> None:
    async with endpoint(200) as server:
        url = server.url
    with capture_logs() as logged:
        await Webhook(url).tell(notice())
    assert [line["fault"] for line in logged] == ["ConnectError"]


async def test_all_tries_together_have_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "SECONDS", 0.5)
    async with endpoint("hang") as server:
        with capture_logs() as logged, trio.fail_after(5):
            await Webhook(server.url).tell(notice())
    assert [line["fault"] for line in logged] == ["no answer within 0 s"]
    assert len(server.posted) == 1


async def test_an_address_that_only_looks_like_one() -> None:
    with capture_logs() as logged:
        await Webhook("http://ex\u2028ample/").tell(notice())
    assert [line["fault"] for line in logged] == ["its URL can't be used"]
