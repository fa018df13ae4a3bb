"""Where a session begins, and what follows when a run ends under a turn."""

from __future__ import annotations

import attrs
import pytest

from jelmored.domain.failures import REQUESTED, Failure, RunClass, RunEnd
from jelmored.domain.ids import ProviderName
from jelmored.domain.models import Health, ProviderCapabilities, ProviderView, RunCount
from jelmored.errors import ErrorKind, Refused
from jelmored.sessions.router import Next, after, can_fork, choose


def view(name: str, health: Health = Health.HEALTHY, kind: str = "claude") -> ProviderView:
    reason = "no such program" if health is Health.DISABLED else None
    return ProviderView(
        name=ProviderName(name), type=kind, health=health, reason=reason, runs=RunCount(active=0, max=1)
    )


OFF = Health.DISABLED
DEMO = view("demo", kind="demo")


@pytest.mark.parametrize(
    ("wanted", "views", "chosen"),
    [
        (None, [view("a"), view("main"), DEMO], "main"),
        (None, [view("a"), view("b")], "a"),
        (None, [DEMO, view("b")], "b"),
        (None, [view("main", Health.UNHEALTHY), view("b")], "main"),
        (None, [view("main", OFF), view("a", OFF), view("b")], "b"),
        ("b", [view("main"), view("b", Health.UNHEALTHY)], "b"),
        ("demo", [view("main"), DEMO], "demo"),
    ],
)
def test_where_a_session_begins(wanted: ProviderName | None, views: list[ProviderView], chosen: str) -> None:
    assert choose(wanted, "main", views) == chosen


@pytest.mark.parametrize(
    ("wanted", "views", "said"),
    [
        ("c", [view("a"), view("b")], "there is no provider 'c'; there are: a, b"),
        ("a", [view("a", OFF), view("b")], "provider a is disabled: no such program"),
        (None, [], "none is configured"),
        (None, [DEMO], "none is configured"),
        (None, [view("main", OFF), DEMO], "main: no such program"),
    ],
)
def test_none_will_do(wanted: ProviderName | None, views: list[ProviderView], said: str) -> None:
    with pytest.raises(Refused) as refused:
        choose(wanted, "main", views)
    assert refused.value.kind is ErrorKind.NO_PROVIDER
    assert said in refused.value.message


def test_some_agents_can_begin_in_the_middle() -> None:
    able = attrs.evolve(view("able"), capabilities=ProviderCapabilities(fork=True))
    views = [able, view("unable")]
    assert [can_fork(ProviderName(name), views) for name in ("able", "unable", "gone")] == [True, False, False]


def test_a_demo_runs_by_default_only_if_the_configuration_says_so() -> None:
    assert choose(None, "demo", [view("a"), DEMO]) == "demo"


CRASHED = RunEnd.failed(Failure(kind=ErrorKind.AGENT_CRASHED, message=""))
OTHERS = [
    RunEnd.failed(Failure(kind=kind, message=""))
    for kind in (ErrorKind.NETWORK, ErrorKind.RATE_LIMITED, ErrorKind.AUTH_REQUIRED, ErrorKind.CONTEXT_TOO_LONG)
]


@pytest.mark.parametrize(
    ("end", "said", "side_effects", "follows"),
    [
        (CRASHED, False, False, Next.RESTART),
        (CRASHED, True, False, Next.RESTART),
        (CRASHED, True, True, Next.CONTINUE),
        (REQUESTED, False, False, Next.RESTART),
        (REQUESTED, True, False, Next.END_TURN),
        (REQUESTED, True, True, Next.END_TURN),
        *((end, said, effects, Next.FAIL_OVER) for end in OTHERS for said, effects in ((False, False), (True, True))),
    ],
)
def test_what_follows(end: RunEnd, said: bool, side_effects: bool, follows: Next) -> None:
    assert after(end, said=said, side_effects=side_effects) is follows


def test_every_class_of_an_end_was_thought_of() -> None:
    assert {end.cls for end in (CRASHED, REQUESTED, *OTHERS)} == set(RunClass) - {RunClass.NORMAL}
