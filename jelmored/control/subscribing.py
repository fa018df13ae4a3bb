"""Where a subscription begins: `after`, `tail` and `logId` of `session/subscribe` (protocol 1, sections 3 and 4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jelmored.domain.ids import SessionId
from jelmored.errors import ErrorKind, Refused
from jelmored.sessions.hub import Feed, Hub
from jelmored.wire.messages import Subscribe, Subscribed, SubscribedAll

from .outbound import Outbound

ALL = SessionId("*")


def subscribe(wanted: Subscribe, hub: Hub, outbound: Outbound) -> Subscribed | SubscribedAll:
    """One synchronous step, so that the reply is ahead of the first event.

    Raises:
        Refused: `not-found`, `cursor-expired`, `invalid-params`; nothing has changed then.
    """
    if wanted.session_id == ALL:
        return _subscribe_all(wanted, hub, outbound)
    feed = hub.feed(wanted.session_id)
    if feed is None:
        raise Refused(ErrorKind.NOT_FOUND, f"there is no session {wanted.session_id}", field="sessionId")
    outbound.subscribe(feed, _cursor(wanted, feed))
    return _stand(feed)


def unsubscribe(session_id: SessionId, hub: Hub, outbound: Outbound) -> None:
    """Nothing of it follows the reply."""
    if session_id == ALL:
        hub.unwatch(outbound)
        outbound.unsubscribe_all()
    else:
        outbound.unsubscribe(session_id)


def _subscribe_all(wanted: Subscribe, hub: Hub, outbound: Outbound) -> SubscribedAll:
    for field, value in (("tail", wanted.tail), ("logId", wanted.log_id)):
        if value is not None:
            raise _invalid(field, "is for one session")
    feeds = dict(hub.feeds)
    cursors = {session_id: _cursor_of_all(wanted.after, feed) for session_id, feed in feeds.items()}
    hub.watch(outbound)
    for session_id, feed in feeds.items():
        outbound.subscribe(feed, cursors[session_id])
    return SubscribedAll(sessions={session_id: _stand(feed) for session_id, feed in feeds.items()})


def _cursor_of_all(after: Any, feed: Feed) -> int:
    """A session that the client has no cursor of came later: it is told from its first event."""
    if after == "now":
        return feed.head
    if not isinstance(after, Mapping):
        raise _invalid("after", 'is "now", or a seq by session')
    return _in_log(_seq(after.get(feed.session_id, feed.begins_after), "after"), feed)


def _cursor(wanted: Subscribe, feed: Feed) -> int:
    if wanted.log_id not in (None, feed.log_id):
        raise _expired(feed, "the log was rebuilt")
    match wanted.after:
        case "now":
            first = feed.begins_after if wanted.tail is not None else feed.head
        case "start":
            first = feed.begins_after
        case other:
            first = _in_log(_seq(other, "after"), feed)
    return first if wanted.tail is None else max(first, feed.head - _seq(wanted.tail, "tail"))


def _seq(value: Any, field: str) -> int:
    if type(value) is not int or value < 0:
        raise _invalid(field, "is a number from 0 on")
    return value


def _in_log(cursor: int, feed: Feed) -> int:
    if cursor > feed.head:
        raise _expired(feed, f"the log of {feed.session_id} ends at {feed.head}")
    if cursor < feed.begins_after:
        raise _expired(feed, f"the log of {feed.session_id} begins here with event {feed.oldest}")
    return cursor


def _stand(feed: Feed) -> Subscribed:
    return Subscribed(log_id=feed.log_id, head=feed.head, oldest=feed.oldest)


def _expired(feed: Feed, why: str) -> Refused:
    return Refused(
        ErrorKind.CURSOR_EXPIRED,
        f"{why}; subscribe from the start",
        data={"oldest": feed.oldest, "logId": feed.log_id},
    )


def _invalid(field: str, what: str) -> Refused:
    return Refused(ErrorKind.INVALID_PARAMS, f"{field} {what}", field=field)
