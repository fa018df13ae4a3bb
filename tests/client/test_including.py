from __future__ import annotations

import base64
from pathlib import Path

import pytest

from jelmored.client.errors import Misused
from jelmored.client.including import MOST_BYTES, with_files
from jelmored.domain.prompts import Block, DocumentBlock, FileBlock, ImageBlock, TextBlock

IMAGE = ImageBlock(mime_type="image/png", data=base64.b64encode(b"\x89PNG").decode())


@pytest.fixture
def work(tmp_path: Path) -> Path:
    (tmp_path / "shot.png").write_bytes(b"\x89PNG")
    (tmp_path / "my shot.png").write_bytes(b"\x89PNG")
    (tmp_path / "paper.PDF").write_bytes(b"%PDF")
    (tmp_path / "a.py").write_text("x = 1")
    return tmp_path


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("look at shot.png, please", [ImageBlock]),
        ("look at ./shot.png and ~/shot.png", [ImageBlock]),
        ("'my shot.png' and my\\ shot.png", [ImageBlock]),
        ("(see shot.png)", [ImageBlock]),
        ("read paper.PDF.", [DocumentBlock]),
        ("mend @a.py!", [FileBlock]),
        ("a.py alone is a word", []),
        ("@nobody, none.png, @, ~, \x00.png", []),
        ("@" + "x" * 5000 + ".png", []),
    ],
)
def test_files_that_a_prompt_names_go_along(work: Path, text: str, kinds: list[type]) -> None:
    prompt = with_files(text, str(work), str(work))
    blocks: tuple[Block, ...] = () if isinstance(prompt, str) else prompt[1:]
    assert [type(block) for block in blocks] == kinds
    assert prompt == text or prompt[0] == TextBlock(text=text)


def test_what_is_sent(work: Path) -> None:
    found = with_files("see shot.png @a.py", str(work), "/home/me")
    assert found == (TextBlock(text="see shot.png @a.py"), IMAGE, FileBlock(path=str(work / "a.py")))


def test_files_can_be_named_beside_the_prompt(work: Path) -> None:
    assert with_files("see", str(work), "/", ["shot.png", "shot.png"]) == (TextBlock(text="see"), IMAGE)
    with pytest.raises(Misused, match=r"there is no file none\.png"):
        with_files("see", str(work), "/", ["none.png"])


def test_what_can_not_be_sent_says_so(work: Path) -> None:
    with (work / "huge.png").open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    with pytest.raises(Misused, match="too large"):
        with_files("huge.png", str(work), "/")
