"""What waits, in which order, and what of it is durable."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import attrs
import pytest
import trio

from jelmored.domain.ids import PromptId
from jelmored.domain.prompts import ImageBlock, Prompt, TextBlock
from jelmored.errors import ErrorKind, Refused
from jelmored.sessions.turn.attachments import REFERENCE, examine
from jelmored.sessions.turn.queue import ROOM, PromptQueue, Queued
from jelmored.wire import codec
from tests.sessions.book import Book, open_book
from tests.sessions.stage import ME


def prompt(name: str) -> Prompt:
    return Prompt(prompt_id=PromptId(name), blocks=(TextBlock(text=name),), by=ME)


@attrs.frozen
class Scene:
    queue: PromptQueue
    book: Book

    def add(self, *names: str) -> None:
        for name in names:
            self.queue.add(prompt(name), ())

    @property
    def waiting(self) -> list[str]:
        return [prompt.prompt_id for prompt in self.queue.prompts]


@asynccontextmanager
async def queued(*names: str) -> AsyncIterator[Scene]:
    async with open_book() as book:
        scene = Scene(PromptQueue([], book.chronicle), book)
        scene.add(*names)
        yield scene


async def test_they_are_taken_in_the_order_of_coming(autojump_clock: trio.testing.MockClock) -> None:
    async with queued("a", "b") as s:
        s.add("c")
        assert [s.queue.take() for _ in range(4)] == [prompt("a"), prompt("b"), prompt("c"), None]


async def test_one_that_is_to_be_the_next_overtakes(autojump_clock: trio.testing.MockClock) -> None:
    async with queued("a", "b") as s:
        s.queue.add(prompt("c"), (), first=True)
        assert s.waiting == ["c", "a", "b"]


async def test_there_is_room_for_32(autojump_clock: trio.testing.MockClock) -> None:
    assert ROOM == 32
    async with queued(*(f"p{number}" for number in range(ROOM - 1))) as s:
        s.queue.check_room()
        s.add("last")
        with pytest.raises(Refused) as refused:
            s.queue.check_room()
        assert refused.value.kind is ErrorKind.QUEUE_FULL
        s.queue.take()
        s.queue.check_room()


async def test_one_is_taken_back_and_the_log_says_so(autojump_clock: trio.testing.MockClock) -> None:
    async with queued("a", "b", "c") as s:
        s.queue.withdraw(PromptId("b"))
        assert s.waiting == ["a", "c"]
        [event] = await s.book.published()
        assert event["metadata"] == {"subtype": "prompt_dropped", "promptId": "b"}


async def test_what_does_not_wait_can_not_be_taken_back(autojump_clock: trio.testing.MockClock) -> None:
    async with queued("a") as s:
        with pytest.raises(Refused) as refused:
            s.queue.withdraw(PromptId("b"))
        assert (refused.value.kind, refused.value.field) == (ErrorKind.NOT_FOUND, "promptId")
        assert s.waiting == ["a"]
        assert await s.book.published() == []


async def test_all_are_taken_back_each_by_name(autojump_clock: trio.testing.MockClock) -> None:
    async with queued("a", "b") as s:
        s.queue.drop()
        assert len(s.queue) == 0
        assert [event["metadata"]["promptId"] for event in await s.book.published()] == ["a", "b"]


async def test_the_whole_queue_is_stored_after_each_change_and_only_then(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with queued() as s:

        def stored() -> list[str] | None:
            kept = s.queue.to_store()
            return None if kept is None else [one.prompt_id for one in kept]

        assert stored() is None
        s.add("a", "b")
        assert (stored(), stored()) == (["a", "b"], None)
        s.queue.withdraw(PromptId("a"))
        assert (stored(), stored()) == (["b"], None)
        s.queue.take()
        assert (stored(), stored()) == (["b"], None), "as long as it has its turn: the daemon may die first"
        s.queue.turn_over()
        assert (stored(), stored()) == ([], None)
        s.queue.take()
        assert stored() is None, "there was nothing to take"


async def test_what_a_former_life_left_waits_still_and_is_stored_already(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with queued("a", "b") as s:
        next_life = PromptQueue(s.queue.waiting, s.book.chronicle)
        assert next_life.to_store() is None
        assert next_life.prompts == s.queue.prompts


async def test_bytes_are_stored_by_reference_and_taken_whole(autojump_clock: trio.testing.MockClock) -> None:
    image = ImageBlock(mime_type="image/png", data=base64.b64encode(b"PNG" * 100).decode())
    seen = Prompt(prompt_id=PromptId("a"), blocks=(image,), by=ME)
    async with queued() as s:
        s.queue.add(seen, examine(seen.blocks).notes)
        [waiting] = s.queue.waiting
        assert isinstance(waiting, Queued)
        [block] = codec.decode(waiting.stored.body, Prompt).blocks
        assert isinstance(block, ImageBlock)
        assert block.data.startswith(REFERENCE)
        assert s.queue.take() == seen


def given(scene: Scene, *names: str) -> None:
    for name in names:
        scene.queue.give(prompt(name), ())


async def test_what_the_agent_was_given_is_kept_until_it_has_taken_it_up(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with queued("later") as s:
        given(s, "a", "b")
        stored = s.queue.to_store()
        assert stored is not None
        assert [kept.prompt_id for kept in stored] == ["a", "b", "later"]
        assert [one.prompt_id for one in s.queue.settle([PromptId("b"), PromptId("unknown")])] == ["b"]
        assert (s.queue.given, s.waiting) == (True, ["later"])
        assert [one.prompt_id for one in s.queue.settle([PromptId("a")])] == ["a"]
        assert not s.queue.given
        left = s.queue.to_store()
        assert left is not None
        assert [kept.prompt_id for kept in left] == ["later"]


async def test_what_comes_back_has_the_next_turn_in_its_order(autojump_clock: trio.testing.MockClock) -> None:
    async with queued("later") as s:
        given(s, "a", "b")
        s.queue.take_all_back()
        assert (s.waiting, s.queue.given) == (["a", "b", "later"], False)
        assert await s.book.published() == []


async def test_what_interrupts_is_before_what_comes_back_one_by_one(autojump_clock: trio.testing.MockClock) -> None:
    async with queued("later") as s:
        given(s, "a", "b")
        s.queue.add(prompt("urgent"), (), first=True)
        for name in ("a", "b"):
            s.queue.take_back(PromptId(name))
        assert s.waiting == ["urgent", "a", "b", "later"]


async def test_what_steered_a_turn_steers_it_again(autojump_clock: trio.testing.MockClock) -> None:
    async with queued() as s:
        given(s, "a", "b")
        s.queue.settle([PromptId("a")])
        s.queue.give_again()
        assert [one.prompt_id for one in s.queue.steering] == ["a", "b"]
        stored = s.queue.to_store()
        assert stored is not None
        assert [kept.prompt_id for kept in stored] == ["a", "b"]
        s.queue.settle([PromptId("a"), PromptId("b")])
        s.queue.turn_over()
        s.queue.give_again()
        assert not s.queue.given


async def test_the_first_of_a_turn_is_its_prompt_and_steers_nothing(autojump_clock: trio.testing.MockClock) -> None:
    async with queued() as s:
        given(s, "a", "b")
        assert [one.prompt_id for one in s.queue.start_with([PromptId("a"), PromptId("b")])] == ["a", "b"]
        s.queue.give_again()
        assert [one.prompt_id for one in s.queue.steering] == ["b"]


async def test_what_was_dropped_is_dropped_when_it_comes_back(autojump_clock: trio.testing.MockClock) -> None:
    async with queued("later") as s:
        given(s, "a", "b")
        s.queue.drop()
        s.queue.settle([PromptId("b")])  # the agent was faster
        s.queue.take_back(PromptId("a"))
        dropped = [event["metadata"]["promptId"] for event in await s.book.published()]
        assert (dropped, s.waiting) == (["later", "a"], [])


async def test_room_counts_what_was_given(autojump_clock: trio.testing.MockClock) -> None:
    async with queued(*map(str, range(ROOM - 1))) as s:
        s.queue.check_room()
        given(s, "a")
        with pytest.raises(Refused):
            s.queue.check_room()


async def test_what_is_put_back_is_the_prompt_in_hand_and_no_former_one(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with queued("former") as s:
        s.queue.take()
        s.queue.turn_over()
        s.queue.put_back()
        assert s.waiting == []
        given(s, "a", "b")
        s.queue.start_with([PromptId("a"), PromptId("b")])
        s.queue.put_back(cut="503")
        assert [(one.prompt_id, one.cut) for one in s.queue.prompts] == [("a", "503")]
        (kept,) = s.queue.to_store() or ()
        assert codec.decode(kept.body, Prompt).cut == "503", "also over a restart"
