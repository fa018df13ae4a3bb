"""What is published reaches everyone who listens, and nobody can make it wait."""

from __future__ import annotations

from typing import Any, cast

import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import wait_all_tasks_blocked

from jelmored.actors.running import running
from jelmored.domain.commands import CreateSession
from jelmored.domain.events import DeltaKind
from jelmored.domain.ids import ItemId, LogId, ProviderName, SessionId
from jelmored.domain.permissions import PermissionMode
from jelmored.domain.sessions import SessionView, view
from jelmored.sessions.hub import DeltaFrame, EventFrame, Feed, Frame, Hub, OpenItems, VoidFrame
from jelmored.sessions.moving.founding import first_facts

from .stage import Watcher

FACTS = first_facts(CreateSession(cwd="/"), ProviderName("puppet"), PermissionMode.ASK, ())
SEEN = view(FACTS, attached=False, subscribers=0, queued=0, background_tasks=0)


class Telling(Watcher):
    """Notes when it was told of a change."""

    def __init__(self) -> None:
        super().__init__()
        self.times: list[float] = []

    def notify(self, payload: bytes) -> None:
        super().notify(payload)
        self.times.append(trio.current_time())


def feed_of(hub: Hub, *watchers: Watcher, name: str = "ses_1") -> Feed:
    feed = Feed(SessionId(name), LogId("log_1"), 0, subscribers=set(watchers))
    hub.open(feed)
    return feed


def event(seq: int, closes: str | None = None) -> EventFrame:
    return EventFrame(seq, b"{}", ItemId(closes) if closes else None)


def delta(item: str, text: str) -> DeltaFrame:
    return DeltaFrame(b"{}", ItemId(item), DeltaKind.TEXT, text)


def void(item: str) -> VoidFrame:
    return VoidFrame(b"{}", ItemId(item))


def texts(feed: Feed) -> dict[str, str]:
    return {item.item_id: item.text for item in feed.open_items.snapshot()}


def test_a_feed_knows_what_streams_at_its_head() -> None:
    feed = feed_of(Hub())
    feed.publish([delta("a", "Hé"), delta("b", "x"), delta("a", "llo"), event(1)])
    assert (feed.head, texts(feed)) == (1, {"a": "Héllo", "b": "x"})
    feed.publish([event(2, closes="a"), void("b"), event(3, closes="never seen")])
    assert (feed.head, texts(feed)) == (3, {})
    assert not feed.open_items


frames = st.lists(
    st.one_of(
        st.builds(delta, st.sampled_from("abc"), st.text(max_size=3)),
        st.builds(void, st.sampled_from("abc")),
        st.builds(lambda item: event(0, closes=item), st.sampled_from("abc")),
    )
)


@given(frames)
def test_what_streams_is_what_was_said_since_it_was_last_closed(published: list[Frame]) -> None:
    feed, expected = feed_of(Hub()), cast("dict[str, str]", {})
    for frame in published:
        match frame:
            case DeltaFrame():
                expected[frame.item_id] = expected.get(frame.item_id, "") + frame.text
            case EventFrame():
                expected.pop(str(frame.closes), None)
            case VoidFrame():
                expected.pop(frame.item_id, None)
    feed.publish(published)
    assert texts(feed) == expected


def test_an_offset_counts_code_points() -> None:
    items = OpenItems()
    offsets = [items.append(ItemId("i"), DeltaKind.TEXT, text, None) for text in ("aé", "👍🏽", "", "x")]
    assert offsets == [0, 2, 4, 4]


def test_every_subscriber_gets_the_same_in_one_piece() -> None:
    hub, got = Hub(), list[Any]()

    class Keeping(Watcher):
        def push(self, feed: Feed, frames: Any) -> None:
            got.append(frames)

    feed = feed_of(hub, Keeping(), Keeping())
    feed.publish([event(1), event(2)])
    assert got[0] is got[1]
    assert len(got) == 2


