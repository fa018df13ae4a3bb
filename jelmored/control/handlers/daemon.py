"""What clients ask of the daemon as a whole: hello, how it is, its drains and its end, what was used."""

from __future__ import annotations

import trio

from jelmored import logs
from jelmored.control.method import Caller
from jelmored.domain.times import utc_now
from jelmored.errors import ErrorKind, Refused
from jelmored.journal.base import JournalStatus
from jelmored.wire import messages as m

from .checks import check_date


def initialize(caller: Caller, hello: m.Initialize) -> m.Welcome:
    """Say hello: the first request. `clientInfo.name` (200 characters at most) stands in the log of every session
    that you touch."""
    return caller.greet(hello)


def ping(caller: Caller, _: m.Nothing) -> m.Nothing:
    """Does nothing, with a reply."""
    return m.Nothing()


def status(caller: Caller, _: m.Nothing) -> m.DaemonStatus:
    """How the daemon is. `sessions`: how many there are of each status; `runs`: agents at work; `draining`: no turns
    begin now; `tasks`: the daemon's own, which do not become more with time; `logLost`: lines of its log that could
    not be written."""
    services = caller.services
    instance, journal = services.instance, services.journal.status()
    return m.DaemonStatus(
        version=instance.version,
        instance_id=instance.instance_id,
        pid=instance.pid,
        uptime_seconds=max(0.0, (utc_now() - instance.started_at).total_seconds()),
        providers={view.name: view.health for view in services.providers.views()},
        sessions={status.value: number for status, number in services.directory.counts().items()},
        runs=services.providers.runs,
        connections=caller.clients,
        journal=_health_of(journal),
        draining=services.directory.draining.under_way,
        tasks=trio.lowlevel.current_statistics().tasks_living,
        log_lost=logs.lost(),
    )


def _health_of(journal: JournalStatus) -> m.JournalHealth:
    trouble = journal.trouble
    return m.JournalHealth(
        ok=journal.ok,
        bytes=journal.size_bytes,
        lag_ms=journal.lag_ms,
        kind=trouble.kind if trouble else None,
        message=trouble.message if trouble else None,
        remedy=trouble.remedy if trouble else None,
        damaged=str(journal.damaged) if journal.damaged else None,
    )


def drain(caller: Caller, params: m.Nothing) -> m.DaemonStatus:
    """Begin no turns: those that run end, prompts wait in their queues, on the disk. Approvals can be answered. Until
    `daemon/undrain`, or the next start, which goes on with what waits."""
    caller.services.directory.draining.begin()
    return status(caller, params)


def undrain(caller: Caller, params: m.Nothing) -> m.DaemonStatus:
    """Begin turns again, first with what has waited."""
    caller.services.directory.draining.end()
    return status(caller, params)


async def reload(caller: Caller, _: m.Nothing) -> m.Reloaded:
    """Read the configuration again, as SIGHUP does, and take what can be taken now. No session is ended, and no turn.
    With a fault nothing changes, and `config-invalid` has them all."""
    return await caller.services.configuration.reload()


def settings(caller: Caller, _: m.Nothing) -> m.EffectiveSettings:
    """Every setting as it counts now, and where that was said. Of secrets there is only that they are there."""
    return m.EffectiveSettings(settings=caller.services.configuration.get())


def shutdown(caller: Caller, params: m.Shutdown) -> m.Nothing:
    """Stop, as SIGTERM does; the reply comes before the end. `graceSeconds`: so long turns that run have to end, while
    no others begin; left out, as long as `sessions.drain_seconds` says. Then they are cut, and the stop takes as long
    again at most, and never more than 20 s. Asked again, it waits for no turn any more."""
    grace = params.grace_seconds
    if grace is not None and grace < 0:
        raise Refused(ErrorKind.INVALID_PARAMS, "graceSeconds is a number from 0 on", field="graceSeconds")
    caller.services.shutdown(grace)
    return m.Nothing()


async def usage(caller: Caller, params: m.FindUsage) -> m.UsageReport:
    """What was used, summed up `by` session, provider, model or UTC day, of all sessions. `costUsd` is what is billed,
    `notionalUsd` what a subscription pays; a turn is counted once for each run that took part. What deleted sessions
    took stays: by session, under an empty key."""
    for field, value in (("since", params.since), ("until", params.until)):
        check_date(field, value)
    rows = await caller.services.journal.usage(params.by, since=params.since or "", until=params.until)
    return m.UsageReport(by=params.by, rows=tuple(rows))
