"""What a new session begins with, from what its client asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import attrs

from jelmored.domain.commands import CompactSession, CreateSession, SendPrompt
from jelmored.domain.ids import ProviderName, SessionId, new_log_id, new_session_id
from jelmored.domain.permissions import PermissionMode
from jelmored.domain.sessions import Facts
from jelmored.domain.times import utc_now
from jelmored.journal.base import Batch
from jelmored.sessions.messages import KeyClaim
from jelmored.wire import codec

FIRST_PROMPT = KeyClaim("\0first prompt", "")
"""The prompt of `session/create`: admitted once, however often the creation is asked for under its requestKey."""


def first_facts(
    command: CreateSession, provider: ProviderName, mode: PermissionMode, sharing: Sequence[SessionId]
) -> Facts:
    """The facts of a session before its first prompt.

    Args:
        command: located.
        sharing: sessions that work in the same directory; the client is warned of them.
    """
    now = utc_now()
    return Facts(
        session_id=new_session_id(),
        name=command.name,
        title=command.title,
        provider=provider,
        pin=command.pin,
        wanted_model=command.model,
        cwd=command.cwd,
        directory=command.cwd,
        permission_mode=mode,
        system_prompt=command.system_prompt,
        directories=command.directories,
        mcp_servers=command.mcp_servers,
        environment=command.environment,
        limits=command.limits,
        requirements=command.requirements,
        created_at=now,
        last_activity=now,
        log_id=new_log_id(),
        warnings=({"kind": "directory-shared", "sessions": list(sharing)},) if sharing else (),
    )


def birth(facts: Facts, claim: KeyClaim | None) -> Batch:
    """What makes a session durable, with the requestKey that it was asked for under."""
    kept = (attrs.evolve(claim.kept(facts.session_id.encode()), daemon_wide=True),) if claim else ()
    return Batch(session_id=facts.session_id, facts=codec.encode(facts), keys=kept)


def claim_of(key: str | None, command: CreateSession | SendPrompt | CompactSession) -> KeyClaim | None:
    """The requestKey of a command, with a digest of all that is asked."""
    if key is None:
        return None
    return KeyClaim(key, hashlib.sha256(codec.encode(command)).hexdigest())
