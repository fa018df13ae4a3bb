"""The ids of things, and how they are minted. Random, so that a short prefix names one of them."""

from __future__ import annotations

import base64
import secrets
from typing import NewType

SessionId = NewType("SessionId", str)
PromptId = NewType("PromptId", str)
ApprovalId = NewType("ApprovalId", str)
ItemId = NewType("ItemId", str)
"""A piece of an answer while it streams; deltas and the event that closes it share it."""
ToolUseId = NewType("ToolUseId", str)
RequestId = NewType("RequestId", str)
"""An agent's own id of a question it waits on; it means nothing outside the run."""
ConnectionId = NewType("ConnectionId", str)
InstanceId = NewType("InstanceId", str)
"""One life of the daemon."""
LogId = NewType("LogId", str)
"""One life of a session's log: a rebuilt log has another, and cursors into the old one are void."""
ProviderName = NewType("ProviderName", str)

Epoch = NewType("Epoch", int)
"""Counts the runs of a session; output of any but the current one is dropped."""


def _mint(prefix: str) -> str:
    return f"{prefix}_{base64.b32encode(secrets.token_bytes(10)).decode().lower()}"


def new_session_id() -> SessionId:
    """80 random bits: never minted twice, and no guess finds one."""
    return SessionId(_mint("ses"))


def new_prompt_id() -> PromptId:
    return PromptId(_mint("prm"))


def new_approval_id() -> ApprovalId:
    return ApprovalId(_mint("apr"))


def new_connection_id() -> ConnectionId:
    return ConnectionId(_mint("con"))


def new_instance_id() -> InstanceId:
    return InstanceId(_mint("ins"))


def new_log_id() -> LogId:
    return LogId(_mint("log"))
