"""Our answers to what OpenCode asks, as its server wants them: `once` or `reject`, never its own `always`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import orjson

from jelmored.domain.permissions import Answer, PermissionRequest, Verdict

DENIED = "The user does not allow this."


@attrs.frozen
class Reply:
    """A call of the server."""

    path: str
    body: Mapping[str, Any] = attrs.field(factory=dict)
    rejects: bool = False


def reply_to(request: PermissionRequest, answer: Answer) -> Reply:
    """A rejection always has a message: without one the turn would stop."""
    if request.questions:
        return _of_question(request, answer)
    path = f"/permission/{request.request_id}/reply"
    if (objection := _objection(answer)) is not None:
        return Reply(path, {"reply": "reject", "message": objection}, rejects=True)
    return Reply(path, {"reply": "once"})


def _objection(answer: Answer) -> str | None:
    """OpenCode can't be given another input than it asked with: the model is told, and may ask with that."""
    if answer.verdict is not Verdict.ALLOW:
        return answer.message or DENIED
    if answer.updated_input is not None:
        return f"The user wants this with another input: {orjson.dumps(answer.updated_input).decode()}"
    return None


def _of_question(request: PermissionRequest, answer: Answer) -> Reply:
    if answer.verdict is not Verdict.ALLOW or answer.answers is None:
        return Reply(f"/question/{request.request_id}/reject", rejects=True)
    answers = [list(answer.answers.get(question.id, ())) for question in request.questions]
    return Reply(f"/question/{request.request_id}/reply", {"answers": answers})