def test_an_observer_sees_all_sessions_and_is_nobody_there() -> None:
    hub, seen = Hub(), list[tuple[str, int]]()

    class Seeing:
        def push(self, feed: Feed, frames: Any) -> None:
            seen.append((feed.session_id, len(feed.subscribers)))

    observer, before = Seeing(), feed_of(hub, name="ses_1")
    hub.observe(observer)
    before.publish([event(1)])
    feed_of(hub, Watcher(), name="ses_2").publish([event(1)])
    hub.unobserve(observer)
    before.publish([event(2)])
    assert seen == [("ses_1", 0), ("ses_2", 1)]


def test_who_watches_all_learns_of_new_ones_until_it_does_not() -> None:
    hub, watcher = Hub(), Watcher()
    hub.watch(watcher)
    first = feed_of(hub, name="ses_1")
    hub.unwatch(watcher)
    second = feed_of(hub, name="ses_2")
    assert (watcher in first.subscribers, watcher in second.subscribers) == (True, False)
    assert hub.feed(SessionId("ses_2")) is second
    assert hub.feed(SessionId("ses_3")) is None


def test_who_leaves_gets_nothing_any_more() -> None:
    hub, watcher = Hub(), Watcher()
    feed = feed_of(hub, watcher)
    hub.join(watcher)
    hub.watch(watcher)
    hub.broadcast("daemon/event", {})
    assert watcher.messages == [{"jsonrpc": "2.0", "method": "daemon/event", "params": {}}]
    hub.leave(watcher)
    hub.broadcast("daemon/event", {})
    feed.publish([event(1)])
    assert len(watcher.messages) == 1
    assert watcher not in feed_of(hub, name="ses_2").subscribers


def test_the_end_of_a_session_is_told_once_to_its_subscribers_and_to_who_watches_all() -> None:
    hub, subscriber, watcher, other = Hub(), Watcher(), Watcher(), Watcher()
    feed = feed_of(hub, subscriber)
    hub.watch(watcher)
    watcher.opened(feed)
    feed_of(hub, other, name="ses_2")
    hub.close(feed)
    removed = {"jsonrpc": "2.0", "method": "session/removed", "params": {"sessionId": "ses_1"}}
    assert (subscriber.messages, watcher.messages, other.messages) == ([removed], [removed], [])
    assert hub.feed(SessionId("ses_1")) is None


def seen() -> SessionView:
    return SEEN


async def test_changes_are_told_four_times_a_second_at_most(autojump_clock: trio.testing.MockClock) -> None:
    hub, watcher = Hub(), Telling()
    feed_of(hub, watcher)
    async with running(hub.run):
        for _ in range(200):
            hub.changed(SessionId("ses_1"), seen)
            await trio.sleep(0.01)
        await trio.sleep(1)
    assert 8 <= len(watcher.times) <= 10
    assert all(later - earlier >= 0.25 for earlier, later in zip(watcher.times, watcher.times[1:], strict=False))
    assert watcher.messages[0]["params"]["session"]["sessionId"] == FACTS.session_id


async def test_the_last_change_is_told(autojump_clock: trio.testing.MockClock) -> None:
    hub, watcher, titles = Hub(), Telling(), cast("list[int]", [])

    def count() -> SessionView:
        titles.append(len(titles))
        return SEEN

    feed_of(hub, watcher)
    async with running(hub.run):
        hub.changed(SessionId("ses_1"), seen)
        await wait_all_tasks_blocked()
        hub.changed(SessionId("ses_1"), count)
        await trio.sleep(1)
    assert len(titles) == 1, "asked once, when it is told"
    assert watcher.times == [0, 0.25]


async def test_nobody_is_told_of_what_nobody_listens_to(autojump_clock: trio.testing.MockClock) -> None:
    hub, asked = Hub(), cast("list[int]", [])
    feed_of(hub)

    def ask() -> SessionView:
        asked.append(1)
        return SEEN

    async with running(hub.run):
        hub.changed(SessionId("ses_1"), ask)
        hub.changed(SessionId("ses_gone"), ask)
        await trio.sleep(1)
    assert asked == []
