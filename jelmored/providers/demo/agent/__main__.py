"""The program: arguments, the thread that reads stdin, and the conversation."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import queue
import sys
import threading
from pathlib import Path

from .conversation import Conversation
from .transcript import Transcript
from .voice import Message


def arguments() -> argparse.Namespace:
    """The flags of claude that matter here; its others are accepted and mean nothing."""
    parser = argparse.ArgumentParser(prog="demo-agent", allow_abbrev=False)
    session = parser.add_mutually_exclusive_group(required=True)
    session.add_argument("--session-id")
    session.add_argument("--resume")
    parser.add_argument("--include-partial-messages", action="store_true")
    parser.add_argument("--replay-user-messages", action="store_true")
    parser.add_argument("--transcripts", type=Path, required=True, help="the directory of the sessions' files")
    parser.add_argument("--pace", type=float, default=0.03, help="seconds between two words")
    return parser.parse_known_args()[0]


def listen(inbox: queue.Queue[Message | None]) -> None:
    """Fill the inbox until stdin ends. A line that is not JSON ends the program at once, as it ends claude."""
    for line in iter(sys.stdin.buffer.readline, b""):
        try:
            inbox.put(json.loads(line))
        except ValueError as error:
            complain(f"a line on stdin is not JSON: {error}")
            os._exit(1)
    inbox.put(None)


def complain(what: str) -> None:
    sys.stderr.write(f"Error: {what}\n")
    sys.stderr.flush()


def opened(options: argparse.Namespace) -> Transcript | None:
    """The session's transcript; None, and a word on stderr, for one that can't be resumed or not begun."""
    transcript = Transcript(options.transcripts, options.resume or options.session_id)
    if options.session_id and transcript.exists():
        complain(f"Session ID {options.session_id} is already in use.")
        return None
    if options.resume and not (transcript.exists() and transcript.load()):
        complain(f"No conversation found with session ID: {options.resume}")
        return None
    return transcript


def main() -> int:
    options = arguments()
    options.transcripts.mkdir(mode=0o700, parents=True, exist_ok=True)
    if (transcript := opened(options)) is None:
        return 1
    conversation = Conversation(
        options.resume or options.session_id,
        transcript,
        partial=options.include_partial_messages,
        replay=options.replay_user_messages,
        pace=options.pace,
    )
    threading.Thread(target=listen, args=[conversation.inbox.lines], daemon=True).start()
    conversation.serve()
    return 0


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main())
