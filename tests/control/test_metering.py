"""Whatever the pieces in which bytes come, the measure of them is the same."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from jelmored.control.metering import FRAMES_A_TURN, MAX_MESSAGE_BYTES, MAX_PIECES, Meter

from .wire import BINARY, CLOSE, PING, TEXT, frame

frames = st.builds(
    frame,
    st.sampled_from([0, TEXT, BINARY, CLOSE, PING]),
    st.sampled_from([0, 1, 125, 126, 300, 70_000]).map(bytes),
    final=st.booleans(),
    mask=st.booleans(),
)


def turns(meter: Meter, data: bytes) -> list[bytes]:
    """As a reader takes them."""
    taken = []
    while data and not meter.too_large:
        size = meter.turn(data)
        assert size > 0
        taken.append(data[:size])
        data = data[size:]
    return taken


@given(st.lists(frames, max_size=3 * FRAMES_A_TURN), st.lists(st.integers(1, 5000), min_size=1))
def test_every_byte_is_read_once_whatever_the_chunks(said: list[bytes], sizes: list[int]) -> None:
    data, meter, read, number = b"".join(said), Meter(), b"", 0
    while data:
        size = sizes[number % len(sizes)]
        number += 1
        read += b"".join(turns(meter, data[:size]))
        data = data[size:]
    assert read == b"".join(said)
    assert not meter.too_large


def test_a_turn_has_only_so_many_frames() -> None:
    small = [frame(PING, bytes(number % 100)) for number in range(2 * FRAMES_A_TURN + 1)]
    taken = turns(Meter(), b"".join(small))
    assert [len(turn) for turn in taken] == [
        len(b"".join(small[at : at + FRAMES_A_TURN])) for at in range(0, len(small), FRAMES_A_TURN)
    ]


def test_a_large_frame_is_one_turn() -> None:
    assert Meter().turn(frame(TEXT, bytes(1 << 20))) > 1 << 20


def test_what_a_message_announces_counts() -> None:
    meter = Meter()
    head = frame(TEXT, b"", length=MAX_MESSAGE_BYTES)
    assert turns(meter, head) == [head]
    assert not meter.too_large
    meter = Meter()
    head = frame(TEXT, b"", length=MAX_MESSAGE_BYTES + 1)
    assert turns(meter, head + b"x" * 100) == [head]
    assert meter.too_large


def test_pieces_count_together_and_what_is_between_them_does_not() -> None:
    meter, piece, between = Meter(), bytes(60_000), frame(PING, b"x" * 125)
    pieces = MAX_MESSAGE_BYTES // len(piece)
    turns(meter, frame(TEXT, b"", final=False) + (frame(0, piece, final=False) + between) * pieces)
    assert not meter.too_large
    turns(meter, frame(0, b"", length=MAX_MESSAGE_BYTES % len(piece) + 1))
    assert meter.too_large


def test_the_next_message_begins_anew() -> None:
    meter, message = Meter(), frame(BINARY, bytes(MAX_MESSAGE_BYTES // 2 + 1))
    assert b"".join(turns(meter, message * 2)) == message * 2


def test_empty_pieces_count() -> None:
    meter = Meter()
    turns(meter, frame(TEXT, b"", final=False) + frame(0, b"", final=False) * (MAX_PIECES - 1))
    assert not meter.too_large
    turns(meter, frame(0, b"", final=False))
    assert meter.too_large
