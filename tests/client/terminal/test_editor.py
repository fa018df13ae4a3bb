from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jelmored.client.terminal.clusters import clusters
from jelmored.client.terminal.editor import Editor
from jelmored.client.terminal.keyboard import Press, Stroke

S = Stroke
CONTROLS = {name: Press(S.CONTROL, name) for name in "abdefknpuw"}
presses = st.lists(
    st.sampled_from([Press(stroke) for stroke in Stroke if stroke not in {S.TEXT, S.PASTE, S.CONTROL}])
    | st.sampled_from(list(CONTROLS.values()))
    | st.builds(Press, st.just(S.TEXT), st.text(alphabet="ab 日👩\u200d🚀e\u0301", max_size=6))
    | st.builds(Press, st.just(S.PASTE), st.text(alphabet="ab\n\x1b", max_size=6)),
    max_size=30,
)


def typed(*keys: str | Stroke | Press) -> Editor:
    editor = Editor()
    press(editor, *keys)
    return editor


def press(editor: Editor, *keys: str | Stroke | Press) -> None:
    for key in keys:
        editor.press(key if isinstance(key, Press) else Press(key) if isinstance(key, Stroke) else Press(S.TEXT, key))


@pytest.mark.parametrize(
    ("keys", "text", "at"),
    [
        (("abc", S.LEFT, "x"), "abxc", 3),
        (("abc", S.HOME, S.DELETE, S.END, S.BACKSPACE), "b", 1),
        (("one two ", S.CUT_WORD), "one ", 4),
        (("one two", S.WORD_LEFT, CONTROLS["u"]), "two", 0),
        (("one two", CONTROLS["a"], S.WORD_RIGHT, CONTROLS["k"]), "one", 3),
        (("a日", S.LEFT, S.BACKSPACE), "日", 0),
        (("👩\u200d🚀x", S.LEFT, S.BACKSPACE), "x", 0),
        (("e\u0301", S.BACKSPACE), "", 0),
        (("one", S.NEWLINE, "two", S.UP, "!"), "one!\ntwo", 4),
        (("one", S.NEWLINE, "two", S.HOME, CONTROLS["u"], S.BACKSPACE), "onetwo", 3),
        (("a", S.NEWLINE, "b", S.UP, CONTROLS["k"]), "ab", 1),
        ((Press(S.PASTE, "two\nlines"),), "two\nlines", 9),
        ((S.LEFT, S.RIGHT, S.UP, S.DOWN, S.DELETE, S.BACKSPACE, S.ESCAPE, S.TAB), "", 0),
    ],
)
def test_what_keys_do(keys: tuple[str | Stroke | Press, ...], text: str, at: int) -> None:
    editor = typed(*keys)
    assert (editor.text, editor.at) == (text, at)


def test_what_was_written_before_comes_back_and_the_draft_too() -> None:
    editor = typed("first")
    assert editor.take() == "first"
    press(editor, "second")
    editor.take()
    press(editor, "draft", S.UP)
    assert editor.text == "second"
    press(editor, S.UP, S.UP)
    assert editor.text == "first"
    press(editor, S.DOWN, S.DOWN)
    assert editor.text == "draft"


@given(presses)
def test_the_cursor_is_never_within_a_sign_nor_outside(keys: list[Press]) -> None:
    editor = typed(*keys)
    assert 0 <= editor.at <= len(editor.text)
    drawn = editor.drawn("› ", 12, 4)
    row, column = drawn.cursor
    assert 0 <= row < len(drawn.rows) <= 4
    assert 2 <= column < 12


@given(st.text(alphabet="ab 日👩\u200d🚀\n", max_size=60), st.integers(6, 20), st.integers(1, 5))
def test_rows_fit(text: str, columns: int, height: int) -> None:
    editor = Editor()
    editor.fill(text)
    drawn = editor.drawn("› ", columns, height)
    for row in drawn.rows:
        assert sum(size for span in row for _, size in clusters(span.text)) < columns
    assert len(drawn.rows) <= height


def test_a_hint_stands_where_nothing_is_written() -> None:
    assert [span.text for span in Editor().drawn("› ", 20, 3, "say it").rows[0]] == ["› ", "say it"]
