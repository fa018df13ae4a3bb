"""A session that begins where another one was."""

from __future__ import annotations

import pytest

from jelmored.domain.events import EventType, Said
from jelmored.domain.sessions import NativeOrigin
from jelmored.errors import ErrorKind, SessionError

from .claude_run import new_home, running
from .model_server import ModelServer, serving
from .script import Script, says, when

pytestmark = pytest.mark.real


def heard(model: ModelServer) -> list[str]:
    """What the human has told, as far as the model knows."""
    return list(model.calls[-1].conversation.human)


async def test_it_remembers_as_far_as_it_was_forked_and_its_origin_is_left_alone() -> None:
    with new_home() as home:
        async with serving(Script(when("", says("Yes.")))) as model:
            async with running(home, model) as run:
                for word in ("plum", "pear", "fig"):
                    await run.turn(word)
                answers = [draft.metadata for draft in run.drafts(EventType.ASSISTANT)]
                old = run.facts.native_id or ""
            first = answers[0]
            assert isinstance(first, Said)
            async with running(home, model, origin=NativeOrigin(native_id=old, at=first.native_id)) as fork:
                assert fork.facts.native_id != old
                await fork.turn("lime")
                assert heard(model) == ["plum", "lime"]
                assert set(fork.told("native_id")) == {fork.facts.native_id}
                new = fork.facts.native_id
            async with running(home, model, native_id=new) as again:
                await again.turn("kiwi")
                assert heard(model) == ["plum", "lime", "kiwi"]
            async with running(home, model, origin=NativeOrigin(native_id=old)) as whole:
                await whole.turn("date")
                assert heard(model) == ["plum", "pear", "fig", "date"]


@pytest.mark.parametrize(
    "at", ["01234567-89ab-4cde-8f01-23456789abcd", None], ids=["no such message", "no such session"]
)
async def test_what_is_not_there_is_lost(at: str | None) -> None:
    with new_home() as home:
        async with serving(Script(when("", says("Yes.")))) as model:
            async with running(home, model) as run:
                await run.turn("plum")
                old = run.facts.native_id if at else "01234567-89ab-4cde-8f01-000000000000"
            with pytest.raises(SessionError) as caught:
                async with running(home, model, origin=NativeOrigin(native_id=old or "", at=at)):
                    pass
            assert (caught.value.kind, caught.value.evidence["native_lost"]) == (ErrorKind.STATE_INVALID, True)
