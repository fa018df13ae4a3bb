"""The bytes in a prompt: checked, kept once, and whole again when it is given to an agent."""

from __future__ import annotations

import base64
import hashlib

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from jelmored.actors.running import running
from jelmored.domain.ids import PromptId, SessionId
from jelmored.domain.prompts import Block, DocumentBlock, FileBlock, ImageBlock, Prompt, TextBlock
from jelmored.errors import ErrorKind, Refused
from jelmored.journal.base import Batch
from jelmored.journal.memory import MemoryJournal
from jelmored.sessions.turn.attachments import MAX_BASE64, examine, inflate, slim
from jelmored.wire import codec
from tests.sessions.stage import ME


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def prompt_of(blocks: tuple[Block, ...]) -> Prompt:
    return Prompt(prompt_id=PromptId("prm_1"), blocks=blocks, by=ME)


binaries = st.binary(min_size=1, max_size=50).map(b64)
blocks = st.lists(
    st.one_of(
        st.builds(TextBlock, text=st.text(min_size=1, max_size=20).filter(str.strip)),
        st.builds(ImageBlock, mime_type=st.just("image/png"), data=binaries),
        st.builds(DocumentBlock, mime_type=st.just("application/pdf"), data=binaries),
        st.builds(FileBlock, path=st.just("/a")),
    ),
    min_size=1,
    max_size=5,
).map(tuple)


@given(blocks)
def test_what_waits_in_the_queue_comes_out_whole(given_blocks: tuple[Block, ...]) -> None:
    async def main() -> Prompt:
        journal = MemoryJournal()
        examined = examine(given_blocks)
        kept = codec.encode(slim(prompt_of(given_blocks), examined.notes))
        async with running(journal.run):
            await journal.append([Batch(session_id=SessionId("ses_1"), attachments=examined.attachments)])
            return await inflate(codec.decode(kept, Prompt), journal)

    assert trio.run(main) == prompt_of(given_blocks)


def test_the_queue_and_the_log_keep_references() -> None:
    data = b64(b"\x89PNG" * 1000)
    image = ImageBlock(mime_type="image/png", data=data)
    examined = examine((TextBlock(text="look"), image, image))
    sha256 = hashlib.sha256(b"\x89PNG" * 1000).hexdigest()
    assert [note.type for note in examined.notes] == ["text", "image", "image"]
    assert (examined.notes[1].bytes, examined.notes[1].sha256) == (4000, sha256)
    assert {kept.sha256 for kept in examined.attachments} == {sha256}
    assert data not in codec.encode(slim(prompt_of(examined.blocks), examined.notes)).decode()


def test_a_text_alone_needs_no_notes() -> None:
    examined = examine((TextBlock(text="go"),))
    assert (examined.notes, examined.attachments) == ((), ())
    assert slim(prompt_of(examined.blocks), examined.notes) == prompt_of(examined.blocks)


@pytest.mark.parametrize(
    ("given_blocks", "field"),
    [
        ((), "prompt"),
        ((TextBlock(text=" \n"), TextBlock(text="")), "prompt"),
        ((FileBlock(path="a.py"),), "prompt[0].path"),
        ((FileBlock(path="/a\0b"),), "prompt[0].path"),
        ((FileBlock(path="/a", range=(0, 1)),), "prompt[0].range"),
        ((FileBlock(path="/a", range=(-1, 2)),), "prompt[0].range"),
        ((FileBlock(path="/a", range=(3, 2)),), "prompt[0].range"),
        ((ImageBlock(mime_type="text/html", data="abcd"),), "prompt[0].mimeType"),
        ((ImageBlock(mime_type="image/png", data=""),), "prompt[0].data"),
        ((TextBlock(text="a"), ImageBlock(mime_type="image/png", data="not base64!")), "prompt[1].data"),
        ((DocumentBlock(mime_type="application/pdf", data="abc"),), "prompt[0].data"),
        ((DocumentBlock(mime_type="application/pdf", data="äöü="),), "prompt[0].data"),
        ((ImageBlock(mime_type="image/png", data="A" * (MAX_BASE64 + 4)),), "prompt[0].data"),
    ],
)
def test_what_can_not_be_used_is_refused_by_its_place(given_blocks: tuple[Block, ...], field: str) -> None:
    with pytest.raises(Refused) as refused:
        examine(given_blocks)
    assert (refused.value.kind, refused.value.field) == (ErrorKind.INVALID_PARAMS, field)


def test_the_largest_is_taken() -> None:
    assert examine((ImageBlock(mime_type="image/png", data="A" * MAX_BASE64),)).notes[0].bytes == MAX_BASE64 // 4 * 3
