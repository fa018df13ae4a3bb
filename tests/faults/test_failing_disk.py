"""The k-th write, or sync, of a journal fails, for every k: nothing acknowledged is lost, nothing is acknowledged
that is not there, and it goes on or ends with words. The calls fail in the kernel's name, by strace.

`pytest -m soak tests/faults/test_failing_disk.py` tries every k with every error.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from tests.journal.contract import entries

from .tracing import needs_strace, trace_of, traced

CALLS = {"pwrite64": ("EIO", "ENOSPC"), "fdatasync": ("EIO",), "ftruncate": ("EIO",), "fallocate": ("ENOSPC",)}
STEP = {"pwrite64": 13, "fdatasync": 3}  # in CI, which has no time for every k
SEQS = [1, 3, 6, 10, 15, 21]
"""The heads of the log after each append of tests/journal/child.py."""


@pytest.fixture(scope="module")
def counts(tmp_path_factory: pytest.TempPathFactory) -> Counter[str]:
    """How often each call is made when nothing fails."""
    path = tmp_path_factory.mktemp("count") / "journal.db"
    assert traced(path, "-e", "trace=" + ",".join(CALLS)).stdout.splitlines()[-1] == "done"
    lines = trace_of(path).splitlines()
    found = Counter(line.split()[1].partition("(")[0] for line in lines)
    return Counter({call: found[call] for call in CALLS})


def try_one(path: Path, call: str, error: str, k: int) -> str:
    """What came of it: paused, ended, or nothing noticed. Fails with what was lost."""
    child = traced(path, "-e", f"trace={call}", "-e", f"inject={call}:error={error}:when={k}")
    said = child.stdout.split("\n")
    acknowledged = [int(line.split()[1]) for line in said if line.startswith("ses_fault")]
    case = f"{call} {k} {error}: {said}\n{child.stderr[-2000:]}"
    assert "(INJECTED)" in trace_of(path), case
    if child.returncode == 0:
        assert acknowledged == SEQS, case
    else:
        assert "JournalError" in child.stderr or "JournalPaused" in child.stderr, case
        assert str(path) in child.stderr, case
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)], case
        if connection.execute("PRAGMA user_version").fetchone() == (0,):  # it failed before the first table was there
            assert acknowledged == [], case
            return "ended"
        kept = connection.execute("SELECT seq, body FROM events ORDER BY seq").fetchall()
    assert kept == [(entry.seq, entry.body) for entry in entries(1, len(kept), 300)], case
    assert len(kept) in {0, *SEQS}, case
    assert len(kept) >= max(acknowledged, default=0), case
    assert not path.with_name("journal.db.suspect").exists(), case
    return "ended" if child.returncode else "paused" if "paused" in child.stdout else "unnoticed"


def tried(tmp_path: Path, cases: list[tuple[str, str, int]]) -> Counter[str]:
    outcomes: Counter[str] = Counter()
    for number, (call, error, k) in enumerate(cases):
        directory = tmp_path / str(number)
        directory.mkdir()
        outcomes[try_one(directory / "journal.db", call, error, k)] += 1
    return outcomes


@needs_strace
@pytest.mark.parametrize("call", CALLS)
def test_a_call_that_fails_loses_nothing(call: str, counts: Counter[str], tmp_path: Path) -> None:
    assert counts[call] >= 1
    ks = range(1, counts[call] + 1, STEP.get(call, 1))
    errors = CALLS[call]
    outcomes = tried(tmp_path, [(call, errors[place % len(errors)], k) for place, k in enumerate(ks)])
    assert sum(outcomes.values()) == len(ks)
    if call == "fdatasync":  # of a write that fails the reserve makes a second one
        assert outcomes["paused"] >= 1, outcomes


@needs_strace
@pytest.mark.soak
@pytest.mark.parametrize("call", CALLS)
def test_every_call_that_fails_loses_nothing(call: str, counts: Counter[str], tmp_path: Path) -> None:
    cases = [(call, error, k) for k in range(1, counts[call] + 1) for error in CALLS[call]]
    print(f"{call}: {len(cases)} failures, {dict(tried(tmp_path, cases))}")
