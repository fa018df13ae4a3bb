"""What is acknowledged is on the disk: between an append and its acknowledgement there is a sync of its own.

That the engine is told to sync each commit is seen in tests/journal/test_schema.py too, without strace."""

from __future__ import annotations

from pathlib import Path

import pytest

from .tracing import needs_strace, trace_of, traced

APPENDS = 6


def acknowledged_without_sync(trace: str) -> int:
    """Acknowledgements (lines on stdout) that had no sync of the write-ahead log since the one before."""
    synced, without = False, 0
    for line in trace.splitlines():
        call = line.split(maxsplit=1)[1]
        if call.startswith("fdatasync(") and call.endswith("= 0"):
            synced = True
        elif call.startswith('write(1, "ses_fault'):
            without += not synced
            synced = False
    return without


@needs_strace
@pytest.mark.parametrize(("synchronous", "without"), [("full", 0), ("normal", APPENDS - 1)])
def test_each_acknowledgement_has_a_sync_before_it_that_is_its_own(
    tmp_path: Path, synchronous: str, without: int
) -> None:
    path = tmp_path / "journal.db"
    child = traced(path, "-e", "trace=fdatasync,write", synchronous=synchronous)
    assert child.stdout.splitlines()[-1] == "done", child.stderr
    assert child.stdout.count("ses_fault") == APPENDS
    assert acknowledged_without_sync(trace_of(path)) == without, "of the first one the opening of the file synced"
