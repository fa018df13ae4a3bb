"""What every journal holds to. An engine's tests inherit `JournalContract` and say how to make one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import attrs
import pytest
import trio
import trio.testing

from jelmored.domain.ids import PromptId, ProviderName, SessionId
from jelmored.domain.usage import Usage, UsageEntry, UsageKey, UsageRow
from jelmored.errors import ErrorKind, JournalError
from jelmored.journal.base import Attachment, Batch, Entry, Journal, StoredKey, StoredPrompt, StoredSession

ONE, TWO = SessionId("ses_one"), SessionId("ses_two")


class Clock:
    """A wall clock that stands until it is moved."""

    def __init__(self) -> None:
        self.time = datetime(2026, 11, 23, 0, 56, 1, 250_000, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time


Make = Callable[[], Journal]
"""Makes a journal; all that one test makes share what they keep, as before and after a restart."""


@asynccontextmanager
async def running(journal: Journal) -> AsyncIterator[Journal]:
    async with trio.open_nursery() as nursery:
        await nursery.start(journal.run)
        yield journal
        nursery.cancel_scope.cancel()


def entry(seq: int, size: int = 10) -> Entry:
    return Entry(seq, "assistant", f'{{"seq":{seq},"text":"é{"x" * size}"}}'.encode())


def entries(first: int, last: int, size: int = 10) -> tuple[Entry, ...]:
    return tuple(entry(seq, size) for seq in range(first, last + 1))


def batch(first: int, last: int, session_id: SessionId = ONE) -> Batch:
    return Batch(session_id=session_id, events=entries(first, last), facts=b"{}")


def used(session_id: SessionId, day: str, cost: float, *, provider: str = "claude", notional: bool = False) -> Batch:
    usage = Usage(input_tokens=10, output_tokens=2, cost_usd=cost, notional=notional, notional_usd=cost * notional)
    entry = UsageEntry(
        day=day, session_id=session_id, provider=ProviderName(provider), model=f"{provider}-1", usage=usage
    )
    return Batch(session_id=session_id, facts=b"{}", usage=(entry,))


def row(key: str, turns: int, cost: float, notional: float = 0.0) -> UsageRow:
    return UsageRow(
        key=key, input_tokens=10 * turns, output_tokens=2 * turns, cost_usd=cost, notional_usd=notional, turns=turns
    )


def seqs(found: tuple[Entry, ...]) -> list[int]:
    return [entry.seq for entry in found]


async def _keep_ten(journal: Journal, size: int = 10) -> None:
    await journal.append([Batch(session_id=ONE, events=entries(1, 10, size))])


class JournalContract:
    @pytest.fixture
    def clock(self) -> Clock:
        return Clock()

    async def test_gives_back_what_was_appended_in_order_and_byte_for_byte(self, make: Make) -> None:
        async with running(make()) as journal:
            await journal.append([batch(1, 1), batch(1, 3, TWO), batch(2, 4)])
            page = await journal.read(ONE)
            assert (page.entries, page.has_more) == (entries(1, 4), False)
            assert (await journal.read(TWO)).entries == entries(1, 3)

    async def test_knows_nothing_of_a_session_that_never_was(self, make: Make) -> None:
        async with running(make()) as journal:
            page = await journal.read(ONE)
            assert (page.entries, page.has_more) == ((), False)
            assert await journal.key(ONE, "k") is None
            assert await journal.attachment("0" * 64) is None
            assert list(await journal.sessions()) == []
            assert await journal.session(ONE) is None

    @pytest.mark.parametrize("wrong", [batch(5, 6), batch(3, 4), batch(1, 1)])
    async def test_refuses_a_batch_that_does_not_go_on_from_the_head(self, make: Make, wrong: Batch) -> None:
        async with running(make()) as journal:
            await journal.append([batch(1, 3)])
            with pytest.raises(JournalError, match=ONE) as caught:
                await journal.append([wrong])
            assert caught.value.kind is ErrorKind.JOURNAL_FAILED
            await journal.append([batch(4, 4)])
            assert seqs((await journal.read(ONE)).entries) == [1, 2, 3, 4]

    async def test_refuses_a_gap_inside_a_batch_and_keeps_nothing_of_it(self, make: Make) -> None:
        async with running(make()) as journal:
            torn = Batch(session_id=ONE, events=(entry(1), entry(3)), facts=b"torn", queue=(), open_items=b"torn")
            with pytest.raises(JournalError):
                await journal.append([batch(1, 1, TWO), torn])
            assert (await journal.read(ONE)).entries == ()
            assert [session.session_id for session in await journal.sessions()] == [TWO]

    async def test_a_refused_batch_takes_no_other_appender_with_it(self, make: Make) -> None:
        async with running(make()) as journal:
            refused: list[int] = []

            async def append(number: int) -> None:
                wrong = number % 5 == 0
                try:
                    await journal.append([batch(2 if wrong else 1, 2, SessionId(f"ses_{number}"))])
                except JournalError:
                    refused.append(number)

            async with trio.open_nursery() as nursery:
                for number in range(50):
                    nursery.start_soon(append, number)
            assert sorted(refused) == list(range(0, 50, 5))
            assert {session.session_id: session.seq for session in await journal.sessions()} == {
                f"ses_{number}": 2 for number in range(50) if number % 5
            }

    async def test_pages_forward(self, make: Make) -> None:
        async with running(make()) as journal:
            await _keep_ten(journal)
            page = await journal.read(ONE, limit=4)
            assert (seqs(page.entries), page.has_more) == ([1, 2, 3, 4], True)
            page = await journal.read(ONE, after=6, limit=4)
            assert (seqs(page.entries), page.has_more) == ([7, 8, 9, 10], False)
            page = await journal.read(ONE, after=10)
            assert (seqs(page.entries), page.has_more) == ([], False)
            for far in (99, 2**64):
                page = await journal.read(ONE, after=far)
                assert (seqs(page.entries), page.has_more) == ([], False)

    async def test_pages_backward(self, make: Make) -> None:
        async with running(make()) as journal:
            await _keep_ten(journal)
            page = await journal.read(ONE, before=8, limit=3)
            assert (seqs(page.entries), page.has_more) == ([5, 6, 7], True)
            page = await journal.read(ONE, before=4, limit=3)
            assert (seqs(page.entries), page.has_more) == ([1, 2, 3], False)
            page = await journal.read(ONE, after=2, before=6, limit=2)
            assert (seqs(page.entries), page.has_more) == ([4, 5], True)
            page = await journal.read(ONE, after=2, before=6)
            assert (seqs(page.entries), page.has_more) == ([3, 4, 5], False)
            for far in (99, 2**64):
                page = await journal.read(ONE, before=far, limit=2)
                assert (seqs(page.entries), page.has_more) == ([9, 10], True)
            for nothing in (0, 1):
                assert (await journal.read(ONE, before=nothing)).entries == ()

    @pytest.mark.parametrize(("max_bytes", "expected"), [(1, 1), (2999, 2), (3000, 2), (10**6, 10)])
    async def test_a_page_ends_at_its_bytes_but_one_event_always_fits(
        self, make: Make, max_bytes: int, expected: int
    ) -> None:
        async with running(make()) as journal:
            await _keep_ten(journal, size=1000)
            page = await journal.read(ONE, max_bytes=max_bytes)
            assert (seqs(page.entries), page.has_more) == (list(range(1, expected + 1)), expected < 10)
            page = await journal.read(ONE, before=11, max_bytes=max_bytes)
            assert (seqs(page.entries), page.has_more) == (list(range(11 - expected, 11)), expected < 10)

    async def test_pages_of_any_size_add_up_to_the_log(self, make: Make) -> None:
        async with running(make()) as journal:
            await journal.append([batch(1, 137)])
            found: list[Entry] = []
            more = True
            while more:
                page = await journal.read(ONE, after=len(found), limit=10)
                found += page.entries
                more = page.has_more
            assert tuple(found) == entries(1, 137)

    async def test_what_a_batch_does_not_name_stays(self, make: Make) -> None:
        queue = (StoredPrompt(PromptId("prm_b"), b"second"), StoredPrompt(PromptId("prm_a"), b"first"))
        everything = Batch(session_id=ONE, events=entries(1, 2), facts=b"facts", queue=queue, open_items=b"[1]")
        async with running(make()) as journal:
            await journal.append([everything])
            await journal.append([Batch(session_id=ONE, events=entries(3, 3))])
            assert list(await journal.sessions()) == [
                StoredSession(session_id=ONE, seq=3, facts=b"facts", queue=queue, open_items=b"[1]")
            ]
            await journal.append([Batch(session_id=TWO, facts=b"of another", queue=queue[:1])])
            stored = {session.session_id: session for session in await journal.sessions()}
            assert await journal.session(ONE) == stored[ONE]
            assert await journal.session(TWO) == stored[TWO]
            await journal.append([Batch(session_id=ONE, facts=b"new", queue=queue[1:], open_items=b"[]")])
            await journal.append([Batch(session_id=ONE, queue=queue[::-1]), Batch(session_id=ONE, queue=())])
            assert await journal.session(ONE) == StoredSession(session_id=ONE, seq=3, facts=b"new")

    async def test_a_session_may_begin_without_events(self, make: Make) -> None:
        async with running(make()) as journal:
            await journal.append([Batch(session_id=ONE, facts=b"born")])
            assert list(await journal.sessions()) == [StoredSession(session_id=ONE, seq=0, facts=b"born")]
            await journal.append([batch(1, 1)])

    async def test_everything_is_there_after_a_restart(self, make: Make, clock: Clock) -> None:
        queue = tuple(StoredPrompt(PromptId(f"prm_{n}"), bytes([n])) for n in range(32))
        async with running(make()) as journal:
            for number in range(20):
                session_id = SessionId(f"ses_{number}")
                await journal.append([
                    Batch(
                        session_id=session_id,
                        events=entries(1, number),
                        facts=b"\x00\xff{%d}" % number,
                        queue=queue[number:],
                        open_items=b"open %d" % number,
                        keys=(StoredKey("k", "digest", b"answer %d" % number, clock.time),),
                        attachments=(Attachment(f"{number:064x}", bytes([number]) * 1000),),
                    )
                ])
            before = list(await journal.sessions())
            pages = [await journal.read(session.session_id) for session in before]
        async with running(make()) as journal:
            after = list(await journal.sessions())
            assert after == before
            assert [session.seq for session in after] == list(range(20))
            assert [await journal.read(session.session_id) for session in after] == pages
            assert await journal.attachment(f"{19:064x}") == bytes([19]) * 1000
            assert await journal.key(SessionId("ses_7"), "k") == StoredKey("k", "digest", b"answer 7", clock.time)
            await journal.append([batch(8, 9, SessionId("ses_7"))])

    async def test_a_key_is_its_sessions_and_lives_for_a_day(self, make: Make, clock: Clock) -> None:
        key = StoredKey("k", "digest", b"\x00answer", clock.time.replace(microsecond=123_456))
        async with running(make()) as journal:
            await journal.append([Batch(session_id=ONE, keys=(key,))])
            assert await journal.key(ONE, "k") == key
            assert await journal.key(TWO, "k") is None
            assert await journal.key(None, "k") is None
            clock.time += timedelta(hours=23, minutes=59)
            assert await journal.key(ONE, "k") == key
            clock.time += timedelta(minutes=2)
            assert await journal.key(ONE, "k") is None
            again = StoredKey("k", "other", b"again", clock.time)
            await journal.append([Batch(session_id=ONE, keys=(again,))])
            assert await journal.key(ONE, "k") == again

    async def test_a_daemon_wide_key_is_found_without_a_session(self, make: Make, clock: Clock) -> None:
        key = StoredKey("k", "digest", b"answer", clock.time, daemon_wide=True)
        own = StoredKey("k", "digest", b"the session's own", clock.time)
        async with running(make()) as journal:
            await journal.append([Batch(session_id=ONE, keys=(key, own))])
            assert await journal.key(None, "k") == key
            assert await journal.key(ONE, "k") == own

    async def test_an_attachment_is_kept_once(self, make: Make) -> None:
        image = Attachment("a" * 64, b"\x89PNG" * 1000)
        async with running(make()) as journal:
            await journal.append([Batch(session_id=ONE, attachments=(image, image))])
            await journal.append([Batch(session_id=TWO, attachments=(image,))])
            assert await journal.attachment(image.sha256) == image.data

    async def test_a_session_is_removed_with_all_that_was_kept_of_it(self, make: Make, clock: Clock) -> None:
        def whole(session_id: SessionId) -> Batch:
            return Batch(
                session_id=session_id,
                events=entries(1, 3),
                facts=b"facts",
                queue=(StoredPrompt(PromptId("prm"), b"waits"),),
                open_items=b"[1]",
                keys=(StoredKey("k", "digest", b"answer", clock.time),),
            )

        async with running(make()) as journal:
            await journal.append([whole(ONE), whole(TWO)])
            kept = await journal.session(TWO)
            await journal.append([Batch(session_id=ONE, removed=True)])
            assert await journal.session(ONE) is None
            assert (await journal.read(ONE)).entries == ()
            assert await journal.key(ONE, "k") is None
            assert list(await journal.sessions()) == [kept]
            assert (await journal.read(TWO)).entries == entries(1, 3)
            assert await journal.key(TWO, "k") is not None

    async def test_the_id_of_a_removed_session_never_comes_back(self, make: Make) -> None:
        async with running(make()) as journal:
            await journal.append([batch(1, 3), Batch(session_id=ONE, removed=True)])
            with pytest.raises(JournalError, match="deleted"):
                await journal.append([batch(1, 1)])
        async with running(make()) as journal:
            for revenant in (batch(4, 4), Batch(session_id=ONE, facts=b"{}")):
                with pytest.raises(JournalError, match="deleted"):
                    await journal.append([revenant])
            await journal.append([Batch(session_id=ONE, removed=True), batch(1, 1, TWO)])
            assert [await journal.was_removed(one) for one in (ONE, TWO)] == [True, False]
            assert [session.session_id for session in await journal.sessions()] == [TWO]

    async def test_an_attachment_goes_with_the_last_session_that_has_it(self, make: Make) -> None:
        own, shared = Attachment("a" * 64, b"own"), Attachment("b" * 64, b"shared")
        async with running(make()) as journal:
            await journal.append([Batch(session_id=ONE, facts=b"{}", attachments=(own, shared))])
            await journal.append([Batch(session_id=TWO, facts=b"{}", refers_to=(shared.sha256,))])
            await journal.append([Batch(session_id=TWO, attachments=(shared,))])
            await journal.append([Batch(session_id=ONE, removed=True)])
            assert await journal.attachment(own.sha256) is None
            assert await journal.attachment(shared.sha256) == b"shared"
        async with running(make()) as journal:
            three = Batch(session_id=SessionId("ses_three"), facts=b"{}", attachments=(own,))
            await journal.append([Batch(session_id=TWO, removed=True), three])
            assert await journal.attachment(shared.sha256) is None
            assert await journal.attachment(own.sha256) == b"own"

    async def test_a_session_whose_facts_never_came_is_nobodys_and_gone_after_a_restart(self, make: Make) -> None:
        page = Attachment("c" * 64, b"of a page")
        async with running(make()) as journal:
            await journal.append([Batch(session_id=ONE, events=entries(1, 3), attachments=(page,))])
            await journal.append([Batch(session_id=TWO, events=entries(1, 3))])
            assert list(await journal.sessions()) == []
            assert await journal.session(ONE) is None
            await journal.append([Batch(session_id=TWO, events=entries(4, 4), facts=b"at last")])
            assert [session.seq for session in await journal.sessions()] == [4]
        async with running(make()) as journal:
            assert (await journal.read(ONE)).entries == ()
            assert await journal.attachment(page.sha256) is None
            assert (await journal.read(TWO)).entries == entries(1, 4)

    async def test_what_never_became_a_session_may_be_begun_anew(self, make: Make) -> None:
        async with running(make()) as journal:
            await journal.append([Batch(session_id=ONE, events=entries(1, 3))])
            await journal.append([Batch(session_id=ONE, removed=True)])
            assert not await journal.was_removed(ONE)
            await journal.append([Batch(session_id=ONE, events=entries(1, 1))])
            await journal.append([Batch(session_id=TWO, events=entries(1, 2))])
        async with running(make()) as journal:
            await journal.append([batch(1, 4), batch(1, 2, TWO)])
            assert [session.seq for session in await journal.sessions()] == [4, 2]
            assert (await journal.read(ONE)).entries == entries(1, 4)

    async def test_pages_that_are_nobodys_are_taken_over_whole(self, make: Make) -> None:
        image = Attachment("d" * 64, b"of a page")
        async with running(make()) as journal:
            await journal.append([Batch(session_id=ONE, events=entries(1, 3), facts=b"then")])
            await journal.append([Batch(session_id=TWO, begins_after=3, events=entries(4, 5))])
            await journal.append([Batch(session_id=TWO, events=entries(6, 6), attachments=(image,))])
            assert (await journal.read(ONE)).entries == entries(1, 3)
            await journal.append([Batch(session_id=ONE, takes_over=TWO, events=entries(7, 8), facts=b"now")])
            for session_id, expected in ((ONE, entries(1, 8)), (TWO, ())):
                assert (await journal.read(session_id)).entries == expected
        async with running(make()) as journal:
            (kept,) = await journal.sessions()
            assert (kept.session_id, kept.seq, kept.facts) == (ONE, 8, b"now")
            assert (await journal.read(ONE)).entries == entries(1, 8)
            assert await journal.attachment(image.sha256) == image.data
            await journal.append([batch(9, 9), batch(1, 1, TWO)])
            await journal.append([Batch(session_id=ONE, removed=True)])
            assert await journal.attachment(image.sha256) is None
            assert [session.session_id for session in await journal.sessions()] == [TWO]

    async def test_pages_and_what_takes_them_over_may_come_at_once(self, make: Make) -> None:
        async with running(make()) as journal:
            pages = Batch(session_id=TWO, begins_after=7, events=entries(8, 9))
            await journal.append([pages, Batch(session_id=ONE, begins_after=7, takes_over=TWO, facts=b"{}")])
            assert [session.seq for session in await journal.sessions()] == [9]
            await journal.append([attrs.evolve(pages, begins_after=9, events=entries(10, 10))])
            await journal.append([Batch(session_id=ONE, takes_over=TWO), batch(11, 11)])
        async with running(make()) as journal:
            assert (await journal.read(ONE)).entries == entries(8, 11)

    @pytest.mark.parametrize("again", [False, True], ids=["as it is", "after a restart"])
    async def test_pages_become_a_session_of_another_id(self, again: bool, make: Make) -> None:
        image, key = Attachment("e" * 64, b"of a page"), StoredKey("k", "d", b"{}", datetime.now(UTC))
        async with running(make()) as journal:
            await journal.append([Batch(session_id=ONE, events=entries(1, 2), attachments=(image,), keys=(key,))])
            with pytest.raises(JournalError, match="event 9"):
                await journal.append([Batch(session_id=TWO, takes_over=ONE, events=entries(9, 9), facts=b"{}")])
            await journal.append([Batch(session_id=TWO, takes_over=ONE, events=entries(3, 4), facts=b"{}")])
            if not again:
                await self._have_become(journal, image)
        async with running(make()) as journal:
            if again:
                await self._have_become(journal, image)

    async def _have_become(self, journal: Journal, image: Attachment) -> None:
        assert [(kept.session_id, kept.seq) for kept in await journal.sessions()] == [(TWO, 4)]
        assert [(await journal.read(one)).entries for one in (ONE, TWO)] == [(), entries(1, 4)]
        assert await journal.key(ONE, "k") is None
        assert not await journal.was_removed(ONE)
        await journal.append([batch(1, 1), batch(5, 5, TWO), Batch(session_id=ONE, removed=True)])
        assert await journal.attachment(image.sha256) == image.data
        assert (await journal.read(TWO)).entries == entries(1, 5)
        await journal.append([Batch(session_id=TWO, removed=True)])
        assert await journal.attachment(image.sha256) is None
        assert await journal.was_removed(TWO)

    @pytest.mark.parametrize("again", [False, True], ids=["as it is", "after a restart"])
    async def test_what_does_not_go_on_is_not_taken_over(self, again: bool, make: Make) -> None:
        three, nowhere = SessionId("ses_three"), SessionId("ses_nowhere")

        async def refused(journal: Journal) -> None:
            await journal.append([Batch(session_id=three, begins_after=2, events=entries(3, 4))])
            for source, words in ((TWO, "session of its own"), (three, "does not go on"), (nowhere, "does not go on")):
                with pytest.raises(JournalError, match=words):
                    await journal.append([Batch(session_id=ONE, takes_over=source, facts=b"other")])
            assert [session.facts for session in await journal.sessions()] == [b"{}", b"{}"]
            assert [len((await journal.read(one)).entries) for one in (ONE, TWO, three)] == [3, 2, 2]

        async with running(make()) as journal:
            await journal.append([Batch(session_id=ONE, events=entries(1, 3), facts=b"{}")])
            await journal.append([Batch(session_id=TWO, begins_after=3, events=entries(4, 5), facts=b"{}")])
            if not again:
                await refused(journal)
        async with running(make()) as journal:
            if again:
                await refused(journal)
            await journal.append([batch(4, 4)])

    async def test_a_log_may_begin_behind_an_event_that_is_elsewhere(self, make: Make) -> None:
        async with running(make()) as journal:
            first = Batch(session_id=ONE, begins_after=7, events=entries(8, 9), facts=b"{}")
            await journal.append([first])
            await journal.append([Batch(session_id=TWO, begins_after=7, facts=b"{}")])
            for again in (attrs.evolve(first, events=()), attrs.evolve(first, begins_after=9, events=entries(10, 10))):
                with pytest.raises(JournalError, match="has begun already"):
                    await journal.append([again])
        async with running(make()) as journal:
            assert [session.seq for session in await journal.sessions()] == [9, 7]
            await journal.append([batch(10, 10), batch(8, 8, TWO)])
            for after, before, expected in (
                (0, None, [8, 9, 10]),
                (7, None, [8, 9, 10]),
                (8, None, [9, 10]),
                (10, None, []),
                (0, 5, []),
                (0, 8, []),
                (0, 10, [8, 9]),
                (8, 99, [9, 10]),
            ):
                assert seqs((await journal.read(ONE, after=after, before=before)).entries) == expected
            last = await journal.read(ONE, before=11, limit=1)
            assert (seqs(last.entries), last.has_more) == ([10], True)
            assert seqs((await journal.read(TWO)).entries) == [8]

    async def test_many_appenders_at_once_keep_each_log_in_order(self, make: Make) -> None:
        names = [SessionId(f"ses_{number}") for number in range(40)]
        async with running(make()) as journal:

            async def append(session_id: SessionId) -> None:
                for seq in range(1, 61, 3):
                    await journal.append([batch(seq, seq, session_id), batch(seq + 1, seq + 2, session_id)])

            async with trio.open_nursery() as nursery:
                for name in names:
                    nursery.start_soon(append, name)
            for name in names:
                assert (await journal.read(name)).entries == entries(1, 60)

    async def test_a_cancelled_append_is_there_whole_or_not_at_all(self, make: Make) -> None:
        async with running(make()) as journal:
            head = 0
            for _ in range(20):
                with trio.CancelScope() as scope:
                    scope.cancel()
                    await journal.append([batch(head + 1, head + 3)])
                assert scope.cancelled_caught
                await journal.append([Batch(session_id=TWO, facts=b"comes after it")])
                found = len((await journal.read(ONE)).entries)
                assert found in {head, head + 3}
                head = found
            await journal.append([batch(head + 1, head + 1)])

    async def test_who_comes_before_the_start_waits_for_it(self, make: Make) -> None:
        journal = make()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(journal.append, [batch(1, 2)])
            await trio.testing.wait_all_tasks_blocked()
            assert not journal.status().ok
            async with running(journal):
                await journal.append([Batch(session_id=TWO, facts=b"comes after it")])
                assert journal.status().ok
        async with running(make()) as journal:
            assert seqs((await journal.read(ONE)).entries) == [1, 2]

    async def test_what_was_appended_before_the_stop_is_kept(self, make: Make) -> None:
        journal = make()
        async with trio.open_nursery() as nursery, running(journal):
            for number in range(100):
                nursery.start_soon(journal.append, [batch(1, 3, SessionId(f"ses_{number}"))])
            await trio.testing.wait_all_tasks_blocked()
        async with running(make()) as journal:
            assert [session.seq for session in await journal.sessions()] == [3] * 100

    async def test_nothing_can_be_asked_after_the_stop(self, make: Make) -> None:
        async with running(make()) as journal:
            await journal.append([batch(1, 1)])
        assert not journal.status().ok
        with pytest.raises(JournalError, match="stopped"):
            await journal.append([batch(2, 2)])
        with pytest.raises(JournalError, match="stopped"):
            await journal.read(ONE)
        with pytest.raises(JournalError, match="stopped"):
            await journal.sessions()

    async def test_it_can_be_run_again(self, make: Make) -> None:
        journal = make()
        for seq in range(1, 4):
            async with running(journal):
                await journal.append([batch(seq, seq)])
                assert seqs((await journal.read(ONE)).entries) == list(range(1, seq + 1))

    async def test_an_idle_journal_says_that_nothing_waits(self, make: Make) -> None:
        async with running(make()) as journal:
            await journal.append([batch(1, 1)])
            status = journal.status()
            assert (status.ok, status.lag_ms) == (True, 0.0)

    async def test_keeps_what_is_known_of_a_provider_over_a_restart(self, make: Make) -> None:
        claude, other = ProviderName("claude"), ProviderName("other")
        async with running(make()) as journal:
            assert await journal.providers() == {}
            await journal.keep_provider(claude, b"{}")
            await journal.keep_provider(other, b"[1]")
            await journal.keep_provider(claude, b'{"until":null}')
        async with running(make()) as journal:
            assert await journal.providers() == {claude: b'{"until":null}', other: b"[1]"}

    async def test_usage_is_summed_up_by_what_is_asked_for(self, make: Make) -> None:
        async with running(make()) as journal:
            await journal.append([
                used(ONE, "2026-11-26", 0.5),
                used(ONE, "2026-11-27", 0.25),
                used(ONE, "2026-11-27", 0.25),
                used(TWO, "2026-11-27", 2.0, provider="opencode", notional=True),
            ])
        async with running(make()) as journal:
            assert await journal.usage(UsageKey.SESSION) == [row(ONE, 3, 1.0), row(TWO, 1, 0.0, 2.0)]
            assert await journal.usage(UsageKey.DAY) == [row("2026-11-26", 1, 0.5), row("2026-11-27", 3, 0.5, 2.0)]
            assert await journal.usage(UsageKey.PROVIDER, since="2026-11-27") == [
                row("claude", 2, 0.5),
                row("opencode", 1, 0.0, 2.0),
            ]
            assert await journal.usage(UsageKey.MODEL, until="2026-11-26") == [row("claude-1", 1, 0.5)]
            assert await journal.usage(UsageKey.DAY, since="2026-11-28") == []

    async def test_what_a_deleted_session_took_stays_in_the_sums(self, make: Make) -> None:
        async with running(make()) as journal:
            await journal.append([used(ONE, "2026-11-27", 0.5), used(TWO, "2026-11-27", 0.25)])
            await journal.append([used(TWO, "2026-11-27", 1.0)])
            for session_id in (ONE, TWO):
                await journal.append([Batch(session_id=session_id, removed=True)])
        async with running(make()) as journal:
            assert await journal.usage(UsageKey.SESSION) == [row("", 3, 1.75)]
            assert await journal.usage(UsageKey.PROVIDER) == [row("claude", 3, 1.75)]
