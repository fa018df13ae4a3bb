"""What clients ask of providers: how they are, whom one would choose, their models, what their agents keep."""

from __future__ import annotations

from jelmored.control.method import Caller
from jelmored.domain.commands import FindPastSessions
from jelmored.domain.models import ProviderView
from jelmored.domain.ranking import Ranked
from jelmored.wire import messages as m

from .checks import check_limit


def list_(caller: Caller, _: m.Nothing) -> m.ProviderList:
    """All providers, in the order of the configuration."""
    return m.ProviderList(providers=caller.services.providers.views())


def get(caller: Caller, params: m.NamedProvider) -> ProviderView:
    """One provider, as it is now."""
    return caller.services.providers.view(params.name)


async def check(caller: Caller, params: m.NamedProvider) -> ProviderView:
    """Look now whether it is there and logged in; no model is called. One that is switched off is not looked at."""
    return await caller.services.providers.check(params.name)


async def restart(caller: Caller, params: m.NamedProvider) -> ProviderView:
    """End its agents cleanly, and its server if it has one; start again, and look. Turns in hand are interrupted.
    Answers when it is done; once begun, it is finished also if you leave."""
    return await caller.services.providers.restart(params.name)


def drain(caller: Caller, params: m.NamedProvider) -> ProviderView:
    """Start no more agents there: turns in hand end, agents that are idle are closed. Until `provider/undrain`, or a
    restart of the daemon."""
    return caller.services.providers.drain(params.name)


def undrain(caller: Caller, params: m.NamedProvider) -> ProviderView:
    """Start agents there again."""
    return caller.services.providers.undrain(params.name)


async def rank(caller: Caller, params: m.RankProviders) -> m.Ranking:
    """Who would begin a session with these requirements, best first: a rehearsal, nothing starts. `reasons`: those
    against it first; `obstacle` names the first of them. `model`: what it would be asked for."""
    providers = caller.services.providers
    await providers.models()
    return m.Ranking(ranking=tuple(map(_ranked, providers.rank(params.requirements))))


def _ranked(ranked: Ranked) -> m.RankedProvider:
    return m.RankedProvider(
        provider=ranked.provider,
        model=ranked.model,
        accepted=ranked.accepted,
        obstacle=ranked.obstacle,
        reasons=ranked.reasons,
    )


async def past_sessions(caller: Caller, params: FindPastSessions) -> m.PastSessions:
    """The conversations that the provider's agent keeps itself, latest first, up to `limit` (1–500): those that it has
    had without this daemon, and those of its sessions. `cwd`: only of this directory. `sessionId`: the session that
    goes on with it; it is adopted, or was made here. The next page with `cursor: nextCursor`."""
    check_limit(params.limit)
    sessions, cursor = await caller.services.directory.past_sessions(params)
    return m.PastSessions(sessions=sessions, next_cursor=cursor)


async def models(caller: Caller, params: m.FindModels) -> m.ModelList:
    """The models of one provider, or of all that are switched on: as their agents tell of them, completed from the
    catalogue. `equivalents`: the other names that a requirement may use, nearest first."""
    return m.ModelList(models=await caller.services.providers.models(params.provider))
