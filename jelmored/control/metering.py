"""What a client sends, measured frame by frame before wsproto reads it: how much is read in one turn of the loop, and
whether a message grows too large. Whether the frames are right is wsproto's matter, which sees the same bytes.
"""

from __future__ import annotations

MAX_MESSAGE_BYTES = 16 * 1024 * 1024  # protocol 1, section 2
MAX_PIECES = 1 << 17  # of a message: each costs more than its bytes, and an empty one costs too
FRAMES_A_TURN = 32  # half a millisecond of wsproto's time: so long nobody else is served

_LENGTH_BYTES = {126: 2, 127: 8}


class Meter:
    """Begins with the first byte behind the handshake."""

    def __init__(self) -> None:
        self._head = bytearray()
        self._payload = 0
        self._message_bytes = self._pieces = 0

    @property
    def too_large(self) -> bool:
        """The message in hand will be, by what its frames have announced."""
        return self._message_bytes > MAX_MESSAGE_BYTES or self._pieces > MAX_PIECES

    def turn(self, data: bytes) -> int:
        """How many of these bytes are to be read in one turn: `FRAMES_A_TURN`, or up to the head of a frame that makes
        the message `too_large`."""
        at = frames = 0
        while at < len(data) and not self.too_large:
            if self._payload:
                passed = min(self._payload, len(data) - at)
                self._payload -= passed
                at += passed
            elif frames == FRAMES_A_TURN:
                break
            else:
                self._head.append(data[at])
                at += 1
                if _is_whole(self._head):
                    self._begin(bytes(self._head))
                    self._head.clear()
                    frames += 1
        return at

    def _begin(self, head: bytes) -> None:
        opcode, length = head[0] & 0x0F, head[1] & 0x7F
        if size := _LENGTH_BYTES.get(length, 0):
            length = int.from_bytes(head[2 : 2 + size], "big")
        self._payload = length
        if opcode >= 8:  # a control frame belongs to no message
            return
        if opcode:
            self._message_bytes = self._pieces = 0
        self._message_bytes += length
        self._pieces += 1


def _is_whole(head: bytearray) -> bool:
    if len(head) < 2:
        return False
    return len(head) == 2 + _LENGTH_BYTES.get(head[1] & 0x7F, 0) + (4 if head[1] & 0x80 else 0)
