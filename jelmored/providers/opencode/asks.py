"""What a run of OpenCode waits on, and when our answers reach it.

To reject one request the server rejects all of the same session that wait beside it. So a rejection is held back until
the others are answered; the tools of one step are waited for together anyway.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from jelmored.domain.ids import RequestId
from jelmored.domain.permissions import Answer, PermissionRequest
from jelmored.providers.base import Asked, RunEvent, Withdrawn

from .client import OpencodeClient
from .replies import Reply, reply_to


@attrs.define
class Asks:
    """The open requests of one run.

    Args:
        client: of the server.
        directory: of the session: the server looks for a request there.
    """

    client: OpencodeClient
    directory: str
    _open: dict[RequestId, PermissionRequest] = attrs.field(factory=dict, init=False)
    _held: list[Reply] = attrs.field(factory=list, init=False)

    def note(self, told: Sequence[RunEvent]) -> None:
        """What the session is told of them."""
        for event in told:
            match event:
                case Asked(request=request):
                    self._open[request.request_id] = request
                case Withdrawn(request_id=request_id):
                    self._open.pop(request_id, None)

    def forget(self) -> None:
        """The turn is aborted: nobody waits any more."""
        self._open.clear()
        self._held.clear()

    async def answer(self, request_id: RequestId, answer: Answer) -> None:
        """Of one that was withdrawn: nothing."""
        request = self._open.pop(request_id, None)
        if request is None:
            return
        reply = reply_to(request, answer)
        if reply.rejects:
            self._held.append(reply)
        else:
            await self._send(reply)
        if not self._open:
            held, self._held = self._held, []
            for rejection in held:
                await self._send(rejection)

    async def _send(self, reply: Reply) -> None:
        await self.client.reply(reply.path, reply.body, self.directory)
