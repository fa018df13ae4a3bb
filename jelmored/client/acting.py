"""What a person wishes, carried out. What the daemon refuses is told to them, and ends nothing."""

from __future__ import annotations

from jelmored.domain.commands import WhenBusy

from .client import Client
from .errors import ClientError
from .including import with_files
from .session import Session
from .terminal.desk import Decide, Say
from .terminal.voices import Voice


class Acting:
    """On one session.

    Args:
        directory: where files that a prompt names are looked for.
        home: the user's home directory.
    """

    def __init__(self, client: Client, session: Session, voice: Voice, directory: str, home: str) -> None:
        self._client = client
        self._session = session
        self._voice = voice
        self._directory = directory
        self._home = home

    async def decide(self, decision: Decide) -> bool:
        """Answer an approval; False if that was not taken."""
        try:
            await self._client.resolve(
                decision.approval.approval_id,
                decision.option_id,
                answers=decision.answers,
                cancelled=decision.option_id is None and decision.answers is None,
                message=decision.message,
                updated_input=decision.updated_input,
            )
        except ClientError as error:  # somebody was faster, the turn is over, or it does not fit
            self._voice.aside(str(error))
            return False
        return True

    async def say(self, say: Say) -> bool:
        """Send a prompt; False if it was not taken."""
        try:
            prompt = with_files(say.text, self._directory, self._home)
            await self._session.prompt(prompt, when_busy=WhenBusy.STEER if say.steer else WhenBusy.QUEUE)
        except ClientError as error:
            self._voice.aside(str(error))
            return False
        return True

    async def interrupt(self, turn: int | None) -> None:
        """End this turn, and no other."""
        self._voice.aside("stopping the turn …")
        try:
            await self._session.interrupt(expected_turn=turn)
        except ClientError as error:
            self._voice.aside(str(error))
