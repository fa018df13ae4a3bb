"""Where a session goes: which provider begins it, and what follows when a run fails. Pure; failover decides here."""

from __future__ import annotations

import enum
from collections.abc import Sequence

from jelmored.domain.failures import RunClass, RunEnd
from jelmored.domain.ids import ProviderName
from jelmored.domain.models import Health, ProviderView
from jelmored.errors import ErrorKind, Refused

NEVER_CHOSEN = frozenset({"demo"})  # a demo is only run by somebody who asks for it


class Next(enum.Enum):
    """What becomes of the turn whose run is gone."""

    RESTART = "the same provider, with the agent's own resume"
    END_TURN = "the turn ends as it is"


def choose(wanted: ProviderName | None, default: str, views: Sequence[ProviderView]) -> ProviderName:
    """Where a session begins.

    Args:
        wanted: as the client asked; None is the default one, or else the first that is there.

    Raises:
        Refused: `no-provider`, with what was looked at.
    """
    usable = {view.name: view for view in views if view.health is not Health.DISABLED}
    if wanted is not None:
        if wanted in usable:
            return wanted
        raise Refused(ErrorKind.NO_PROVIDER, _why_not(wanted, views), field="provider")
    if default in usable:
        return usable[ProviderName(default)].name
    for view in usable.values():
        if view.type not in NEVER_CHOSEN:
            return view.name
    raise Refused(ErrorKind.NO_PROVIDER, _none_usable(views), remedy='install an agent, or ask for provider "demo"')


def check_fork(provider: ProviderName, views: Sequence[ProviderView]) -> None:
    """A provider that is to go on with a fork can do so.

    Raises:
        Refused: `no-provider`: it is not there; `invalid-request`: its agents can't begin in the middle.
    """
    choose(provider, provider, views)
    if not any(view.capabilities.fork for view in views if view.name == provider):
        raise Refused(
            ErrorKind.INVALID_REQUEST,
            f"{provider} can't fork a conversation",
            remedy="create a session, and tell its agent what it has to know",
        )


def _why_not(wanted: ProviderName, views: Sequence[ProviderView]) -> str:
    view = next((view for view in views if view.name == wanted), None)
    if view is None:
        return f"there is no provider {wanted!r}; there are: {', '.join(view.name for view in views)}"
    return f"provider {wanted} is disabled: {view.reason}"


def _none_usable(views: Sequence[ProviderView]) -> str:
    told = "; ".join(f"{view.name}: {view.reason or view.health}" for view in views if view.type not in NEVER_CHOSEN)
    return f"no provider can be used ({told or 'none is configured'})"


def after(end: RunEnd, *, said: bool, side_effects: bool) -> Next:
    """What follows when a run ends under a turn.

    A prompt is given again only if the agent did not get it, or crashed before anything but reading: two agents, or
    one twice, never do the same work.

    Args:
        said: the agent was given the prompt.
        side_effects: a tool was used in this turn that may have changed something.
    """
    if end.cls is RunClass.CRASH and not (said and side_effects):
        return Next.RESTART
    if end.failure is None and not said:
        return Next.RESTART
    return Next.END_TURN
