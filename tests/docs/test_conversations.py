"""The conversations in the protocol page, had again with a real daemon; every frame is as the OpenRPC document says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest

from tests.openrpc import faults_of_answer, faults_of_request

from .conversations import CONVERSATIONS, had, shown
from .transcript import PAGE, Line, compare, lines_of, names_in


@pytest.mark.parametrize("name", CONVERSATIONS)
async def test_is_had_again(name: str) -> None:
    talk = await had(name)

    compare(lines_of(PAGE.read_text("utf-8"), name), shown(name, talk))
    assert not list(_faults(talk.frames))


def test_the_page_has_them_all() -> None:
    assert names_in(PAGE.read_text("utf-8")) == list(CONVERSATIONS)


def _faults(frames: Iterable[Line]) -> Iterator[str]:
    """What is said against the document. A request that is answered with an error may be against it."""
    asked = {frame.message["id"]: frame.message for frame in frames if frame.mark == "→"}
    for frame in frames:
        if frame.mark == "←":
            request = asked.get(frame.message.get("id"), {})
            yield from faults_of_answer(frame.message, request.get("method"))
            if "result" in frame.message:
                yield from faults_of_request(request)
