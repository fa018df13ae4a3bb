"""When it is the network, and when it is over."""

from __future__ import annotations

import pytest

from jelmored.domain.ids import ProviderName
from jelmored.supervision.offline import Finding, Network, Outage

A, B = ProviderName("a"), ProviderName("b")


@pytest.mark.parametrize(
    ("failures", "alone", "offline"),
    [
        ([(A, 0)], False, False),
        ([(A, 0)], True, True),
        ([(A, 0), (A, 1), (A, 2)], False, False),
        ([(A, 0), (B, 30)], False, True),
        ([(A, 0), (B, 31)], False, False),
        ([(A, 0), (B, 31), (A, 60)], False, True),
    ],
)
def test_two_that_fail_within_half_a_minute_or_the_only_one(
    failures: list[tuple[ProviderName, float]], alone: bool, offline: bool
) -> None:
    network = Network()
    for name, at in failures:
        network = network.failed(name, at, alone=alone)
    assert (network.outage is not None) == offline


def test_further_failures_and_a_sleep_do_not_begin_another() -> None:
    outage = Network().slept(5).outage
    assert outage == Outage(since=5, certain=True)
    assert Network().slept(5).failed(A, 9, alone=True).slept(12).outage == outage


@pytest.mark.parametrize(
    ("outage", "reached", "now", "finding"),
    [
        (Outage(since=0, certain=True), {True, False}, 0, Finding.FALSE_ALARM),
        (Outage(since=0, certain=True, seen=True), {True, False}, 9, Finding.OVER),
        (Outage(since=0, certain=True), {False, None}, 0, Finding.LASTS),
        (Outage(since=0, certain=False), {False}, 0, Finding.LASTS),
        (Outage(since=0, certain=False, seen=True), {False}, 599, Finding.LASTS),
        (Outage(since=0, certain=False, seen=True), {False}, 600, Finding.OVER),
        (Outage(since=0, certain=False), {None}, 0, Finding.FALSE_ALARM),
        (Outage(since=0, certain=True), {None}, 29, Finding.LASTS),
        (Outage(since=0, certain=True), {None}, 30, Finding.OVER),
        (Outage(since=0, certain=True), set(), 30, Finding.OVER),
    ],
)
def test_what_a_look_shows(outage: Outage, reached: set[bool | None], now: float, finding: Finding) -> None:
    assert outage.judge(reached, now) is finding


def test_once_confirmed_it_was_no_false_alarm() -> None:
    confirmed = Network().failed(A, 0, alone=True).confirmed().outage
    assert confirmed is not None
    assert confirmed.judge({True}, 1) is Finding.OVER
