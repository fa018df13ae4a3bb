"""Does the time that a wrong token takes tell how much of it is right?"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable
from math import sqrt
from pathlib import Path

import pytest

from jelmored.actors.running import running
from jelmored.control.keyring import Keyring
from jelmored.control.tokens import TokenFiles
from jelmored.domain.scopes import Scope
from jelmored.secrecy import make

pytestmark = pytest.mark.soak

SAMPLES = 200_000
NOISE = 4.5
"""Of Welch's t: above it two sets of times are taken for different (the bound of TVLA, ISO/IEC 17825)."""
KEPT = 0.95
"""The slowest are the machine's doing."""


def welch(one: list[int], other: list[int]) -> float:
    variance = statistics.variance(one) / len(one) + statistics.variance(other) / len(other)
    return (statistics.fmean(one) - statistics.fmean(other)) / sqrt(variance)


def timed(find: Callable[[str], object], text: str) -> int:
    start = time.perf_counter_ns()
    find(text)
    return time.perf_counter_ns() - start


def cropped(times: list[int]) -> list[int]:
    return sorted(times)[: int(len(times) * KEPT)]


async def test_a_right_beginning_takes_as_long_as_a_wrong_one(tmp_path: Path) -> None:
    files = TokenFiles(tmp_path / "tokens")
    files.ensure()
    for number in range(4):
        files.add(f"t{number}", Scope.OBSERVER)
    right = files.path("admin").read_text().strip()
    nearly = right[:-1] + ("A" if right[-1] != "A" else "B")
    wrong = make("admin")
    chance, times = random.Random(6), {nearly: list[int](), wrong: list[int]()}
    ring = Keyring(files, lambda _: None)
    async with running(ring.run):
        for text in (nearly, wrong) * 1000:
            ring.find(text)
        for text in chance.sample([nearly, wrong] * SAMPLES, 2 * SAMPLES):
            times[text].append(timed(ring.find, text))
    t = welch(cropped(times[nearly]), cropped(times[wrong]))
    print(f"Welch t {t:.2f} of {SAMPLES} each; mean {statistics.fmean(cropped(times[wrong])):.0f} ns")
    assert abs(t) < NOISE


def test_the_measure_sees_a_comparison_that_stops_early() -> None:
    """Or it would see nothing at all."""
    right = make("admin")
    nearly, wrong = right[:-1] + "!", "!" * len(right)

    def naive(text: str) -> bool:
        return all(one == other for one, other in zip(text, right, strict=True))

    times: dict[str, list[int]] = {nearly: [], wrong: []}
    for text in random.Random(6).sample([nearly, wrong] * 2000, 4000):
        times[text].append(timed(naive, text))
    assert abs(welch(cropped(times[nearly]), cropped(times[wrong]))) > 10 * NOISE
