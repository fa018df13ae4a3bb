"""A live screen without a terminal: what is told to it, and what it would have drawn."""

from __future__ import annotations

import io
from typing import Any

import attrs

from jelmored.client.outputs import Output, read_event
from jelmored.client.terminal.desk import Desk, Do, ShowAll
from jelmored.client.terminal.folding import Folding
from jelmored.client.terminal.keyboard import Press, Stroke
from jelmored.client.terminal.live import Live
from jelmored.client.terminal.painter import Painter
from jelmored.client.terminal.questions import whole
from jelmored.domain.ids import ConnectionId
from jelmored.domain.permissions import Approval
from jelmored.domain.sessions import SessionView
from jelmored.wire import codec
from tests.client.daemon import MOMENT, FakeDaemon, approval_of
from tests.client.emulator import Emulator

OWN = ConnectionId("con_own")
BY = {"connectionId": OWN, "client": "jelmore"}
SESSION = "ses_aaaaxxxxxxxxxxxx"


class Tty(io.StringIO):
    def isatty(self) -> bool:
        return True


def view(**more: Any) -> SessionView:
    return codec.from_json(FakeDaemon(runtime=None).add(**more).view, SessionView)  # type: ignore[arg-type]


def event(seq: int, event_type: str, content: str, metadata: dict[str, Any]) -> Output:
    known = {"sessionId": SESSION, "timestamp": MOMENT, "turn": 1, "provider": "claude"}
    return read_event({**known, "seq": seq, "eventType": event_type, "content": content, "metadata": metadata})


def approval(title: str = "Bash", **more: Any) -> Approval:
    session = FakeDaemon(runtime=None).add()  # type: ignore[arg-type]
    number = more.pop("number", 1)
    return codec.from_json(approval_of(session, f"apr_{number}", title, **more), Approval)


def key(name: str) -> Press:
    """A key by its letter, or by the name of its stroke."""
    return Press(Stroke[name]) if name in Stroke.__members__ else Press(Stroke.TEXT, name)


@attrs.define
class Stage:
    """80×24, in colour."""

    live: Live
    file: Tty
    seq: int = 0

    def event(self, event_type: str, content: str, **metadata: Any) -> Stage:
        self.seq += 1
        self.live.tell(event(self.seq, event_type, content, metadata))
        return self

    def press(self, *names: str) -> None:
        """As `Person` does with what needs no daemon."""
        for name in names:
            wish = self.live.desk.press(key(name))
            match wish:
                case ShowAll(approval=wanted):
                    self.live.show_all(whole(wanted, "/"))
                case Do.OPEN:
                    self.live.open_tool()
                case Do.HELP:
                    self.live.help()

    @property
    def lines(self) -> list[str]:
        """What is on the screen, without empty lines."""
        self.live.draw()
        emulator = Emulator()
        emulator.feed(self.file.getvalue().replace("\n", "\r\n").encode())
        return [line for line in emulator.text.split("\n") if line]


def stage(kind: type[Live] = Live, *, shown: SessionView | None = None, stays: bool = False) -> Stage:
    file = Tty()
    session = shown or view()
    painter = Painter(file, {"TERM": "xterm"})
    transcript = Folding(lambda: session, lambda: OWN, 80, "/home/me")
    return Stage(kind(painter, transcript, Desk("/home/me", stays=stays), lambda: session, "/home/me"), file)
