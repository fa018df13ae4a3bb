"""Where a session begins, and what follows when a run ends under a turn."""

from __future__ import annotations

import pytest

from jelmored.domain.failures import REQUESTED, Failure, RunClass, RunEnd
from jelmored.domain.ids import ProviderName
from jelmored.domain.models import Health, ProviderCapabilities, ProviderView, RunCount
from jelmored.domain.ranking import Obstacle, Ranked
from jelmored.errors import ErrorKind, Refused
from jelmored.sessions.agent.router import Next, after, can_fork, check_there, choose

A, B = ProviderName("a"), ProviderName("b")


def ranked(name: ProviderName, obstacle: Obstacle | None = None) -> Ranked:
    against = (f"{obstacle} it is", "and more") if obstacle else ()
    return Ranked(provider=name, obstacle=obstacle, against=against, merits=("cheap",))


@pytest.mark.parametrize(
    ("ranking", "wanted", "chosen"),
    [
        ([ranked(A), ranked(B)], None, A),
        ([ranked(A), ranked(B, Obstacle.EXCLUDED)], A, A),
        ([ranked(B, Obstacle.FULL), ranked(A, Obstacle.DISABLED)], None, B),
        ([ranked(B, Obstacle.COOLING)], None, B),
        ([ranked(B, Obstacle.UNHEALTHY), ranked(A, Obstacle.EXCLUDED)], B, B),
    ],
)
def test_where_a_session_begins(ranking: list[Ranked], wanted: ProviderName | None, chosen: ProviderName) -> None:
    assert choose(ranking, wanted).provider == chosen


@pytest.mark.parametrize(
    ("ranking", "wanted", "said", "field"),
    [
        ([ranked(A), ranked(B)], "c", "there is no provider 'c'; there are: a, b", "provider"),
        ([ranked(A, Obstacle.DISABLED), ranked(B)], "a", "a: disabled it is; and more", "provider"),
        ([ranked(A, Obstacle.MODEL), ranked(B)], "a", "a: model it is", "provider"),
        ([ranked(A, Obstacle.MODEL), ranked(B, Obstacle.COST)], None, "a: model it is; and more; b: cost it is", None),
        ([], None, "no provider is configured", None),
    ],
)
def test_none_will_do(ranking: list[Ranked], wanted: ProviderName | None, said: str, field: str | None) -> None:
    with pytest.raises(Refused) as refused:
        choose(ranking, wanted)
    assert (refused.value.kind, refused.value.field) == (ErrorKind.NO_PROVIDER, field)
    assert said in refused.value.message


def view(name: str, **more: object) -> ProviderView:
    return ProviderView(
        name=ProviderName(name),
        type="claude",
        runs=RunCount(active=0, max=1),
        **({"health": Health.HEALTHY} | more),  # type: ignore[arg-type]
    )


def test_some_agents_can_begin_in_the_middle() -> None:
    views = [view("able", capabilities=ProviderCapabilities(fork=True)), view("unable")]
    assert [can_fork(ProviderName(name), views) for name in ("able", "unable", "gone")] == [True, False, False]


def test_a_fork_goes_where_there_is_a_provider() -> None:
    views = [view("well", health=Health.UNHEALTHY), view("off", health=Health.DISABLED, reason="no such program")]
    check_there(ProviderName("well"), views)
    for name, said in (("off", "is disabled: no such program"), ("gone", "there are: well, off")):
        with pytest.raises(Refused, match=said):
            check_there(ProviderName(name), views)


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


def test_one_that_is_unwell_is_asked_all_the_same_where_there_is_no_other() -> None:
    assert choose([ranked(A, Obstacle.UNHEALTHY)]).provider == A
    assert choose([ranked(A, Obstacle.UNHEALTHY), ranked(B, Obstacle.COOLING)]).provider == B
