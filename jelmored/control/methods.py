"""The methods of protocol 1, section 3, in one table."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from jelmored.domain.commands import (
    AdoptSession,
    CompactSession,
    ConfigureSession,
    CreateSession,
    DecideForeign,
    FindPastSessions,
    FindSessions,
    ForkSession,
    Interrupt,
    MoveSession,
    PromptReceipt,
    ResolveApproval,
    ResumeSession,
    SendPrompt,
)
from jelmored.domain.models import ProviderView
from jelmored.domain.permissions import Approval
from jelmored.domain.scopes import Scope
from jelmored.domain.sessions import SessionView
from jelmored.wire import messages as m
from jelmored.wire.schemas import Schema
from jelmored.wire.states import session_of

from . import openrpc
from .handlers import conversation, daemon, providers, sessions
from .method import Caller, Method


def rpc_discover(_: Caller, __: m.Nothing) -> Schema:
    """This protocol for programs: every method, notification, value, error and close code, as an OpenRPC document."""
    return document()


def _one_page_at_a_time(_: Caller, __: m.ReadHistory) -> str:
    """A page is large: a client has one of them in the making, whatever it asks for at once."""
    return "session/history"


def _session_of_approval(caller: Caller, params: ResolveApproval) -> str | None:
    found = (one for one in caller.services.directory.approvals() if one.approval_id == params.approval_id)
    return next((one.session_id for one in found), None)


def _session_of_state(_: Caller, params: ResumeSession | m.ImportSession) -> str | None:
    return params.session_id or session_of(params.state)


WATCH, WORK, GOVERN = Scope.OBSERVER, Scope.OPERATOR, Scope.ADMIN

_TABLE: tuple[Method[Any, Any], ...] = (
    Method("initialize", WATCH, m.Initialize, daemon.initialize, m.Welcome, for_agents=True),
    Method("ping", WATCH, m.Nothing, daemon.ping, m.Nothing, for_agents=True),
    Method("rpc.discover", WATCH, m.Nothing, rpc_discover, Schema),
    Method("daemon/status", WATCH, m.Nothing, daemon.status, m.DaemonStatus, for_agents=True),
    Method("daemon/drain", GOVERN, m.Nothing, daemon.drain, m.DaemonStatus),
    Method("daemon/undrain", GOVERN, m.Nothing, daemon.undrain, m.DaemonStatus),
    Method("daemon/reload", GOVERN, m.Nothing, daemon.reload, m.Reloaded),
    Method("daemon/shutdown", GOVERN, m.Shutdown, daemon.shutdown, m.Nothing),
    Method("provider/list", WATCH, m.Nothing, providers.list_, m.ProviderList),
    Method("provider/get", WATCH, m.NamedProvider, providers.get, ProviderView),
    Method("provider/check", WORK, m.NamedProvider, providers.check, ProviderView),
    Method("provider/restart", GOVERN, m.NamedProvider, providers.restart, ProviderView),
    Method("provider/drain", GOVERN, m.NamedProvider, providers.drain, ProviderView),
    Method("provider/undrain", GOVERN, m.NamedProvider, providers.undrain, ProviderView),
    Method("provider/pastSessions", WATCH, FindPastSessions, providers.past_sessions, m.PastSessions),
    Method("provider/rank", WATCH, m.RankProviders, providers.rank, m.Ranking),
    Method("model/list", WATCH, m.FindModels, providers.models, m.ModelList),
    Method("session/create", WORK, CreateSession, sessions.create, SessionView),
    Method("session/get", WATCH, m.OneSession, sessions.get, SessionView),
    Method("session/list", WATCH, FindSessions, sessions.list_, m.SessionPage),
    Method("session/prompt", WORK, SendPrompt, conversation.prompt, PromptReceipt),
    Method("session/queue", WATCH, m.OneSession, conversation.queue, m.PromptQueue),
    Method("session/unqueue", WORK, m.Unqueue, conversation.unqueue, m.PromptQueue),
    Method("session/interrupt", WORK, Interrupt, conversation.interrupt, m.Interrupted),
    Method(
        "session/configure",
        WORK,
        ConfigureSession,
        sessions.configure,
        SessionView,
    ),
    Method("session/compact", WORK, CompactSession, conversation.compact, m.Compacting),
    Method("session/tasks", WATCH, m.OneSession, conversation.tasks, m.TaskList),
    Method("session/stopTask", WORK, m.OneTask, conversation.stop_task, m.TaskStopped),
    Method("session/fork", WORK, ForkSession, sessions.fork, SessionView),
    Method("session/adopt", WORK, AdoptSession, sessions.adopt, SessionView),
    Method("session/settleForeign", WORK, DecideForeign, sessions.settle_foreign, SessionView),
    Method("session/move", WORK, MoveSession, sessions.move, (SessionView, m.Preview)),
    Method("session/suspend", WORK, m.OneSession, sessions.suspend, m.Suspended),
    Method("session/resume", WORK, ResumeSession, sessions.resume, SessionView, lane=_session_of_state),
    Method("session/export", WORK, m.OneSession, sessions.export, m.Exported),
    Method(
        "session/import",
        WORK,
        m.ImportSession,
        sessions.import_,
        (SessionView, m.ImportProgress),
        lane=_session_of_state,
    ),
    Method("session/close", WORK, m.OneSession, sessions.close, SessionView),
    Method("session/delete", GOVERN, m.OneSession, sessions.delete, m.Nothing),
    Method("session/cleanup", GOVERN, m.CleanUp, sessions.clean_up, m.CleanedUp),
    Method("session/subscribe", WATCH, m.Subscribe, conversation.subscribe, (m.Subscribed, m.SubscribedAll)),
    Method("session/unsubscribe", WATCH, m.OneSession, conversation.unsubscribe, m.Nothing),
    Method("session/history", WATCH, m.ReadHistory, conversation.history, m.History, lane=_one_page_at_a_time),
    Method("config/get", GOVERN, m.Nothing, daemon.settings, m.EffectiveSettings),
    Method("usage/get", WATCH, m.FindUsage, daemon.usage, m.UsageReport),
    Method("approval/list", WATCH, m.FindApprovals, conversation.approvals, m.ApprovalList),
    Method("approval/resolve", WORK, ResolveApproval, conversation.resolve, Approval, lane=_session_of_approval),
)

METHODS: Mapping[str, Method[Any, Any]] = {method.name: method for method in _TABLE}
"""All that a client may ask. What is not here is `method-not-found`."""


@cache
def document() -> Schema:
    """The OpenRPC document. It takes a while to make."""
    return openrpc.document(METHODS.values())
